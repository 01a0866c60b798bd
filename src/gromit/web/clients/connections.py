"""HTTP connections to serve, over the standard library.

A command that only asks serve must start at once, and a library for HTTP takes longer to import
than the command takes to run.
"""

import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import (
    BadStatusLine,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
)
from typing import Any, Protocol
from urllib.parse import SplitResult, quote, urlsplit

from gromit.errors import ConfigError, Temporary
from gromit.web.tls import REFUSED

CONNECT_S = 5.0
"""Longest time until a connection is open."""
READ_S = 15.0
"""Longest pause of serve within a response."""
IDLE_S = 5.0
"""Time after which an unused connection is closed: long before serve closes it."""
CERTIFICATE_HINT = (
    "check GROMIT_SERVE_URL, GROMIT_CA and the client certificate "
    "(GROMIT_CLIENT_CERT, GROMIT_CLIENT_KEY)"
)
_UNCHANGED = "/:@!$&'()*+,;=~%?"
"""Characters of a path that are sent as they are."""
_HEADERS = {"Accept": "*/*", "User-Agent": "gromit"}


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A request, whose path may have a query."""

    method: str
    path: str
    body: bytes | None = None
    read_s: float | None = None
    """Longest pause within the response; None: that of the connections."""


class ResponseBody(Protocol):
    """The body of a response, as it arrives."""

    def read(self) -> bytes:
        """Return all of it."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield its lines."""


