"""Health and metrics of a process, on a separate address without certificates."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

log = structlog.get_logger(__name__)

LOG_INTERVAL_S = 60.0
"""Interval of the periodic log lines; CloudWatch metrics have one-minute resolution."""


def health_app(
    registry: CollectorRegistry,
    not_ready: Callable[[], str | None],
    periodic: Callable[[], None] | None = None,
    interval_s: float = LOG_INTERVAL_S,
) -> Starlette:
    """Build an application with `/healthcheck`, `/readyz` and `/metrics`.

    `/healthcheck` answers 200 while the process lives, and `/readyz` answers 503 with the reason
    that `not_ready` returns. The metrics are those of `registry`, then those of the process:
    memory, files, connections, failed handshakes. While the application runs, it calls `periodic`
    at once and then every `interval_s` seconds, in a thread.
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
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_repeat(periodic, interval_s)) if periodic else None
        yield
        if task:
            task.cancel()

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/healthcheck", healthcheck),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ],
    )


async def _repeat(call: Callable[[], None], seconds: float) -> None:
    while True:
        try:
            await asyncio.to_thread(call)
        except Exception:  # a bug must not end the calls that follow: alarms rest on their lines
            log.exception("periodic.failed")
        await asyncio.sleep(seconds)
