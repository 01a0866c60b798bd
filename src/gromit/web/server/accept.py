"""Accepts connections on one listening socket and completes their TLS handshakes.

Each handshake is a task with a deadline. A failed one is logged and counted. If too many are in
progress, the oldest is cut: half-open connections of strangers cannot keep an honest client out,
because an honest handshake takes milliseconds. A refused client gets a TLS alert.
"""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog

from gromit.core.metrics import server_definitions as definitions
from gromit.web.server.limits import ClientLimits
from gromit.web.server.metrics import counter
from gromit.web.server.proxies import (
    CLIENT,
    NO_NETWORKS,
    InvalidProxyHeader,
    Networks,
    read_client,
)
from gromit.web.server.tls import TLS_ALERT, ServerTls

log = structlog.get_logger(__name__)

HANDSHAKES_FAILED = counter(definitions.HANDSHAKES_FAILED)
REFUSED = counter(definitions.CONNECTIONS_REFUSED)

_QUIET_S = 1.0
"""Shortest interval of equal log lines; the next line counts those that were left out."""
_NO_SOCKET = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK})
"""Errors that end accepting; all others of accept(2) concern one connection, or pass."""
_PAUSE_S = 0.2
"""Pause after an error that may last for some time, such as a lack of file descriptors."""
_SHUTDOWN_S = 1.0
"""Longest wait for a client to answer the end of a connection; idle clients never do."""


class Acceptor:
    """Accepts connections on one socket until it is closed.

    `make` returns the protocol of a connection. `make_room` makes room for one more connection of
    an address, and returns False if there is none.
    """

    def __init__(
        self,
        listening: socket.socket,
        make: Callable[[], asyncio.Protocol],
        *,
        tls: ServerTls | None,
        limits: ClientLimits,
        make_room: Callable[[str], bool],
    ) -> None:
        self._socket = listening
        self._make = make
        self._tls = tls
        self._limits = limits
        self._make_room = make_room
        self.proxies: Networks = NO_NETWORKS
        """Networks of load balancers that send the client's address first."""
        self._pending: dict[asyncio.Task[None], None] = {}
        self._logged: dict[str, tuple[float, int]] = {}
        self._task: asyncio.Task[None] | None = None

    def open(self, on_end: Callable[[], None]) -> None:
        """Begin to accept; `on_end` is called when accepting ends, for any reason."""
        self._task = asyncio.get_running_loop().create_task(self._accept())
        self._task.add_done_callback(lambda _: on_end())

    async def close(self) -> None:
        """Stop accepting and drop unfinished handshakes. Raises the error that ended accepting."""
        tasks = list(self._pending)
        if self._task is not None:
            tasks.insert(0, self._task)
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        self._socket.close()
        # The first result is that of accepting. Those of handshakes do not matter any more.
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
                self._warn("connection.not_accepted", error.strerror or str(error))
                # An aborted connection is gone; any other error may come at once again.
                await asyncio.sleep(0 if error.errno == errno.ECONNABORTED else _PAUSE_S)
                continue
            self._begin(connection, address)

    def _begin(self, connection: socket.socket, address: Any) -> None:
        if len(self._pending) >= self._limits.handshakes:
            next(iter(self._pending)).cancel()  # the oldest: a dict keeps its order
        task = asyncio.get_running_loop().create_task(self._handshake(connection, address))
        self._pending[task] = None
        task.add_done_callback(lambda done: self._end(done, connection))

    def _end(self, done: asyncio.Task[None], connection: socket.socket) -> None:
        self._pending.pop(done, None)
        # A task that is cancelled before its first step never runs, and closes nothing.
        if done.cancelled():
            connection.close()

    async def _handshake(self, connection: socket.socket, address: Any) -> None:
        loop, alert_sender = asyncio.get_running_loop(), _AlertSender(connection)
        TLS_ALERT.set(alert_sender)  # only in the context of this task
        try:
            if address[0] in self.proxies:
                async with asyncio.timeout(self._limits.handshake_s):
                    CLIENT.set(await read_client(connection))
            client = self._client(address)
            if not self._make_room(client):
                REFUSED.inc()
                self._warn("connection.refused", "too many connections", client=client)
                connection.close()
                return
            await loop.connect_accepted_socket(self._make, connection, **self._tls_options())
        except asyncio.CancelledError:
            connection.close()
            HANDSHAKES_FAILED.labels("displaced").inc()
            self._warn("tls.handshake_failed", "displaced", client=self._client(address))
        except OSError as error:  # ssl.SSLError is one, too
            connection.close()
            reason = _reason(error)
            HANDSHAKES_FAILED.labels(reason).inc()
            client = self._client(address)
            self._warn("tls.handshake_failed", reason, client=client, error=str(error))
            await alert_sender.linger()

    def _client(self, address: Any) -> str:
        client = CLIENT.get() or address
        return str(client[0])

    def _tls_options(self) -> dict[str, Any]:
        if self._tls is None:
            return {}
        return {
            "ssl": self._tls.context,
            "ssl_handshake_timeout": self._limits.handshake_s,
            "ssl_shutdown_timeout": _SHUTDOWN_S,
        }

    def _warn(self, event: str, reason: str, **data: Any) -> None:
        key = f"{event} {reason}"
        now = asyncio.get_running_loop().time()
        last, left_out = self._logged.get(key, (now - _QUIET_S, 0))
        if now - last < _QUIET_S:
            self._logged[key] = (last, left_out + 1)
            return
        self._logged[key] = (now, 0)
        log.warning(event, reason=reason, left_out=left_out, **data)


class _AlertSender:
    """Sends the alert of a failed handshake, and makes sure that it arrives.

    A connection that is closed before all of the client's data was read is reset, and the alert may
    be lost. So a duplicate of the socket stays open until the client has closed its side.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._kept: socket.socket | None = None

    def __call__(self, alert: bytes) -> None:
        """Send the alert; keep the connection open although the event loop closes its socket."""
        with suppress(OSError):  # the client is gone or reads nothing: then it gets no alert
            self._connection.send(alert)
            self._kept = self._connection.dup()

    async def linger(self) -> None:
        """Close after the client did, or after a second."""
        if self._kept is None:
            return
        loop = asyncio.get_running_loop()
        with self._kept, suppress(OSError, TimeoutError):
            self._kept.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(_SHUTDOWN_S):
                while await loop.sock_recv(self._kept, 4096):
                    pass


def _reason(error: OSError) -> str:
    """Return the kind of a failed handshake, for metrics and logs."""
    match error:
        case ssl.SSLCertVerificationError():
            return "certificate"
        case ssl.SSLError(reason="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            return "no_certificate"
        case ssl.SSLError(reason="UNSUPPORTED_PROTOCOL" | "VERSION_TOO_LOW" | "NO_SHARED_CIPHER"):
            return "version"
        case ssl.SSLError() | InvalidProxyHeader():
            return "protocol"
        case ConnectionAbortedError() | TimeoutError():
            return "timeout"
        case _:
            return "closed"
