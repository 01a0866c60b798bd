"""Access log of the gateway: a line per request; refused ones within the budget of a client.

It wraps all other layers, the body limit included. It never logs headers or queries, because they
may contain a token.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gromit.core.security.tokens import TokenPermission
from gromit.core.time import Millis
from gromit.log import AUDIT
from gromit.web.server.limits import App, Message, Receive, Scope, Send
from gromit.web.server.line_budget import LineBudget

audit = structlog.get_logger(AUDIT)

_KEY = "request_info"
_SHOWN = 200
"""Characters of a path that are logged; refs are rarely longer."""


@dataclass(slots=True)
class RequestInfo:
    """Facts that the routes add to the log line of a request, as they learn them."""

    verb: TokenPermission | None = None
    token: str | None = None
    """Name of the token; it is no secret."""
    person: str | None = None
    """Name of the person who is logged in."""
    repository: str | None = None
    environment: str | None = None
    """The branch or name in the request."""
    version: str | None = None


class AccessLog:
    """Logs every request to `app`, except successful health checks: load balancers repeat them."""

    def __init__(self, app: App, now_ms: Callable[[], Millis]) -> None:
        self._app = app
        self._now_ms = now_ms
        self._budget = LineBudget("gateway.request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            self._budget.flush()
            return
        started, info = self._now_ms(), request_info(scope)
        status: int | None = None  # stays so if the client leaves before its request is complete

        async def record_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, record_status)
        except Exception:
            status = status or 500  # the server answers 500 then
            raise
        finally:
            self._record(scope, info, status, self._now_ms() - started)

    def _record(self, scope: Scope, info: RequestInfo, status: int | None, ms: int) -> None:
        client = scope["client"][0] if scope["client"] else None
        is_accepted = status is not None and status < 400
        if (is_accepted and scope["path"] == "/healthcheck") or not (
            is_accepted or self._budget.admits(client, str(status), info.person or info.token)
        ):
            return
        audit.info(
            "gateway.request",
            token=info.token,
            **({"person": info.person} if info.person else {}),
            repository=info.repository,
            environment=info.environment and info.environment[:_SHOWN],
            version=info.version,
            verb=info.verb and str(info.verb),
            method=scope["method"],
            path=scope["raw_path"].decode("ascii", "backslashreplace")[:_SHOWN],
            status=status,
            ms=ms,
            client=client,
        )


def request_info(scope: Scope) -> RequestInfo:
    """Return the facts about a request; the same object for all layers."""
    state = scope.setdefault("state", {})
    info = state.setdefault(_KEY, RequestInfo())
    assert isinstance(info, RequestInfo)  # noqa: S101 - no other code uses this key
    return info
