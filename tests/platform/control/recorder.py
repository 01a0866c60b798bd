"""A proxy between a client and the emulated AWS that records each request and its IAM action.

    with Recorder(emulator.url) as recorder:
        recorder.who = "sow"
        …                              # clients use recorder.url
    recorder.calls                     # requests of sow

The action is read from the request as AWS reads it: target header, form field, or method and path
by botocore's own models.
"""

import http.client
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

import botocore.session

_PREFIXES = {"monitoring": "cloudwatch"}
"""Service in a signature to the service in an action, where they differ."""
_MODELS = {"elasticfilesystem": "efs", "route53": "route53"}
_S3 = {
    ("GET", "object"): "GetObject",
    ("HEAD", "object"): "GetObject",
    ("PUT", "object"): "PutObject",
    ("DELETE", "object"): "DeleteObject",
    ("GET", "bucket"): "ListBucket",
    ("HEAD", "bucket"): "ListBucket",
    ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "encryption"): "GetEncryptionConfiguration",
    ("GET", "publicAccessBlock"): "GetBucketPublicAccessBlock",
}
"""Method and its target in a bucket to the action: S3 names the two differently."""
_HOP = frozenset({"connection", "transfer-encoding", "keep-alive", "server", "date"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    who: str
    action: str
    path: str
    """Path with its query."""
    body: str
    status: int
    """Status of the answer, because a question to IAM can depend on a 404."""
    answer: str

    @property
    def text(self) -> str:
        """Return path and body."""
        return f"{self.path} {self.body}"


@dataclass(slots=True)
class Recorder:
    """Proxy that forwards every request to `upstream`."""

    upstream: str
    who: str = ""
    """Caller of the next requests."""
    calls: list[Call] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Return the address for clients."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def note(self, request: "Request", status: int, answer: bytes) -> None:
        """Record a signed request; others are not for AWS."""
        scope = re.search(
            r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", request.headers.get("Authorization", "")
        )
        if scope:
            action = f"{_PREFIXES.get(scope[1], scope[1])}:{_action(scope[1], request)}"
            texts = (content.decode(errors="replace") for content in (request.body, answer))
            self.calls.append(
                Call(self.who, action, request.path, next(texts), status, next(texts))
            )


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def _action(service: str, request: Request) -> str:
    if target := request.headers.get("X-Amz-Target"):
        return target.rpartition(".")[2]
    split = urlsplit(request.path)
    if service == "s3":
        part = next(
            (name for _, name in _S3 if name in parse_qs(split.query, keep_blank_values=True)),
            "bucket",
        )
        return _S3[request.method, "object" if split.path.strip("/").count("/") > 0 else part]
    if service in _MODELS:
        routes = _routes(_MODELS[service])
        return next(
            name
            for wanted, pattern, name in routes
            if wanted == request.method and pattern.fullmatch(split.path)
        )
    return parse_qs(request.body.decode() or split.query)["Action"][0]


@cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    """Return method, path and name of each operation of a REST service, fewest parameters first."""
    model = botocore.session.get_session().get_service_model(service)
    found = []
    for name in model.operation_names:
        rest = model.operation_model(name).http
        path = rest["requestUri"].partition("?")[0].rstrip("/")
        found.append(
            (
                rest["method"],
                re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path)) + "/?"),
                name,
            )
        )
    return sorted(found, key=lambda route: route[1].pattern.count("[^/]+"))


def _handler(recorder: Recorder) -> type[BaseHTTPRequestHandler]:
    where = urlsplit(recorder.upstream)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            upstream = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
            headers = {key: text for key, text in self.headers.items() if key.lower() not in _HOP}
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
            recorder.note(
                Request(self.command, self.path, dict(self.headers.items()), body),
                answer.status,
                content,
            )
            self.send_response(answer.status)
            length = (
                answer.headers.get("Content-Length")
                if self.command == "HEAD"
                else str(len(content))
            )
            for key, text in answer.headers.items():
                if key.lower() not in {*_HOP, "content-length"}:
                    self.send_header(key, text)
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(content)
            upstream.close()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on  # noqa: N815 - the names that the base class calls

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    return Handler
