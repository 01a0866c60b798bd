"""Serves ASGI applications on one or more addresses of one process, with or without mutual TLS.

    listeners = Listener(api, "0.0.0.0:443", tls), Listener(health, "127.0.0.1:8080")
    server = Server(*listeners, on_stop=changes.close)
    server.run()        # until SIGTERM or SIGINT; open requests are finished first

This module accepts connections itself, because the event loop's own server does not count
handshakes that fail or never end. `gate.peer_certificate(scope)` is the client of a request.
"""

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import structlog
import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gromit.core.time import Millis
from gromit.errors import BackendError, ConfigError, TrustError
from gromit.web.server.accept import Acceptor
from gromit.web.server.capacity import Capacity
from gromit.web.server.gate import PeerCertificateMiddleware, rejection
from gromit.web.server.limits import App, BodyLimit, ClientLimits
from gromit.web.server.line_budget import LineBudget
from gromit.web.server.protocol import LimitedHttpProtocol, PeerPolicy
from gromit.web.server.proxies import NO_NETWORKS, Networks
from gromit.web.server.tls import ServerTls

log = structlog.get_logger(__name__)

REFRESH_S = 2.0
"""Interval of reading certificate files and of checking open connections."""
BACKLOG = 1024


def _now_ms() -> Millis:
    return Millis(time.time_ns() // 1_000_000)


@dataclass(frozen=True, slots=True)
class Listener:
    """An application and its `host:port`; `tls` None is plain HTTP."""

    app: App
    listen: str
    tls: ServerTls | None = None
    limits: ClientLimits = ClientLimits()  # noqa: RUF009 - frozen
    around: Callable[[App], App] = lambda app: app
    """Outermost layer: it sees every request, also those that a limit refuses."""
    proxies: Networks = NO_NETWORKS
    """Networks of load balancers that send the client's address by the PROXY protocol."""
    shared: Networks = NO_NETWORKS
    """Networks of other proxies, each of whose addresses has many clients."""


class Server:
    """Listeners that start and stop together."""

    def __init__(
        self,
        *listeners: Listener,
        on_start: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
        grace_s: int = 10,
        refresh_s: float = REFRESH_S,
        now_ms: Callable[[], Millis] = _now_ms,
    ) -> None:
        """`on_start` is called before the server answers, `on_stop` when it begins to stop.

        Requests that then take longer than `grace_s` are cut.
        """
        self._listeners = listeners
        self._on_start = on_start
        self._on_stop = on_stop
        self._grace_s = grace_s
        self._refresh_s = refresh_s
        self._now_ms = now_ms
        self._sockets: list[socket.socket] = []
        self._services: list[_Service] = []
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._stopping: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_asked = False
        self._interrupted = False

    def bind(self) -> None:
        """Bind the addresses; `run` does it otherwise. Raises `ConfigError`."""
        if not self._sockets:
            self._sockets = _bound([listener.listen for listener in self._listeners])

    def address(self, index: int = 0) -> str:
        """Return `host:port` of a bound listener, with the real port if 0 was requested."""
        host, port = self._sockets[index].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def run(self) -> None:
        """Serve until `stop`, SIGTERM or SIGINT.

        Raises `KeyboardInterrupt` after a clean end by SIGINT.
        """
        self.bind()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())
        if self._interrupted:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Begin to stop; from any thread, at any time."""
        with self._lock:
            self._stop_asked = True  # `run` may not have started yet
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._begin_stop)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve in a separate thread during a `with`; the server answers when the body begins."""
        self.bind()
        failures: list[BaseException] = []

        def target() -> None:
            try:
                self.run()
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                failures.append(error)
            finally:
                self._ready.set()

        thread = threading.Thread(target=target, name="server", daemon=True)
        thread.start()
        self._ready.wait()
        try:
            if not failures:
                yield
        finally:
            self.stop()
            thread.join()
        if failures:
            raise failures[0]

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        pairs = zip(self._listeners, self._sockets, strict=True)
        self._services = [
            _Service(listener, bound, self._grace_s, self._now_ms) for listener, bound in pairs
        ]
        self._take_loop(asyncio.get_running_loop())
        try:
            for service in self._services:
                await service.open(self._begin_stop)
            self._on_start()
            log.info(
                "server.started", addresses=[self.address(i) for i in range(len(self._sockets))]
            )
            self._ready.set()
            await asyncio.gather(
                self._refresh(self._stopping), *(service.main_loop() for service in self._services)
            )
        finally:
            self._begin_stop()
            await asyncio.gather(*(service.close() for service in self._services))
            self._take_loop(None)
            log.info("server.stopped")

    def _take_loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        if loop is not None and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, self._on_signal, number)
        with self._lock:
            self._loop = loop
            is_stopped = self._stop_asked
        if loop is not None and is_stopped:  # `stop` came before the loop was known
            self._begin_stop()

    def _on_signal(self, number: signal.Signals) -> None:
        self._interrupted = number is signal.SIGINT
        if self._stopping is not None and self._stopping.is_set():
            for service in self._services:
                service.force_exit = True  # the second signal: wait for nothing
        self._begin_stop()

    def _begin_stop(self) -> None:
        if self._stopping is None or self._stopping.is_set():
            return
        self._stopping.set()
        for service in self._services:
            service.should_exit = True
        self._on_stop()

    async def _refresh(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), self._refresh_s)
            for service in self._services:
                await service.refresh()


