"""A fake of the gateway that shows an environment: its views come from a list, the last one stays.

Views are checked to be what serve sends.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gromit.core.environments.failures import FailureClass, remedy_of
from gromit.web.api.views import EnvironmentView
from gromit.web.server.server import Listener, Server

SHA = "0c1d2e3f4a5b60718293a4b5c6d7e8f901234567"
URL = "http://tyk.app-test.dev.example.com:8080"
_SHAPE = TypeAdapter(EnvironmentView)


def component(name: str = "tyk", version: str = SHA, **more: Any) -> dict[str, Any]:
    """A component that runs, with a name that answers."""
    return {
        "name": name,
        "version": version,
        "repository": name,
        "digest": None,
        "revision": None,
        "redeploy": None,
        "port": 8080,
        "gone": None,
        "url": f"http://{name}.app-test.dev.example.com:8080",
        "dns": {"state": "published", "reason": None},
        "health": None,
        "problem": None,
        **more,
    }


def version(version: str = SHA, **more: Any) -> dict[str, Any]:
    """The desired version of a repository, of a reported build."""
    return {
        "version": version,
        "source": "reported",
        "ref": "app-test",
        "sequence": None,
        "made": None,
        "digest": None,
        "revision": None,
        "reason": None,
        **more,
    }


def view(phase: str = "ready", **more: Any) -> dict[str, Any]:
    """A view of the environment `app-test`, in serve's shape."""
    at = "2026-11-30T14:00:00.000Z"
    components = {"tyk": component()} if phase == "ready" else {}
    return {
        "name": "app-test",
        "phase": phase,
        "state": None,
        "want": "present",
        "generation": 1,
        "observed": 0,
        "incarnation": "1",
        "versions": {"tyk": version()},
        "redeploys": {},
        "components": components,
        "urls": {name: c["url"] for name, c in components.items()},
        "made": None,
        "outdated": False,
        "degraded": None,
        "epoch": 1,
        "protected": False,
        "parked": False,
        "created": at,
        "changed": at,
        "due": None,
        "attempts": 0,
        "error": None,
        "suspended": None,
        "lease": None,
        "expires": None,
        "lifetime": "",
        **more,
    }


def failure(message: str, kind: str = "invalid", **more: Any) -> dict[str, Any]:
    """A failure of the class `build`, as serve shows it."""
    at = "2026-11-30T14:01:00.000Z"
    shown = {"kind": kind, "class": "build", "message": message, "at": at}
    return {**shown, "remedy": remedy_of(FailureClass.BUILD), **more}


@dataclass(slots=True)
class ShowingGateway:
    """Accepts reports, and shows the views in their order."""

    views: list[Mapping[str, Any] | Response] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    """Tokens of the requests for views."""
    reports: list[str] = field(default_factory=list)
    look: Callable[[], None] = lambda: None
    """Called before each view is shown."""
    url: str = ""

    @contextmanager
    def running(self) -> Iterator["ShowingGateway"]:
        """Answer for the length of a `with`."""
        routes = [
            Route("/gromit/newbuild", self._build, methods=["POST"]),
            Route("/gromit/env/{name:path}", self._delete, methods=["DELETE"]),
            Route("/v1/environments/{name}", self._view, methods=["GET"]),
        ]
        server = Server(Listener(Starlette(routes=routes), "127.0.0.1:0"), grace_s=1)
        with server.running():
            self.url = f"http://{server.address()}"
            yield self

    async def _build(self, request: Request) -> Response:
        body = await request.json()
        self.reports.append(body["sha"])
        return JSONResponse({"name": "app-test", "state": "new", body["repo"]: body["sha"]})

    async def _delete(self, request: Request) -> Response:
        self.reports.append(request.path_params["name"])
        return Response("ok", 202)

    async def _view(self, request: Request) -> Response:
        self.tokens.append(request.headers["authorization"])
        self.look()
        if not self.views:
            return JSONResponse({"error": "there is no environment"}, 404)
        found = self.views.pop(0) if len(self.views) > 1 else self.views[0]
        return found if isinstance(found, Response) else JSONResponse(found)
