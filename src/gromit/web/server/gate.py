"""Check of the client's certificate on each request.

The handshake is not enough: a certificate may expire or be revoked while its connection is open.
"""

from collections.abc import Callable
from typing import Any

import structlog

from gromit.core.time import Millis
from gromit.errors import TrustError
from gromit.web.server.limits import App, Receive, Scope, Send, answer_error
from gromit.web.server.tls import DenyList, Peer

log = structlog.get_logger(__name__)


class PeerCertificateMiddleware:
    """Passes requests with a valid certificate on to `app`, and answers 403 to others.

    It answers 503 while the deny list cannot be read.
    """

    def __init__(self, app: App, denylist: DenyList | None, now_ms: Callable[[], Millis]) -> None:
        self._app = app
        self._denylist = denylist
        self._now_ms = now_ms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        peer = peer_certificate(scope) if scope["type"] == "http" else None
        if peer is None:
            await self._app(scope, receive, send)
            return
        try:
            fault = rejection(peer, self._denylist, self._now_ms())
        except TrustError as error:
            log.critical("tls.denylist_unreadable", error=error.message, hint=error.hint)
            message = "the server cannot check whether your certificate was revoked"
            await answer_error(send, 503, message, {"retry-after": "5"})
            return
        if fault:
            log.warning("tls.peer_refused", peer=peer.name, serial=peer.serial, reason=fault)
            await answer_error(
                send, 403, f"certificate {peer.serial} {fault}", {"connection": "close"}
            )
            return
        await self._app(scope, receive, send)


def rejection(peer: Peer, denylist: DenyList | None, now: Millis) -> str | None:
    """Return why a peer's certificate is no longer valid; None if it is.

    Raises `TrustError` if the deny list cannot be read.
    """
    if now >= peer.expires_ms:
        return "has expired"
    if denylist is not None and denylist.denies(peer.serial):
        return "was revoked"
    return None


def peer_certificate(scope: Scope) -> Peer | None:
    """Return the identity in the client's certificate; None if the listener asks for none."""
    state: dict[str, Any] = scope.get("state", {})
    peer = state.get("peer")
    return peer if isinstance(peer, Peer) else None