class _Service(uvicorn.Server):
    """One listener: uvicorn's server without its handling of sockets and signals."""

    def __init__(
        self,
        listener: Listener,
        listening: socket.socket,
        grace_s: int,
        now_ms: Callable[[], Millis],
    ) -> None:
        app: App = BodyLimit(listener.app, listener.limits.body_bytes)
        if listener.tls:
            app = PeerCertificateMiddleware(app, listener.tls.denylist, now_ms)
        super().__init__(
            uvicorn.Config(
                listener.around(app),
                interface="asgi3",
                http=HttpToolsProtocol,
                ws="none",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=listener.limits.idle_s,
                timeout_graceful_shutdown=grace_s,
            )
        )
        self._listener = listener
        self._now_ms = now_ms
        self.servers = []
        self._capacity = Capacity(listener.limits, self._guarded, listener.shared)
        self._budget = LineBudget("connection.cut")
        self._acceptor = Acceptor(
            listening,
            self._connection,
            tls=listener.tls,
            limits=listener.limits,
            make_room=self._capacity.make_room,
        )
        self._acceptor.proxies = listener.proxies

    async def open(self, on_end: Callable[[], None]) -> None:
        """Start the application, then accept; `on_end` is called when accepting ends."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise BackendError("the application did not start", hint="the log above has the reason")
        await self.on_tick(0)
        self.started = True
        self._acceptor.open(on_end)

    async def close(self) -> None:
        """Stop accepting, let requests end within the grace period, and stop the application."""
        try:
            await self._acceptor.close()
        finally:
            if self.started:
                await self.shutdown()
            for connection in self._guarded():
                connection.transport.abort()
            self._budget.flush()

    async def refresh(self) -> None:
        """Load changed certificate files; close connections with an invalid certificate."""
        tls = self._listener.tls
        if tls is None:
            return
        await asyncio.to_thread(tls.refresh)
        for connection in self._guarded():
            # While the deny list cannot be read, the gate refuses every request.
            with suppress(TrustError):
                self._close_if_rejected(connection, tls)

    def _close_if_rejected(self, connection: LimitedHttpProtocol, tls: ServerTls) -> None:
        if connection.peer is None or connection.secured is None:
            return
        if tls.trusts(connection.secured):
            fault = rejection(connection.peer, tls.denylist, self._now_ms())
        else:
            fault = "is of a CA that was replaced"
        if fault:
            connection.close_connection("certificate", detail=fault)

    def _connection(self) -> LimitedHttpProtocol:
        tls = self._listener.tls
        return LimitedHttpProtocol(
            self.config,
            self.server_state,
            self.lifespan.state,
            limits=self._listener.limits,
            peers=PeerPolicy(tls.peer if tls else None, self._capacity.refusal, self._budget),
        )

    def _guarded(self) -> list[LimitedHttpProtocol]:
        return [c for c in self.server_state.connections if isinstance(c, LimitedHttpProtocol)]


def _bound(addresses: Sequence[str]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    for address in addresses:
        try:
            sockets.append(_listening(address))
        except (OSError, ValueError) as error:
            for bound in sockets:
                bound.close()
            hint = (
                "use an address of this machine with a free port; "
                "ports below 1024 may need a capability"
            )
            raise ConfigError(f"cannot listen on {address}: {error}", hint=hint) from None
    return sockets


def _listening(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    number = int(port)
    if number not in range(65536):
        raise ValueError("a port is between 0 and 65535")
    found = socket.getaddrinfo(host.strip("[]"), number, type=socket.SOCK_STREAM)
    family, _, _, _, where = found[0]
    listening = socket.create_server(where[:2], family=family, backlog=BACKLOG)
    listening.settimeout(0)
    return listening
