"""A fake of a gateway in trouble: gives the answers of a list, and then accepts everything."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gromit.web.server.server import Listener, Server
from gromit.web.server.tls import ServerTls


@dataclass(slots=True)
class Troubled:
    """Remembers which tokens it was shown."""

    answers: list[Response] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    url: str = ""

    @contextmanager
    def running(self, tls: ServerTls | None = None) -> Iterator["Troubled"]:
        """Answer for the length of a `with`."""
        route = Route("/{path:path}", self._answer, methods=["GET", "POST", "DELETE"])
        server = Server(Listener(Starlette(routes=[route]), "127.0.0.1:0", tls), grace_s=1)
        with server.running():
            self.url = f"{'https' if tls else 'http'}://{server.address()}"
            yield self

    async def _answer(self, request: Request) -> Response:
        self.tokens.append(request.headers.get("authorization", ""))
        return (
            self.answers.pop(0)
            if self.answers
            else JSONResponse({"name": "app-test", "state": "new"})
        )
