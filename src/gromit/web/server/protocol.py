"""One connection: uvicorn's HTTP protocol with limits and with the peer in each request.

uvicorn does not fill ASGI's TLS extension and limits neither the size nor the time of headers, so
this module extends its protocol. It uses private names (`app_state`, `send_400_response`, the
callbacks of the parser): the version is pinned, and `tests/web/server` tests real connections.
"""

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import structlog
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from gromit.core.metrics.server_definitions import CONNECTIONS_CUT
from gromit.errors import TrustError
from gromit.web.server.limits import ClientLimits
from gromit.web.server.line_budget import LineBudget, client_group
from gromit.web.server.metrics import counter
from gromit.web.server.proxies import CLIENT
from gromit.web.server.tls import Peer

log = structlog.get_logger(__name__)

CUT = counter(CONNECTIONS_CUT)
DISCARDED_BYTES = 1024 * 1024
"""Bytes of a refused body that are still read, so that the client gets the response."""

Identify = Callable[[ssl.SSLObject], Peer | None]


@dataclass(frozen=True, slots=True)
class PeerPolicy:
    """Functions that a listener gives to its connections."""

    identify: Identify | None
    """Peer of a connection; None for a listener without TLS."""
    refusal: "Callable[[LimitedHttpProtocol], str | None]"
    """Reason to close a new connection; None if it may stay."""
    budget: LineBudget
    """Budget of the lines about connections that are cut."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """A connection within `limits`; its requests have their peer in `scope["state"]["peer"]`."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        limits: ClientLimits,
        peers: "PeerPolicy",
    ) -> None:
        super().__init__(config=config, server_state=server_state, app_state=app_state)
        self.peer: Peer | None = None
        self.group: str | None = None
        self.idle_since: float | None = None
        self._address = CLIENT.get()
        self._cycles: list[RequestResponseCycle] = []
        self.secured: ssl.SSLObject | None = None
        """TLS of the connection."""
        self.opened = self.loop.time()
        self.is_young = True
        self._limits = limits
        self._peers = peers
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0
        self._body_bytes = 0
        self._refusal: tuple[int, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn narrows it likewise
        """Identify the peer, and start the deadline of the first request."""
        super().connection_made(transport)
        self.client = self._address or self.client
        self.group = client_group(self.client[0]) if self.client else None
        self.secured = transport.get_extra_info("ssl_object")
        try:
            if self.secured is not None and self._peers.identify is not None:
                self.peer = self._peers.identify(self.secured)
        except TrustError as error:
            self.close_connection("certificate", detail=error.message)
        excess = self._peers.refusal(self)
        if excess is not None:
            self.close_connection("share", detail=excess)
        self.app_state = {**self.app_state, "peer": self.peer}
        self._start_timer("head", self._limits.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel all deadlines."""
        self._stop_timer()
        if self._unread is not None:
            self._unread.cancel()
        self._stop_answers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; refuse headers that exceed their size."""
        if self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data)
            if self._deadline is None:  # the first bytes after an idle time
                self._start_timer("head", self._limits.head_s)
        super().data_received(data)
        # The parser has already refused a request if the transport is closing.
        is_too_long = self._in_head and self._head_bytes > self._limits.head_bytes
        if is_too_long and not self.transport.is_closing():
            self._refuse(431, self._too_long())

    def on_headers_complete(self) -> None:
        """Start a request for a path of this server, and the deadline of its body."""
        if not self.url.startswith(b"/"):
            self._abandon(400, "the target must be a path: no absolute URL, no tunnel")
        if self.parser.get_http_version() not in {"1.0", "1.1"}:
            self._abandon(400, "this version of HTTP is not supported")
        # `data_received` counts reads, and one read may contain a whole request.
        header_bytes = sum(len(name) + len(value) for name, value in self.headers)
        if len(self.url) + header_bytes > self._limits.head_bytes:
            self._abandon(431, self._too_long())
        self._in_head, self._head_bytes, self._body_bytes = False, 0, 0
        self.idle_since = None
        self._start_timer("body", self._limits.body_s)
        super().on_headers_complete()
        self._cycles.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """Count the bytes of the body, also after its refusal."""
        self._body_bytes += len(body)
        if self._body_bytes > self._limits.body_bytes + DISCARDED_BYTES:
            self.close_connection("body")
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the deadline of a complete request; the next one starts with its first byte."""
        self._in_head = True
        self.is_young = False
        self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Count the connection as idle, unless a further request has arrived already."""
        del self._cycles[:1]  # answers have the order of their requests
        self.idle_since = None if self.pipeline else self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Give a client that does not read some time to continue."""
        super().pause_writing()
        self._unread = self.loop.call_later(self._limits.write_s, self.close_connection, "unread")

    def resume_writing(self) -> None:
        """Cancel the deadline of a client that reads again."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def send_400_response(self, msg: str) -> None:
        """Answer a request that the parser refused, in JSON like all errors."""
        self._refuse(*(self._refusal or (400, msg.rstrip(".").lower())))

    @property
    def is_closing(self) -> bool:
        """Whether the connection is being closed."""
        return self.transport.is_closing()

    def displace(self) -> None:
        """Close the connection in favour of another one. Only counted: such ones come in floods."""
        CUT.labels("displaced").inc()
        self._abort()

    def close_connection(self, reason: str, *, detail: str | None = None) -> None:
        """Close the connection at once; count and log it."""
        self._record_cut(reason, detail=detail)
        self._abort()

    def _abort(self) -> None:
        self._stop_answers()
        self.transport.abort()

    def _stop_answers(self) -> None:
        """Let no application write into a closed connection; uvicorn stops only the last one."""
        for cycle in self._cycles:
            cycle.disconnected = True
            cycle.message_event.set()

    def _record_cut(self, reason: str, *, detail: str | None = None) -> None:
        CUT.labels(reason).inc()
        client, peer = self.client and self.client[0], self.peer
        serial = peer.serial if peer else None
        if self._peers.budget.admits(client, reason, serial):
            log.warning(
                "connection.cut",
                reason=reason,
                client=client,
                peer=peer and peer.name,
                serial=serial,
                detail=detail,
            )

    def _start_timer(self, reason: str, seconds: float) -> None:
        self._stop_timer()
        self._deadline = self.loop.call_later(seconds, self._on_deadline, reason)

    def _stop_timer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_deadline(self, reason: str) -> None:
        # No 408 to a client that sent nothing, nor into the middle of another response.
        is_silent = reason == "head" and not self._head_bytes
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        is_answering = cycle is not None and cycle.response_started and not cycle.response_complete
        if is_silent or is_answering or self.transport.is_closing():
            self.close_connection(reason)
            return
        self._record_cut(reason)
        self._refuse(408, f"the {reason} of the request took too long")

    def _too_long(self) -> str:
        return f"the headers are longer than {self._limits.head_bytes} bytes"

    def _abandon(self, status: int, error: str) -> NoReturn:
        """Stop the parser from one of its callbacks; `send_400_response` then sends this answer."""
        self._refusal = (status, error)
        raise ValueError(error)

    def _refuse(self, status: int, error: str) -> None:
        body = json.dumps({"error": error}).encode()
        head = (
            "content-type: application/json\r\n"
            f"content-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()
