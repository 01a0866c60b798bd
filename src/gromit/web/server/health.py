"""What is answered without a certificate, on an address of its own: that the process lives, whether it is ready, its metrics."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

LOG_INTERVAL_S = 60.0
"""How often what is told regularly is told: the finest that a metric of CloudWatch is."""


def health_app(
    registry: CollectorRegistry,
    not_ready: Callable[[], str | None],
    tell: Callable[[], None] | None = None,
    tell_s: float = LOG_INTERVAL_S,
) -> Starlette:
    """`/healthcheck` (lives), `/readyz` (503 with the reason that `not_ready` gives) and `/metrics`.

    The metrics are those of `registry`, then those of the process: memory, files, connections, failed handshakes.
    While it serves, `tell` is called at once and then every `tell_s` seconds, in a thread.
    """

    def healthcheck(_request: Request) -> Response:
        return PlainTextResponse("OK")

    def readyz(_request: Request) -> Response:
        reason = not_ready()
        return JSONResponse({"error": reason}, 503) if reason else PlainTextResponse("OK")

    def metrics(_request: Request) -> Response:
        return Response(
            generate_latest(registry) + generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST
        )

    @asynccontextmanager
    async def telling(_app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_regularly(tell, tell_s)) if tell else None
        yield
        if task:
            task.cancel()

    return Starlette(
        lifespan=telling,
        routes=[
            Route("/healthcheck", healthcheck),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ],
    )


async def _regularly(tell: Callable[[], None], seconds: float) -> None:
    while True:
        await asyncio.to_thread(tell)
        await asyncio.sleep(seconds)
