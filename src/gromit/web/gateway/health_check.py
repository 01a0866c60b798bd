"""Answer to health checks of the gateway, and the line in its log that an alarm waits for."""

from collections.abc import Callable

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from gromit.core.time import Millis

log = structlog.get_logger(__name__)

INTERVAL_MS = 55_000
"""Time between two lines. It is shorter than a minute, so that each minute has one."""


class HealthRoute:
    """Answers health checks, and logs once a minute that they arrive.

    So silence means that the gateway does not run, or that nothing reaches it.
    """

    def __init__(self, now_ms: Callable[[], Millis]) -> None:
        self._now_ms = now_ms
        self._logged_ms: int | None = None

    async def answer(self, _request: Request) -> Response:
        """Answer that the gateway lives."""
        now = self._now_ms()
        if self._logged_ms is None or not 0 <= now - self._logged_ms < INTERVAL_MS:
            self._logged_ms = now
            log.info("gateway.checked")
        return PlainTextResponse("OK")
