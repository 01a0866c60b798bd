"""The audit of serve: the origin of a request in all its log lines, and a line for each refusal.

It wraps all other layers, so that it sees what a limit or a revoked certificate refused. Accepted
changes are logged by the ledger. Nothing of a body, and no header but the gateway's, is logged.
"""

from http import HTTPStatus

import structlog
from structlog.contextvars import bound_contextvars

from gromit.log import AUDIT
from gromit.web.api.origin import RequestOrigin, request_origin
from gromit.web.server.gate import peer_certificate
from gromit.web.server.limits import App, Message, Receive, Scope, Send
from gromit.web.server.line_budget import LineBudget

audit = structlog.get_logger(AUDIT)

_SHOWN = 200
"""Characters of a path that are logged; refs are rarely longer."""


class RequestAudit:
    """Logs what `app` refuses, and binds the origin of a request to all log lines about it."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._budget = LineBudget("request.refused")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            self._budget.flush()
            return
        origin = request_origin(scope)

        async def record_status(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._record(scope, origin, message["status"])
            await send(message)

        with bound_contextvars(**origin.facts):
            await self._app(scope, receive, record_status)

    def _record(self, scope: Scope, origin: RequestOrigin, status: int) -> None:
        if not _is_refusal(scope["method"], status):
            return
        who = origin.person or origin.requester or origin.serial
        if not self._budget.admits(origin.client, str(status), who):
            return
        peer = peer_certificate(scope)
        audit.warning(
            "request.refused",
            by=peer and f"{peer.role or 'no role'}:{peer.name}",
            method=scope["method"],
            path=scope["raw_path"].decode("ascii", "backslashreplace")[:_SHOWN],
            status=status,
        )


def _is_refusal(method: str, status: int) -> bool:
    """Whether an answer refuses a request; to ask for what does not exist is a common question."""
    is_question = method in {"GET", "HEAD"} and status == HTTPStatus.NOT_FOUND
    return 400 <= status < 500 and not is_question
