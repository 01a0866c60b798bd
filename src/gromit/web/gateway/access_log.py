"""The access log of the gateway: one line for each request, whoever has answered it.

It lies around everything else, the limit of bodies included, and never says what could be a token: neither headers nor queries.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gromit.core.security.tokens import TokenPermission
from gromit.core.time import Millis
from gromit.web.server.limits import App, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

_VISIT = "visit"
_SHOWN = 200
"""Characters of a path; refs are longer but rarely."""


@dataclass(slots=True)
class RequestInfo:
    """What the routes tell the log of a request; filled in as far as it gets."""

    verb: TokenPermission | None = None
    token: str | None = None
    """The name of a token; it opens nothing."""
    repository: str | None = None


class AccessLog:
    """Logs every request to `app` but good answers to those who ask for its health, which balancers do all the time."""

    def __init__(self, app: App, now_ms: Callable[[], Millis]) -> None:
        self._app = app
        self._now_ms = now_ms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, visit = self._now_ms(), request_info(scope)
        status: int | None = None  # of a client that is gone before its request was whole

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception:
            status = status or 500  # as the server answers then
            raise
        finally:
            if (scope["path"], status) != ("/healthcheck", 200):
                log.info(
                    "gateway.request",
                    token=visit.token,
                    repository=visit.repository,
                    verb=visit.verb and str(visit.verb),
                    method=scope["method"],
                    path=scope["raw_path"].decode("ascii", "backslashreplace")[:_SHOWN],
                    status=status,
                    ms=self._now_ms() - started,
                    client=scope["client"] and scope["client"][0],
                )


def request_info(scope: Scope) -> RequestInfo:
    """What is known of a request."""
    state = scope.setdefault("state", {})
    visit = state.setdefault(_VISIT, RequestInfo())
    assert isinstance(visit, RequestInfo)  # noqa: S101 - nobody else uses this key
    return visit
