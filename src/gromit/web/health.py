"""What is answered without a certificate, on an address of its own: that the process lives, whether it is ready, its metrics."""

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route


def health_app(registry: CollectorRegistry, not_ready: Callable[[], str | None]) -> Starlette:
    """`/healthcheck` (lives), `/readyz` (503 with the reason that `not_ready` gives) and `/metrics`.

    The metrics are those of `registry`, then those of the process: memory, files, connections, failed handshakes.
    """

    def healthcheck(_request: Request) -> Response:
        return PlainTextResponse("OK")

    def readyz(_request: Request) -> Response:
        reason = not_ready()
        return JSONResponse({"error": reason}, 503) if reason else PlainTextResponse("OK")

    def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry) + generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthcheck", healthcheck), Route("/readyz", readyz), Route("/metrics", metrics)])
