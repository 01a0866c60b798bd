"""A fake of GitHub's API for branches: pages with links, rate limits, refusals, and cut lists."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gromit.web.server.server import Listener, Server

JOB_TOKEN = "ghs_token_of_the_job"


@dataclass(slots=True)
class Github:
    """Branches of one repository."""

    branches: list[str] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)
    """Answers of the next requests, in place of pages."""
    cut_to: int | None = None
    """Branches on each page, in place of those that were asked for."""
    asked: list[str] = field(default_factory=list)
    """Queries of all requests."""
    url: str = ""

    @contextmanager
    def running(self) -> Iterator["Github"]:
        """Answer for the length of a `with`."""
        route = Route("/repos/{owner}/{name}/branches", self._answer)
        server = Server(Listener(Starlette(routes=[route]), "127.0.0.1:0"), grace_s=1)
        with server.running():
            self.url = f"http://{server.address()}"
            yield self

    async def _answer(self, request: Request) -> Response:
        self.asked.append(str(request.query_params))
        if request.headers.get("authorization") != f"Bearer {JOB_TOKEN}":
            return JSONResponse({"message": "Bad credentials"}, 401)
        if self.answers:
            return self.answers.pop(0)
        size = min(100, int(request.query_params.get("per_page", "30")))
        page = int(request.query_params.get("page", "1"))
        end = page * size
        shown = sorted(self.branches)[end - size : end][: self.cut_to]
        headers = {"X-RateLimit-Remaining": "4000"}
        if end < len(self.branches):
            here = f"{self.url}{request.url.path}?per_page={size}"
            last = -(-len(self.branches) // size)
            headers["Link"] = (
                f'<{here}&page={page + 1}>; rel="next", <{here}&page={last}>; rel="last"'
            )
        body = [{"name": name, "commit": {"sha": "0" * 40}, "protected": False} for name in shown]
        return JSONResponse(body, headers=headers)
