"""A proxy between one worker and the emulated AWS, which strikes at the n-th event of a run.

Events are requests that change something, and the first request of each other kind. Polling
repeats depend on time, so they do not count: the n-th event of a run is about the same moment each
time, however fast the machine is.
"""

import http.client
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

_READING = ("Describe", "List", "Get", "BatchGet", "Query", "Scan", "Discover", "GET", "HEAD")
_SERVICE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([a-z0-9-]+)/aws4_request")
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_TIMEOUT_S = 60

Response = tuple[int, Sequence[tuple[str, str]], bytes]
"""Status, headers and content."""
Ask = Callable[[], Response]
Execute = Callable[["Request", Ask], Response | None]


@dataclass(frozen=True, slots=True)
class Request:
    """One request to AWS."""

    service: str
    action: str
    by_terraform: bool
    """Whether Terraform or its provider has sent it; if not, the worker itself."""

    @property
    def is_change(self) -> bool:
        """Whether it may change something."""
        return not self.action.startswith(_READING)

    def __str__(self) -> str:
        sender = "terraform" if self.by_terraform else "worker"
        return f"{self.service} {self.action} of {sender}"


@dataclass(frozen=True, slots=True)
class Moment:
    """Moment of a strike: an event, and whether AWS executes the request of it before."""

    number: int
    is_after: bool
    only_terraform: bool = False
    """Whether requests of the worker itself do not count."""


class StrikeOutcome(Enum):
    """Result of a strike for the process that has sent the request."""

    MISSED = auto()
    """Nothing could be struck yet, so the next event is the moment."""
    SENDER_DIES = auto()
    SENDER_LIVES = auto()


@dataclass(slots=True)
class EventLog:
    """Events of one run, in their order. Thread-safe."""

    only_terraform: bool = False
    events: list[Request] = field(default_factory=list)
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def note(self, request: Request) -> int | None:
        """Return the number of a request's event, from 1; None if it is none."""
        if self.only_terraform and not request.by_terraform:
            return None
        with self._changing:
            if not request.is_change and request in self.events:
                return None
            self.events.append(request)
            return len(self.events)


class StrikeProxy:
    """The proxy. It strikes at most once."""

    def __init__(
        self, url: str, moment: Moment | None, strike: Callable[[Request], StrikeOutcome]
    ) -> None:
        self.log = EventLog(moment.only_terraform if moment else False)
        self.struck: Request | None = None
        self._moment, self._strike = moment, strike
        self._striking = threading.Lock()
        self._server = _Server(urlsplit(url).netloc, self.execute)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )

    @property
    def url(self) -> str:
        """Value for `AWS_ENDPOINT_URL` of the worker."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def execute(self, request: Request, ask: Ask) -> Response | None:
        """Return AWS's answer, and strike before or after it; None if AWS must not get it."""
        number = self.log.note(request)
        if self._strike_at(number, request, is_after=False) is StrikeOutcome.SENDER_DIES:
            return None
        response = ask()
        self._strike_at(number, request, is_after=True)
        return response

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _strike_at(
        self, number: int | None, request: Request, *, is_after: bool
    ) -> StrikeOutcome | None:
        moment = self._moment
        if moment is None or number is None or number < moment.number:
            return None
        if is_after != moment.is_after:
            return None
        with self._striking:
            if self.struck is not None:
                return None
            outcome = self._strike(request)
            if outcome is not StrikeOutcome.MISSED:
                self.struck = request
            return outcome


def describe(service: str, method: str, path: str, body: bytes) -> str:
    """Return the action of a request: of S3 and EFS, the method and the kind of the object."""
    start = body[:4096]
    if b"Action=" in start:
        return parse_qs(start.decode("ascii", "replace")).get("Action", [""])[0]
    kind = urlsplit(path).path.rpartition("/")[2] if service == "s3" else _plain(path)
    return f"{method} {kind}"


def _plain(path: str) -> str:
    """Return a path of a REST service without ids."""
    return re.sub(r"/(fsap|fs|arn)[-:%][^/]*", "/ID", urlsplit(path).path)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: str, execute: Execute) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.execute = target, execute

    def handle_error(self, _request: object, _client: object) -> None:
        """Ignore connections that end with their process."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _TIMEOUT_S
    server: _Server

    def handle_any(self) -> None:
        body = self._body()
        response = self.server.execute(self._described(body), lambda: self._ask(body))
        if response is None:
            self.close_connection = True
        else:
            self._answer(*response)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = handle_any  # noqa: N815 - names of the library

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""

    def _described(self, body: bytes) -> Request:
        found = _SERVICE.search(self.headers.get("Authorization", ""))
        service = found[1] if found else "unknown"
        action = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
        action = action or describe(service, self.command, self.path, body)
        return Request(service, action, "boto" not in self.headers.get("User-Agent", "").lower())

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _ask(self, body: bytes) -> Response:
        connection = http.client.HTTPConnection(self.server.target, timeout=_TIMEOUT_S)
        with closing(connection):
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in {*_HOP_BY_HOP, "expect"}:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()

    def _answer(self, status: int, headers: Sequence[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        length = str(len(content))
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
            elif name.lower() == "content-length" and self.command == "HEAD":
                length = value
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
