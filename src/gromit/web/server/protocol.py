"""One connection: uvicorn's HTTP protocol with the peer's certificate in each request, and with deadlines.

uvicorn fills no TLS extension of ASGI and bounds neither headers nor the time they take, so its protocol is extended here. The
names of it that are used are private (`app_state`, `send_400_response`, the parser's callbacks): its version is pinned, and
`tests/web/test_server.py` holds them by real handshakes.
"""

import asyncio
import json
import ssl
from collections.abc import Callable
from typing import Any, NoReturn

import structlog
from prometheus_client import Counter
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from gromit.errors import TrustError
from gromit.web.server.limits import ClientLimits
from gromit.web.server.tls import Peer

log = structlog.get_logger(__name__)

CUT = Counter(
    "gromit_connections_cut",
    "Connections that were ended because they took too much or too long",
    ["reason"],
)
DISCARDED_BYTES = 1024 * 1024
"""Of a body that has been refused, so much is still read before the connection is cut: the client should see the answer."""

Identify = Callable[[bytes], Peer]


class LimitedHttpProtocol(HttpToolsProtocol):
    """A connection that may take only so much, and whose requests know their peer (`scope["state"]["peer"]`)."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        limits: ClientLimits,
        identify: Identify | None,
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state)
        self.peer: Peer | None = None
        self._limits = limits
        self._identify = identify
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0
        self._body_bytes = 0
        self._refusal: tuple[int, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn narrows it likewise
        """Learn who the peer is; from now on the first request is due."""
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        try:
            self.peer = self._peer_of(connection)
        except TrustError as error:
            self.cut("certificate", detail=error.message)
        self.app_state = {**self.app_state, "peer": self.peer}
        self._start_timer("head", self._limits.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget all deadlines."""
        self._stop_timer()
        if self._unread is not None:
            self._unread.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, as long as headers stay within their size."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._deadline is None:
                self._start_timer("head", self._limits.head_s)
        super().data_received(data)
        if (
            self._in_head
            and self._head_bytes > self._limits.head_bytes
            and not self.transport.is_closing()
        ):
            self._refuse(431, self._too_long())

    def on_headers_complete(self) -> None:
        """Start a request if it asks for a path of ours; from now on its body is due."""
        if not self.url.startswith(b"/"):
            self._abandon(400, "only paths are answered: no absolute URL, no tunnel")
        if self.parser.get_http_version() not in {"1.0", "1.1"}:
            self._abandon(400, "this version of HTTP is not spoken")
        if (
            len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
            > self._limits.head_bytes
        ):
            self._abandon(431, self._too_long())
        self._in_head, self._head_bytes, self._body_bytes = False, 0, 0
        self._start_timer("body", self._limits.body_s)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count what is sent even after it was refused."""
        self._body_bytes += len(body)
        if self._body_bytes > self._limits.body_bytes + DISCARDED_BYTES:
            self.cut("body")
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole: nothing is due until the next one begins."""
        self._in_head = True
        self._stop_timer()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client does not read: it has some time to go on."""
        super().pause_writing()
        self._unread = self.loop.call_later(self._limits.write_s, self.cut, "unread")

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused: in JSON, as everything else."""
        self._refuse(*(self._refusal or (400, msg.rstrip(".").lower())))

    def cut(self, reason: str, *, detail: str | None = None) -> None:
        """End the connection at once."""
        CUT.labels(reason).inc()
        log.warning(
            "connection.cut",
            reason=reason,
            client=self.client,
            peer=self.peer and self.peer.name,
            detail=detail,
        )
        self.transport.abort()

    def _peer_of(self, connection: ssl.SSLObject | None) -> Peer | None:
        if connection is None or self._identify is None:
            return None
        der = connection.getpeercert(binary_form=True)
        return self._identify(der) if der else None

    def _start_timer(self, reason: str, seconds: float) -> None:
        self._stop_timer()
        self._deadline = self.loop.call_later(seconds, self._too_slow, reason)

    def _stop_timer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self, reason: str) -> None:
        silent = reason == "head" and not self._head_bytes
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        answering = cycle is not None and cycle.response_started and not cycle.response_complete
        if silent or answering or self.transport.is_closing():
            self.cut(reason)
            return
        CUT.labels(reason).inc()
        log.warning(
            "connection.cut", reason=reason, client=self.client, peer=self.peer and self.peer.name
        )
        self._refuse(408, f"the {reason} of the request took too long")

    def _too_long(self) -> str:
        return f"the headers are longer than {self._limits.head_bytes} bytes"

    def _abandon(self, status: int, error: str) -> NoReturn:
        """Stop parsing from within a callback of the parser; `send_400_response` is called next, and gives this answer."""
        self._refusal = (status, error)
        raise ValueError(error)

    def _refuse(self, status: int, error: str) -> None:
        body = json.dumps({"error": error}).encode()
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()
