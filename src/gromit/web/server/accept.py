"""Takes connections from one listening socket and brings them through the TLS handshake.

Each handshake is a task of its own with a deadline; it is logged and counted when it fails. With too many under way the oldest
is cut: half-open connections of strangers cannot keep an honest client out, because his handshake takes milliseconds. A client that
is refused is told by TLS's own alert.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Sized
from contextlib import suppress
from typing import Any

import structlog
from prometheus_client import Counter

from gromit.web.server.limits import ClientLimits
from gromit.web.server.tls import TLS_ALERT, ServerTls

log = structlog.get_logger(__name__)

HANDSHAKES_FAILED = Counter(
    "gromit_tls_handshakes_failed", "TLS handshakes that failed", ["reason"]
)
REFUSED = Counter("gromit_connections_refused", "Connections beyond the limit of a listener")

_QUIET_S = 1.0
"""The same complaint is logged at most this often; what was left out is counted in the next one."""
_NO_SOCKET = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK})
"""Errors after which accepting makes no sense any more; all others (accept(2) lists them) are those of one connection, or pass."""
_PAUSE_S = 0.2
_SHUTDOWN_S = 1.0
"""Idle clients do not answer our goodbye; a stopping server does not wait longer for it."""


class Acceptor:
    """Accepts on one socket until it is closed; `make` gives the protocol of a connection, `connections` are those open."""

    def __init__(
        self,
        listening: socket.socket,
        make: Callable[[], asyncio.Protocol],
        *,
        tls: ServerTls | None,
        limits: ClientLimits,
        connections: Sized,
    ) -> None:
        self._socket = listening
        self._make = make
        self._tls = tls
        self._limits = limits
        self._connections = connections
        self._pending: dict[asyncio.Task[None], None] = {}
        self._said: dict[str, tuple[float, int]] = {}
        self._task: asyncio.Task[None] | None = None

    def open(self, on_end: Callable[[], None]) -> None:
        """Begin to accept; `on_end` is called when that has come to an end, whatever the reason."""
        self._task = asyncio.get_running_loop().create_task(self._accept())
        self._task.add_done_callback(lambda _: on_end())

    async def close(self) -> None:
        """Accept no more, and drop the handshakes under way. Raises what has ended the accepting before, if anything."""
        tasks = [*([self._task] if self._task else []), *self._pending]
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        self._socket.close()
        if ends and isinstance(ends[0], Exception):
            raise ends[0]

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(self._socket)
            except OSError as error:
                if error.errno in _NO_SOCKET:
                    raise
                self._say("connection.not_accepted", error.strerror or str(error))
                await asyncio.sleep(0 if error.errno == errno.ECONNABORTED else _PAUSE_S)
                continue
            if len(self._connections) >= self._limits.connections:
                REFUSED.inc()
                self._say("connection.refused", "too many connections", client=address)
                connection.close()
                continue
            self._begin(connection, address)

    def _begin(self, connection: socket.socket, address: Any) -> None:
        if len(self._pending) >= self._limits.handshakes:
            next(iter(self._pending)).cancel()
        task = asyncio.get_running_loop().create_task(self._handshake(connection, address))
        self._pending[task] = None
        task.add_done_callback(lambda done: self._pending.pop(done, None))

    async def _handshake(self, connection: socket.socket, address: Any) -> None:
        loop, farewell = asyncio.get_running_loop(), _AlertSender(connection)
        TLS_ALERT.set(farewell)  # of this task's own context
        secured: dict[str, Any] = (
            {
                "ssl": self._tls.context,
                "ssl_handshake_timeout": self._limits.handshake_s,
                "ssl_shutdown_timeout": _SHUTDOWN_S,
            }
            if self._tls
            else {}
        )
        try:
            await loop.connect_accepted_socket(self._make, connection, **secured)
        except asyncio.CancelledError:
            connection.close()
            HANDSHAKES_FAILED.labels("displaced").inc()
            self._say("tls.handshake_failed", "displaced", client=address)
        except OSError as error:  # ssl.SSLError is one, too
            connection.close()
            reason = _reason(error)
            HANDSHAKES_FAILED.labels(reason).inc()
            self._say("tls.handshake_failed", reason, client=address, error=str(error))
            await farewell.linger()

    def _say(self, event: str, reason: str, **data: Any) -> None:
        key = f"{event} {reason}"
        now = asyncio.get_running_loop().time()
        last, left_out = self._said.get(key, (now - _QUIET_S, 0))
        if now - last < _QUIET_S:
            self._said[key] = (last, left_out + 1)
            return
        self._said[key] = (now, 0)
        log.warning(event, reason=reason, left_out=left_out, **data)


class _AlertSender:
    """Sends the alert of a failed handshake, and sees to it that it arrives.

    A connection that is closed before all that its client had sent was read is reset, and what was still under way to it is lost.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._kept: socket.socket | None = None

    def __call__(self, alert: bytes) -> None:
        """Send the alert; from now on the connection is kept open beside the event loop, which closes it."""
        with suppress(OSError):  # the client is gone, or takes nothing: then it is not told
            self._connection.send(alert)
            self._kept = self._connection.dup()

    async def linger(self) -> None:
        """Close when the client has, or after a while."""
        if self._kept is None:
            return
        loop = asyncio.get_running_loop()
        with self._kept, suppress(OSError, TimeoutError):
            self._kept.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(_SHUTDOWN_S):
                while await loop.sock_recv(self._kept, 4096):
                    pass


def _reason(error: OSError) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return "certificate"
        case ssl.SSLError(reason="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            return "no_certificate"
        case ssl.SSLError(reason="UNSUPPORTED_PROTOCOL" | "VERSION_TOO_LOW" | "NO_SHARED_CIPHER"):
            return "version"
        case ssl.SSLError():
            return "protocol"
        case ConnectionAbortedError() | TimeoutError():
            return "timeout"
        case _:
            return "closed"
