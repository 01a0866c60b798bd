"""Routes of the page: all environments, one environment with its actions, and the platform.

    GET   /                                   all environments: filters, order and page in the query
    GET   /page/live                          their changes, as server-sent events
    GET   /environments/{name}                one environment
    GET   /environments/{name}/live           its changes
    GET   /environments/{name}/logs           what its components wrote
    POST  /environments/{name}/do/{action}    an action, from a form
    GET   /platform                           the platform
    GET   /page/{file}                        style and scripts

The page reads and changes environments through serve only, on behalf of the person of the request.
"""

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from gromit.core.security.roles import is_allowed
from gromit.errors import GromitError, InvalidInput, Temporary, TooMany, TrustError
from gromit.web.page.actions import ACTIONS, action_request
from gromit.web.page.backend import PageDeps, Visitor
from gromit.web.page.environment_page import EnvironmentPageBuilder
from gromit.web.page.index import EnvironmentIndex
from gromit.web.page.list_page import ShownList, list_values
from gromit.web.page.live import Pieces, SessionCheck, StreamShares, live_pieces
from gromit.web.page.output_page import OutputChoice, output_values
from gromit.web.page.platform_page import platform_values
from gromit.web.page.rendering import TYPES, render, static_file
from gromit.web.page.rows import ListQuery
from gromit.web.page.security import HEADERS, forgery, read_form
from gromit.web.page.serve_data import ServeData, ServeRefusal, environment_path

Handler = Callable[[Request, Visitor], Awaitable[Response]]
_GZIP_FROM = 1024
_FOREVER = "public, max-age=31536000, immutable"