@dataclass(slots=True)
class ClientResponse:
    """A response; its body is read when it is first asked for."""

    url: str
    status_code: int
    headers: Mapping[str, str]
    """By name, in lower case."""
    body: ResponseBody
    _content: bytes | None = field(default=None, init=False)

    @property
    def is_success(self) -> bool:
        """Whether the status says that the request was done."""
        return 200 <= self.status_code < 300

    def read(self) -> bytes:
        """Return the body."""
        if self._content is None:
            self._content = self.body.read()
        return self._content

    @property
    def text(self) -> str:
        """The body as text."""
        return self.read().decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the value in the body. Raises `ValueError`."""
        return json.loads(self.read())

    def lines(self) -> Iterator[str]:
        """Yield the lines of the body without their ends."""
        for line in self.body:
            yield line.decode("utf-8", "replace").rstrip("\r\n")


class ClientTransport(Protocol):
    """Passes requests to a server."""

    @property
    def url(self) -> str:
        """Address of the server."""

    def send(self, request: ClientRequest) -> AbstractContextManager[ClientResponse]:
        """Send a request and yield its response. Raises `Temporary` if there is none."""

    def close(self) -> None:
        """Close all connections."""


class ConnectionTls(Protocol):
    """TLS of connections, which may follow files that change."""

    @property
    def context(self) -> ssl.SSLContext:
        """The present context."""

    def refresh(self) -> bool:
        """Read the files again if they have changed; return whether it did."""


class HttpConnections:
    """Connections to serve. Several threads may use them; each connection has one at a time."""

    def __init__(  # noqa: PLR0913 - all but two have defaults
        self,
        url: str,
        tls: ConnectionTls | None = None,
        *,
        read_s: float = READ_S,
        token: Callable[[], str] | None = None,
        hint: str = CERTIFICATE_HINT,
        address: str | None = None,
    ) -> None:
        """Prepare connections; none is opened. Raises `ConfigError` for a URL without a host.

        `token` returns what each request carries as its bearer token. `hint` is the remedy for a
        server that cannot be reached. `address` is connected to in place of the URL's host, whose
        name the certificate has to have all the same.
        """
        self._address = address
        self._token = token
        self._hint = hint
        self._server = _parse_url(url)
        self.url = url.rstrip("/")
        self._tls = tls
        self.read_s = read_s
        self._lock = threading.Lock()
        self._idle: list[tuple[HTTPConnection, float]] = []
        self._is_closed = False

    @contextmanager
    def send(self, request: ClientRequest) -> Iterator[ClientResponse]:
        """Send a request and yield its response. Raises `Temporary` if there is none."""
        if self._tls:
            self._tls.refresh()
        connection = self._take() or self._open()
        is_reusable = False
        path = quote(request.path, safe=_UNCHANGED)
        try:
            with self._translated(REFUSED):
                answer = self._exchange(connection, request, self._server.path.rstrip("/") + path)
            with closing(answer), self._translated(None):
                yield _response(self.url + path, answer)
                is_reusable = answer.isclosed() and connection.sock is not None
        finally:
            self._release(connection, is_reusable=is_reusable)

    def close(self) -> None:
        """Close all connections. One that is in use is closed after its response."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def _take(self) -> HTTPConnection | None:
        """Return a connection that is open and unused; close those that were unused too long."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, since = self._idle.pop()
            if time.monotonic() - since < IDLE_S and not _is_readable(connection):
                return connection
            connection.close()

    def _release(self, connection: HTTPConnection, *, is_reusable: bool) -> None:
        with self._lock:
            if is_reusable and not self._is_closed:
                self._idle.append((connection, time.monotonic()))
                return
        connection.close()

    def _open(self) -> HTTPConnection:
        connection = self._new_connection()
        try:
            connection.connect()
        except TimeoutError as error:
            raise self._late() from error
        except (OSError, UnicodeError) as error:
            message = f"could not connect to serve at {self.url}: {error}"
            raise Temporary(message, hint=self._hint) from error
        return connection

    def _new_connection(self) -> HTTPConnection:
        host, port = self._server.hostname or "", self._server.port
        if self._server.scheme == "http":
            return HTTPConnection(host, port, timeout=CONNECT_S)
        context = self._tls.context if self._tls else None
        if self._address is not None and context is not None:
            return _AddressedConnection(self._address, host, port, context)
        return HTTPSConnection(host, port, timeout=CONNECT_S, context=context)

    def _exchange(
        self, connection: HTTPConnection, request: ClientRequest, path: str
    ) -> HTTPResponse:
        connection.sock.settimeout(request.read_s or self.read_s)
        headers = _HEADERS | ({"Content-Type": "application/json"} if request.body else {})
        if self._token is not None:
            headers |= {"Authorization": f"Bearer {self._token()}"}
        try:
            connection.request(request.method, path, request.body, headers)
        except TimeoutError:
            raise
        except OSError:
            # serve may have answered before it closed, or named what is wrong with a certificate.
            return connection.getresponse()
        return connection.getresponse()

    @contextmanager
    def _translated(self, hint: str | None) -> Iterator[None]:
        """Translate errors of an open connection into ours."""
        try:
            yield
        except TimeoutError as error:
            raise self._late() from error
        except (OSError, HTTPException) as error:
            message = f"the connection to serve at {self.url} broke: {_reason(error)}"
            raise Temporary(message, hint=hint) from error

    def _late(self) -> Temporary:
        return Temporary(f"serve at {self.url} did not answer in time")


class _AddressedConnection(HTTPSConnection):
    """A connection to one of the addresses of a host."""

    def __init__(self, address: str, host: str, port: int | None, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=CONNECT_S, context=context)
        self._address = address
        self._tls_context = context

    def connect(self) -> None:
        """Connect to the address, and verify the name of the host."""
        plain = socket.create_connection((self._address, self.port), CONNECT_S)
        try:
            self.sock = self._tls_context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def _response(url: str, answer: HTTPResponse) -> ClientResponse:
    return ClientResponse(
        url, answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer
    )


def _parse_url(url: str) -> SplitResult:
    """Return the parts of a URL. Raises `ConfigError`."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts
    raise ConfigError(
        f"{url!r} is not the URL of a server",
        hint="set GROMIT_SERVE_URL to a URL like https://serve.internal",
    )


def _is_readable(connection: HTTPConnection) -> bool:
    """Whether the server has sent something without a request: it closes the connection."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _reason(error: Exception) -> str:
    match error:
        case BadStatusLine() if not isinstance(error, OSError):
            return "the response is not HTTP"
        case IncompleteRead():
            return "the response is not complete"
        case _:
            return str(error)
