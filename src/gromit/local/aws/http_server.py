"""The emulator's HTTP server: one thread, which answers one request after the other.

The emulator handles one request at a time anyway. So a thread for each connection, and the parser
of Python's library, would take more CPU time than most answers.
"""

import asyncio
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from email.utils import formatdate
from io import BytesIO
from typing import Any, Self, cast
from urllib.parse import unquote_to_bytes

import httptools
import uvloop
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)
from werkzeug.exceptions import InternalServerError

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""An application of WSGI."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODILESS = frozenset({"204", "304"})

_log = logging.getLogger(__name__)


class HttpServer:
    """A server on a loopback address, whose thread calls a WSGI application."""

    def __init__(self, host: str, port: int, application: Application) -> None:
        """Listen. Raises `OSError` if the port is in use."""
        self._listening = socket.create_server((host, port), backlog=128)
        self.host, self.port = host, int(self._listening.getsockname()[1])
        self._application = application
        self._loop = uvloop.new_event_loop()
        self._stopped = asyncio.Event()
        self._connections: set[asyncio.Transport] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Self:
        """Answer requests from now on."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the connections, and listen no more."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await self._loop.create_server(self._connection, sock=self._listening)
        await self._stopped.wait()
        server.close()
        for connection in list(self._connections):
            connection.abort()
        await server.wait_closed()

    def _connection(self) -> "_Connection":
        return _Connection(self, self._application, self._connections)


class _Request:
    """A request that is read from a connection."""

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()


class _Connection(asyncio.Protocol):
    """One connection of a client, which may send many requests."""

    def __init__(
        self, server: HttpServer, application: Application, open_ones: set[asyncio.Transport]
    ) -> None:
        self._server, self._application, self._open = server, application, open_ones
        self._parser = httptools.HttpRequestParser(self)
        self._request = _Request()
        self._complete: list[tuple[_Request, str, bool]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._open.add(self._transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            self._transport.close()
        while self._complete and not self._transport.is_closing():
            self._answer(*self._complete.pop(0))

    # ── calls of the parser ───────────────────────────────────────────────────────────────────────

    def on_message_begin(self) -> None:
        self._request = _Request()

    def on_url(self, target: bytes) -> None:
        self._request.target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if any(name.lower() == "expect" for name, _ in self._request.headers):
            # The client waits for this line before it sends the body.
            self._transport.write(_CONTINUE)

    def on_body(self, part: bytes) -> None:
        self._request.body += part

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode("latin-1")
        self._complete.append((self._request, method, self._parser.should_keep_alive()))

    # ── answers ───────────────────────────────────────────────────────────────────────────────────

    def _answer(self, request: _Request, method: str, keep: bool) -> None:  # noqa: FBT001 - a call of ours
        environ = _environ(request, method, self._server, self._transport)
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            started.append((status, headers))

        try:
            content = _content(self._application(environ, start))
        except Exception:  # noqa: BLE001 - moto's faults are many, and end one request only
            _log.exception("cannot answer %s %s", method, environ["RAW_URI"])
            content = _content(InternalServerError()(environ, cast("Any", start)))
        status, headers = started[-1]
        self._transport.write(_response(status, headers, content, method, keep=keep))
        if not keep:
            self._transport.close()


def _content(parts: Iterable[bytes]) -> bytes:
    try:
        return b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()


def _environ(
    request: _Request, method: str, server: HttpServer, transport: asyncio.Transport
) -> dict[str, Any]:
    """Return a request as moto's own server passes it on."""
    target = request.target.decode("latin-1")
    path, _, query = target.partition("?")
    peer = transport.get_extra_info("peername") or ("", 0)
    environ: dict[str, Any] = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(bytes(request.body)),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": target,
        "RAW_URI": target,
        "REMOTE_ADDR": peer[0],
        "REMOTE_PORT": str(peer[1]),
        "SERVER_NAME": server.host,
        "SERVER_PORT": str(server.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    _add_headers(environ, request)
    return environ


def _add_headers(environ: dict[str, Any], request: _Request) -> None:
    original_names: dict[str, str] = {}
    for name, value in request.headers:
        if "_" in name:
            if not should_preserve_original_header_name(name):
                continue
            original_names[environ_key_for_header(name)] = name
        key = environ_key_for_header(name)
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ.pop("HTTP_EXPECT", None)
    if environ.pop("HTTP_TRANSFER_ENCODING", None) or request.body:
        environ["CONTENT_LENGTH"] = str(len(request.body))
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = original_names


def _response(
    status: str, headers: list[tuple[str, str]], content: bytes, method: str, *, keep: bool
) -> bytes:
    named = {name.lower() for name, _ in headers}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    if "content-length" not in named and status[:3] not in _BODILESS:
        lines.append(f"Content-Length: {len(content)}")
    if "date" not in named:
        lines.append(f"Date: {formatdate(usegmt=True)}")
    if not keep:
        lines.append("Connection: close")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head if method == "HEAD" or status[:3] in _BODILESS else head + content