class PageApp:
    """The routes, and the index that they share."""

    def __init__(self, deps: PageDeps) -> None:
        self._deps = deps
        self._index = EnvironmentIndex(deps.backend, deps.now_ms)
        self._data = ServeData(deps.backend)
        self._environment = EnvironmentPageBuilder(self._data, self._index, deps.now_ms)
        self._shares = StreamShares()

    def routes(self) -> list[Route]:
        """Return all routes, for an application of their own or for the gateway's."""
        one = "/environments/{name}"
        return [
            Route("/", self._guarded(self._list), methods=["GET"]),
            Route("/page/live", self._guarded(self._list_live), methods=["GET"]),
            Route("/page/{file}", static, methods=["GET"]),
            Route("/platform", self._guarded(self._platform), methods=["GET"]),
            Route(one, self._guarded(self._show), methods=["GET"]),
            Route(f"{one}/live", self._guarded(self._show_live), methods=["GET"]),
            Route(f"{one}/logs", self._guarded(self._show_output), methods=["GET"]),
            Route(f"{one}/do/{{action}}", self._guarded(self._act), methods=["POST"]),
        ]

    def stop(self) -> None:
        """End the streams of all pages."""
        self._index.stop()

    async def close(self) -> None:
        """Stop following serve's changes."""
        await self._index.close()

    def _guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Return a handler that finds the person first, and shows errors as pages."""

        async def respond(request: Request) -> Response:
            visitor = await self._deps.backend.visitor(request)
            if visitor is None:
                return self._not_logged_in(request)
            try:
                response = await handler(request, visitor)
            except ServeRefusal as refusal:
                response = self._error(visitor, refusal.status, refusal.message, refusal.hint)
            except GromitError as error:
                response = self._error(visitor, _status(error), error.message, error.hint)
            return _secured(response)

        return respond

    def _not_logged_in(self, request: Request) -> Response:
        if self._deps.login is not None and request.method == "GET":
            target = quote(str(request.url.path), safe="/")
            return _secured(RedirectResponse(f"{self._deps.login}?next={target}", 303))
        hint = "Open the address that the command `gromit ui` has printed, or run it again."
        return _secured(self._error(None, 401, "you are not logged in", hint))

    def _error(
        self, visitor: Visitor | None, status: int, message: str, hint: str | None
    ) -> Response:
        values = {"status": status, "message": message, "hint": hint}
        return _html(render("error.html", **values, **self._frame(visitor)), status)

    def _frame(self, visitor: Visitor | None) -> dict[str, object]:
        """Return the values of the frame around every page."""
        return {
            "visitor": visitor,
            "logout": self._deps.logout,
            "now_ms": self._deps.now_ms(),
            "suspensions": self._index.suspensions,
            "oob": False,
        }

    async def _list(self, request: Request, visitor: Visitor) -> Response:
        await self._data.check_reader(request, visitor, self._deps.now_ms())
        await self._index.refresh()
        query = ListQuery.parse(request.query_params)
        values = list_values(self._index, query)
        return _html(render("list.html", **values, **self._frame(visitor)), 200, request)

    async def _list_live(self, request: Request, visitor: Visitor) -> Response:
        await self._data.check_reader(request, visitor, self._deps.now_ms())
        shown = ShownList(self._index, ListQuery.parse(request.query_params))

        async def pieces(since: int) -> str:
            return shown.pieces(since, self._deps.now_ms())

        since = self._since(request.query_params.get("life"), request)
        return await self._stream(request, visitor, since, pieces)

    async def _show(self, request: Request, visitor: Visitor) -> Response:
        name = request.path_params["name"]
        await self._index.refresh()
        values = await self._environment.values(request, visitor, name)
        done = next((a for a in ACTIONS if a.word == request.query_params.get("done")), None)
        page = render("environment.html", **values, done=done, **self._frame(visitor))
        return _html(page, 200)

    async def _show_live(self, request: Request, visitor: Visitor) -> Response:
        name = request.path_params["name"]
        known = {"all": request.query_params.get("parts", "")}

        async def pieces(since: int) -> str:
            if name not in self._index.moved_since(since):
                return ""
            try:
                values = await self._environment.values(request, visitor, name)
            except ServeRefusal:
                return ""
            return self._environment.pieces(values, known, self._deps.now_ms())

        since = self._since(request.query_params.get("life"), request)
        return await self._stream(request, visitor, since, pieces)

    async def _show_output(self, request: Request, visitor: Visitor) -> Response:
        chosen = OutputChoice.parse(request.query_params)
        name = request.path_params["name"]
        view = await self._data.get(request, environment_path(name))
        found = await self._data.get(request, chosen.path(name))
        values = output_values(view, found, chosen)
        return _html(render("logs.html", **values, **self._frame(visitor)), 200, request)

    async def _act(self, request: Request, visitor: Visitor) -> Response:
        name, word = request.path_params["name"], request.path_params["action"]
        form = await read_form(request)
        if (fault := forgery(request, visitor, form, self._deps.origin)) is not None:
            hint = "Open the page of the environment again, and repeat the action."
            return self._error(visitor, 403, fault, hint)
        action = next((a for a in ACTIONS if a.word == word), None)
        if action is None:
            return self._error(visitor, 404, f"there is no action {word}", None)
        if not is_allowed(visitor.role, action.method, action.route):
            return self._error(visitor, 403, f"role {visitor.role} may not {word}", None)
        body = action_request(action, name, form)
        await self._data.change(request, action.method, action.path(name), body)
        return RedirectResponse(f"/environments/{quote(name, safe='')}?done={word}", 303)

    async def _platform(self, request: Request, visitor: Visitor) -> Response:
        await self._index.refresh()
        found = await self._data.get(request, "/v1/platform")
        values = platform_values(found, self._index, self._deps.now_ms())
        return _html(render("platform.html", **values, **self._frame(visitor)), 200)

    def _since(self, life: str | None, request: Request) -> int:
        """Return the version that a page has; 0 if it is of another life of the index."""
        text = request.headers.get("last-event-id") or request.query_params.get("since", "0")
        is_ours = life == self._index.life and text.isascii() and text.isdigit()
        return int(text[:18]) if is_ours else 0

    async def _stream(
        self, request: Request, visitor: Visitor, since: int, pieces: Pieces
    ) -> Response:
        self._shares.check(visitor.name)

        async def is_valid() -> bool:
            found = await self._deps.backend.visitor(request)
            return found is not None and found.name == visitor.name

        lines = self._shared(visitor.name, since, is_valid, pieces)
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(lines, media_type="text/event-stream", headers=headers)

    async def _shared(
        self, person: str, since: int, is_valid: SessionCheck, pieces: Pieces
    ) -> AsyncIterator[str]:
        with self._shares.counted(person):
            async for event in live_pieces(self._index, since, is_valid, pieces):
                yield event


def build_page(page: PageApp, on_end: Callable[[], Awaitable[None]] | None = None) -> Starlette:
    """Build an application that consists of the page only."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await page.close()
        if on_end is not None:
            await on_end()

    app = Starlette(routes=page.routes(), lifespan=lifespan)
    app.router.redirect_slashes = False
    return app


async def static(request: Request) -> Response:
    """Return a script or a style."""
    name = request.path_params["file"]
    if name not in TYPES:
        return _secured(Response("there is no such file\n", 404, media_type="text/plain"))
    content, headers = static_file(name), {}
    if _takes_gzip(request):
        content, headers = _packed(name), {"Content-Encoding": "gzip"}
    response = Response(content, 200, headers, TYPES[name])
    secured = _secured(response)
    secured.headers["Cache-Control"] = _FOREVER
    return secured


def _html(text: str, status: int, packed_for: Request | None = None) -> Response:
    """Return a page; compressed for a request that accepts it, if it holds no secret."""
    content, headers = text.encode(), {"Vary": "Accept-Encoding"}
    if packed_for is not None and len(content) >= _GZIP_FROM and _takes_gzip(packed_for):
        content = gzip.compress(content, 5, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, status, headers, "text/html; charset=utf-8")


def _secured(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def _takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "")


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(static_file(name), 9, mtime=0)


def _status(error: GromitError) -> int:
    match error:
        case InvalidInput():
            return 400
        case TrustError():
            return 403
        case TooMany():
            return 429
        case Temporary():
            return 503
        case _:
            return 500
