"""A fake of serve: real mutual TLS, and answers that the test chooses."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gromit.core.security.roles import Role
from gromit.web.server.gate import peer_certificate
from gromit.web.server.server import Listener, Server
from gromit.web.server.tls import ServerTls
from gromit.web.tls import CertificateFiles
from tests.fakes.authority import TestCa


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the fake received it."""

    method: str
    path: str
    raw_path: str
    headers: dict[str, str]
    body: Any
    role: Role | None
    query: str = ""

    @property
    def repository(self) -> str | None:
        """The repository that the gateway vouches for."""
        return self.headers.get("x-gromit-repository")


@dataclass(slots=True)
class StandIn:
    """Answers everything, and remembers it."""

    ca: TestCa
    answers: list[Response] = field(default_factory=list)
    """The next answers; without one, the answer of a healthy serve."""
    seen: list[Seen] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve for the length of a `with`."""
        files = self.ca.leaf("serve", "server")
        route = Route(
            "/{path:path}", self._answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]
        )
        tls = ServerTls(CertificateFiles(files.cert, files.key, files.ca))
        server = Server(Listener(Starlette(routes=[route]), "127.0.0.1:0", tls), grace_s=1)
        with server.running():
            self.url = f"https://{server.address()}"
            yield

    async def _answer(self, request: Request) -> Response:
        raw = await request.body()
        peer = peer_certificate(request.scope)
        self.seen.append(
            Seen(
                request.method,
                request.scope["path"],
                request.scope["raw_path"].decode(),
                dict(request.headers),
                json.loads(raw) if raw else None,
                peer.role if peer else None,
                request.url.query,
            )
        )
        if self.answers:
            return self.answers.pop(0)
        if request.method == "DELETE":
            return PlainTextResponse("ok", 202)
        return JSONResponse({"name": "app-test", "state": "new"})
