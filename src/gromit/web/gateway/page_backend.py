"""Backend of the page at the gateway: every request is of the person who is logged in."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request

from gromit.errors import TooMany, TrustError
from gromit.web.api.origin import origin_headers, person_headers
from gromit.web.gateway.access_log import request_info
from gromit.web.gateway.people import SAFE, People
from gromit.web.gateway.people_api import VIA_LOGIN
from gromit.web.gateway.upstream import PEOPLE_BYTES, Upstream, UpstreamResponse
from gromit.web.page.backend import CHANGES, Visitor


class LoginBackend:
    """The protocol `PageBackend`, for people who are logged in."""

    def __init__(self, people: People, upstream: Upstream) -> None:
        self._people = people
        self._upstream = upstream

    async def send(
        self,
        request: Request | None,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
    ) -> UpstreamResponse:
        """Send a request to serve for the person of a request.

        Raises `TrustError` without a person, and for a change that no page of the gateway sent.
        """
        return await self._upstream.send(
            method, path, await self._headers(request, method), body, longest=PEOPLE_BYTES
        )

    async def _headers(self, request: Request | None, method: str) -> dict[str, str]:
        if request is None:
            if method not in SAFE:
                raise TrustError("the page changes nothing without a person")
            return {}
        session = self._people.session(request)
        if session is None:
            raise TrustError("you are no longer logged in", hint="log in again")
        if self._people.wait_ms(session):
            raise TooMany("too many requests of one person", hint="ask less often")
        await self._people.check_change(request, session)
        client = request.client.host if request.client else None
        return {**origin_headers(VIA_LOGIN, None, client), **person_headers(session.person)}

    def changes(self) -> AsyncIterator[str]:
        """Yield the lines of serve's stream of changes, until it ends."""
        return self._upstream.lines(CHANGES, {})

    async def visitor(self, request: Request) -> Visitor | None:
        """Return the person of a request; None if no one is logged in."""
        person = self._people.person(request)
        if person is None:
            return None
        request_info(request.scope).person = person.name
        return Visitor(
            name=person.name,
            role=person.role,
            csrf=self._people.change_proof(request),
            repositories=person.repositories,
        )
