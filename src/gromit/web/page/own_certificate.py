"""Backend of `gromit ui`: every request carries the certificate of the person who started it."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request

from gromit.web.gateway.upstream import Upstream, UpstreamResponse
from gromit.web.page.backend import CHANGES, Visitor


class OwnCertificate:
    """The protocol `PageBackend`, for the one person of `gromit ui`."""

    def __init__(self, upstream: Upstream, person: Visitor) -> None:
        self._upstream = upstream
        self._person = person

    async def send(
        self,
        request: Request | None,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
    ) -> UpstreamResponse:
        """Send a request to serve."""
        del request  # the certificate names the person
        return await self._upstream.send(method, path, {}, body)

    def changes(self) -> AsyncIterator[str]:
        """Yield the lines of serve's stream of changes, until it ends."""
        return self._upstream.lines(CHANGES, {})

    async def visitor(self, request: Request) -> Visitor | None:
        """Return the person; the guard around the page lets no one else in."""
        del request
        return self._person

    async def close(self) -> None:
        """Close all connections."""
        await self._upstream.close()
