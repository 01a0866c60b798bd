"""The door of `gromit ui`: only the browser that opened the printed address gets in.

Every user of the machine can reach a loopback port, and any website can send a browser there under
a name of its own. So the first request needs the one-time key of the printed address, later ones
the cookie that it was exchanged for, and every one a Host header that names this address.
"""

import hmac
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from gromit.web.page.security import HEADERS
from gromit.web.server.limits import App, Receive, Scope, Send


class LocalGuard:
    """Passes the requests of one browser on to `app`."""

    def __init__(self, app: App, key: str, session: str) -> None:
        """`key` is good once, and `session` is the value of the cookie that it gives."""
        self._app = app
        self._key: str | None = key
        self._session = session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        port = scope["server"][1]
        if request.headers.getlist("host") not in [
            [f"{h}:{port}"] for h in ("127.0.0.1", "localhost")
        ]:
            await _refused("the address of this page is http://127.0.0.1")(scope, receive, send)
            return
        response = self._entered(request, port)
        if response is not None:
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _entered(self, request: Request, port: int) -> Response | None:
        """Return the answer to a request that is not let in, or that shows the key."""
        name = f"gromit-ui-{port}"
        given = parse_qs(request.url.query).get("key", [""])[0]
        if self._key is not None and _same(given, self._key):
            self._key = None
            response = RedirectResponse("/", 303, HEADERS)
            response.set_cookie(name, self._session, httponly=True, samesite="lax", path="/")
            return response
        if _same(_cookie(request, name), self._session):
            return RedirectResponse("/", 303, HEADERS) if given else None
        return _refused("open the address that `gromit ui` has printed; its key is good once")


def session_csrf(session: str) -> str:
    """Return the token that forms of a session carry."""
    return hmac.new(session.encode(), b"csrf", sha256).hexdigest()


def _cookie(request: Request, name: str) -> str:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())


def _refused(text: str) -> Response:
    return PlainTextResponse(f"not allowed: {text}\n", 403, HEADERS)
