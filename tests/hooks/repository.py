"""A fake of GitHub's API for one repository: pull requests, their comments, and deployments.

It answers in GitHub's shapes. Lists have pages with links, a foreign repository is not found, a
job without a permission is refused, bodies are validated, and the next requests can be limited,
refused or held up.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gromit.web.server.server import Listener, Server
from tests.fakes.issuer import OWNER
from tests.hooks.github import JOB_TOKEN

BOT = {"login": "github-actions[bot]", "id": 41898282, "type": "Bot"}
ALICE = {"login": "alice", "id": 7, "type": "User"}
STATES = {"error", "failure", "inactive", "in_progress", "queued", "pending", "success"}
DENIED = {"message": "Resource not accessible by integration", "status": "403"}
MISSING = {"message": "Not Found", "status": "404"}
_WRITES = {"issues": "pull-requests", "pulls": "pull-requests", "deployments": "deployments"}

Answer = Callable[[], Response]


def limited(seconds: int | None, status: int = 403) -> Answer:
    """A secondary rate limit, which says how long it lasts or does not."""
    message = "You have exceeded a secondary rate limit. Please wait a few minutes."
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return lambda: JSONResponse({"message": message}, status, headers)


def trickled() -> Response:
    """An answer that comes byte by byte and never ends."""

    async def drops() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.05)
            yield b" "

    return StreamingResponse(drops(), media_type="application/json")


@dataclass(slots=True)
class Repository:
    """One repository with its pull requests, comments and deployments."""

    name: str = "tyk"
    permissions: set[str] = field(default_factory=lambda: {"pull-requests", "deployments"})
    """Permissions of the job's token to write."""
    pulls: list[dict[str, Any]] = field(default_factory=list)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """Comments by pull request, oldest first."""
    deployments: list[dict[str, Any]] = field(default_factory=list)
    """Deployments, oldest first, each with its statuses."""
    commits: set[str] = field(default_factory=set)
    """Commits that a deployment can be of."""
    answers: list[Answer] = field(default_factory=list)
    """Answers of the next requests."""
    before: Callable[[str, str], None] = lambda _method, _path: None
    """Called before each request is answered, to let others act in between."""
    size: int = 100
    """Most entries on a page."""
    filters: bool = True
    """Whether it can read the branch of a list; GitHub ignores one that it cannot read."""
    asked: list[str] = field(default_factory=list)
    url: str = ""
    _ids: int = 1000

    @contextmanager
    def running(self) -> Iterator["Repository"]:
        """Answer for the length of a `with`."""
        route = Route("/{path:path}", self._answer, methods=["GET", "POST", "PATCH", "DELETE"])
        server = Server(Listener(Starlette(routes=[route]), "127.0.0.1:0"), grace_s=1)
        with server.running():
            self.url = f"http://{server.address()}"
            yield self

    def open_pull(self, number: int, branch: str, *, fork: bool = False) -> None:
        """A pull request of a branch of this repository, or of a fork."""
        base = {"ref": "master", "repo": {"id": 1, "full_name": f"{OWNER}/{self.name}"}}
        owner, identity = ("stranger", 2) if fork else (OWNER, 1)
        head = {"ref": branch, "repo": {"id": identity, "full_name": f"{owner}/{self.name}"}}
        pull = {"number": number, "state": "open", "head": head, "base": base, "owner": owner}
        self.pulls.append(pull)

    def comment(self, number: int, body: str, user: Mapping[str, Any] = ALICE) -> dict[str, Any]:
        """A new comment of a user."""
        made = {"id": self._next(), "body": body, "user": dict(user)}
        self.comments.setdefault(number, []).append(made)
        return made

    def bodies(self, number: int) -> list[str]:
        """The texts of all comments of a pull request."""
        return [comment["body"] for comment in self.comments.get(number, [])]

    def states(self) -> dict[str, list[str]]:
        """The states of all deployments, by commit, oldest first."""
        return {d["sha"]: [s["state"] for s in d["statuses"]] for d in self.deployments}

    def _next(self) -> int:
        self._ids += 1
        return self._ids

    async def _answer(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append(f"{request.method} {path}")
        if request.headers.get("authorization") != f"Bearer {JOB_TOKEN}":
            return JSONResponse({"message": "Bad credentials", "status": "401"}, 401)
        if self.answers:
            return self.answers.pop(0)()
        self.before(request.method, path)
        stem = f"/repos/{OWNER}/{self.name}/"
        if not path.startswith(stem):
            return JSONResponse(MISSING, 404)
        rest = path.removeprefix(stem)
        if request.method != "GET" and _WRITES[rest.split("/")[0]] not in self.permissions:
            return JSONResponse(DENIED, 403)
        body = await request.json() if await request.body() else {}
        return self._routed(request, rest, body)

    def _routed(self, request: Request, rest: str, body: dict[str, Any]) -> Response:
        routes: list[tuple[str, Callable[..., Response]]] = [
            (r"GET pulls", self._pulls),
            (r"GET issues/(\d+)/comments", self._comments),
            (r"POST issues/(\d+)/comments", self._comment),
            (r"(PATCH|DELETE) issues/comments/(\d+)", self._change_comment),
            (r"GET deployments", self._deployments),
            (r"POST deployments", self._deploy),
            (r"GET deployments/(\d+)/statuses", self._statuses),
            (r"POST deployments/(\d+)/statuses", self._status),
        ]
        for pattern, act in routes:
            if found := re.fullmatch(pattern, f"{request.method} {rest}"):
                return act(request, body, *found.groups())
        return JSONResponse(MISSING, 404)

    def _page(self, request: Request, entries: list[Any]) -> Response:
        size = min(self.size, int(request.query_params.get("per_page", "30")))
        page = int(request.query_params.get("page", "1"))
        shown = entries[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(entries):
            following = request.url.include_query_params(page=page + 1)
            headers["Link"] = f'<{following}>; rel="next"'
        return JSONResponse(shown, headers=headers)

    def _pulls(self, request: Request, _body: Any) -> Response:
        query = request.query_params
        owner, _, branch = query.get("head", "").partition(":")
        found = [
            pull
            for pull in self.pulls
            if query["state"] in {"all", pull["state"]}
            and (not self.filters or (pull["owner"], pull["head"]["ref"]) == (owner, branch))
        ]
        return self._page(request, found)

    def _comments(self, request: Request, _body: Any, number: str) -> Response:
        return self._page(request, self.comments.get(int(number), []))

    def _comment(self, _request: Request, body: Mapping[str, Any], number: str) -> Response:
        text = body.get("body")
        if not isinstance(text, str) or not text.strip() or len(text) > 65_536:
            return _invalid("body")
        return JSONResponse(self.comment(int(number), text, BOT), 201)

    def _change_comment(
        self, _request: Request, body: Mapping[str, Any], method: str, number: str
    ) -> Response:
        for comments in self.comments.values():
            for comment in [c for c in comments if c["id"] == int(number)]:
                if method == "DELETE":
                    comments.remove(comment)
                    return Response(status_code=204)
                comment["body"] = body["body"]
                return JSONResponse(comment)
        return JSONResponse(MISSING, 404)

    def _deployments(self, request: Request, _body: Any) -> Response:
        name = request.query_params.get("environment")
        found = [d for d in reversed(self.deployments) if d["environment"] == name]
        return self._page(request, [{**d, "statuses": None} for d in found])

    def _deploy(self, _request: Request, body: Mapping[str, Any]) -> Response:
        if body.get("ref") not in self.commits:
            return _invalid("ref")
        if body.get("required_contexts") != [] or body.get("auto_merge") is not False:
            return JSONResponse({"message": "Conflict: Commit status checks failed"}, 409)
        made = {
            "id": self._next(),
            "sha": body["ref"],
            "environment": body["environment"],
            "transient_environment": body.get("transient_environment", False),
            "production_environment": body.get("production_environment", True),
            "statuses": [],
        }
        self.deployments.append(made)
        return JSONResponse({**made, "statuses": None}, 201)

    def _statuses(self, request: Request, _body: Any, number: str) -> Response:
        (found,) = [d for d in self.deployments if d["id"] == int(number)]
        return self._page(request, found["statuses"][::-1])

    def _status(self, _request: Request, body: Mapping[str, Any], number: str) -> Response:
        (found,) = [d for d in self.deployments if d["id"] == int(number)]
        if body.get("state") not in STATES:
            return _invalid("state")
        if len(body.get("description", "")) > 140:
            return _invalid("description")
        url = body.get("environment_url", "https://x")
        if not url.startswith(("http://", "https://")):
            return _invalid("environment_url")
        found["statuses"].append({"id": self._next(), **body})
        return JSONResponse(found["statuses"][-1], 201)


def _invalid(name: str) -> Response:
    errors = [{"resource": "Deployment", "field": name, "code": "invalid"}]
    return JSONResponse({"message": "Validation Failed", "errors": errors, "status": "422"}, 422)
