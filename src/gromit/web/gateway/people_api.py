"""The interface below /v1 for people who are logged in: the gateway vouches for them at serve.

All routes of serve that some role of people may use are forwarded, and serve decides again. As with
tokens, nothing of a request is forwarded unread: neither headers nor the path nor the bytes of the
body.
"""

import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gromit.core.security.people import PEOPLES_ROLES
from gromit.core.security.roles import is_allowed
from gromit.errors import GromitError, InvalidInput, TrustError
from gromit.web.api.app import ROUTERS, error_response
from gromit.web.api.origin import origin_headers, person_headers
from gromit.web.bodies import parse_object
from gromit.web.gateway.access_log import request_info
from gromit.web.gateway.change_relay import PATH as STREAM
from gromit.web.gateway.change_relay import ChangeRelay
from gromit.web.gateway.door import AsyncHandler
from gromit.web.gateway.people import People
from gromit.web.gateway.sessions import PersonSession
from gromit.web.gateway.upstream import PEOPLE_BYTES, Upstream, UpstreamResponse

_PREFIXES = ("/v1/", "/env/")
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
VIA_LOGIN = "login"
"""The gateway's requester of a person's request."""


class PeopleApi:
    """Forwards requests of people to serve."""

    def __init__(self, people: People, upstream: Upstream, relay: ChangeRelay) -> None:
        self._people = people
        self._upstream = upstream
        self._relay = relay

    def routes(self, others: Mapping[str, AsyncHandler]) -> list[Route]:
        """Return the routes: those of serve, as serve declares them.

        `others` answer to tokens of repositories and jobs, by route.
        """
        return [
            Route(path, self._answered(others.get(path)), methods=sorted(methods))
            for path, methods in forwarded_routes().items()
        ]

    def _answered(self, other: AsyncHandler | None) -> AsyncHandler:
        async def answer(request: Request) -> Response:
            if other is not None and not self._people.is_for_people(request):
                return await other(request)
            return await self.answer(request)

        return answer

    async def answer(self, request: Request) -> Response:
        """Answer a request of a person with the response of serve."""
        try:
            session = self._people.session(request)
            if session is None:
                return _unknown(self._people.terms.url)
            request_info(request.scope).person = session.person.name
            if wait_ms := self._people.wait_ms(session):
                return _too_fast(wait_ms)
            await self._check(request, session)
            if request.url.path == STREAM:
                return await self._stream(session)
            return forwarded_response(await self.send(request, session))
        except GromitError as error:
            return error_response(error, old_wire=False)

    async def _check(self, request: Request, session: PersonSession) -> None:
        role, route = session.person.role, request.scope["route"].path
        # serve checks the same. But one of an earlier release does not know of people, and would
        # see the gateway's own role.
        if not is_allowed(role, request.method, route):
            raise TrustError(
                f"role {role} may not {request.method} {request.url.path[:200]}",
                hint="`gromit whoami` shows your role",
            )
        await self._people.check_change(request, session)

    async def send(self, request: Request, session: PersonSession) -> UpstreamResponse:
        """Send a request to serve for a person, and return its response."""
        path = forwarded_path(request.scope["route"].path, request.path_params)
        if request.query_params:
            path += "?" + urlencode(request.query_params.multi_items())
        raw = await request.body() if request.method in _WITH_BODY else b""
        body = parse_object(raw) if raw else None
        client = request.client.host if request.client else None
        headers = {**origin_headers(VIA_LOGIN, None, client), **person_headers(session.person)}
        return await self._upstream.send(request.method, path, headers, body, longest=PEOPLE_BYTES)

    async def _stream(self, session: PersonSession) -> Response:
        lines = await self._relay.watch(session.subject, session.expires_ms)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(lines, media_type="text/event-stream", headers=headers)


def forwarded_routes() -> Mapping[str, frozenset[str]]:
    """Return the methods by route of serve that some role of people may use."""
    found: dict[str, frozenset[str]] = {}
    for route in (route for router in ROUTERS for route in router.routes):
        if not isinstance(route, APIRoute) or not route.path.startswith(_PREFIXES):
            continue
        allowed = {
            method
            for method in route.methods or ()
            if any(is_allowed(role, method, route.path) for role in PEOPLES_ROLES)
        }
        if allowed:
            found[route.path] = found.get(route.path, frozenset()) | allowed
    return found


def forwarded_path(template: str, parameters: Mapping[str, Any]) -> str:
    """Return the path at serve: the route's, with its parameters encoded again.

    Raises `InvalidInput` for parts that a server could resolve to another path.
    """
    for value in parameters.values():
        if any(part in {"", ".", ".."} for part in str(value).split("/")):
            raise InvalidInput("the path has an empty part, or one of dots")
    return _PARAMETER.sub(lambda match: quote(str(parameters[match[1]]), safe=""), template)


def forwarded_response(answer: UpstreamResponse) -> Response:
    """Return serve's response for a person. No cache may keep it."""
    headers = {"Content-Type": answer.content_type, "Cache-Control": "no-store"}
    if answer.retry_after is not None:
        headers["Retry-After"] = answer.retry_after
    return Response(answer.body, answer.status, headers)


def _unknown(url: str) -> Response:
    error = TrustError(
        "you are not logged in, or no longer", hint=f"run `gromit login {url}`, or open {url}/login"
    )
    response = error_response(error, old_wire=False)
    response.status_code = 401
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _too_fast(wait_ms: int) -> Response:
    error = GromitError("too many requests of one person", hint="ask less often")
    response = error_response(error, old_wire=False)
    response.status_code = 429
    response.headers["Retry-After"] = str(math.ceil(wait_ms / 1000))
    return response
