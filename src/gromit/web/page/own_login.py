"""Backend of `gromit ui` for people with a login: each request has its token for the gateway."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.requests import Request

from gromit.errors import GromitError, Temporary
from gromit.web.gateway.upstream import Upstream, UpstreamResponse
from gromit.web.page.backend import CHANGES, Visitor


class OwnLogin:
    """The protocol `PageBackend`, for the one person of `gromit ui`.

    The token stays in this process: the browser gets the page and a cookie of its own.
    """

    def __init__(self, upstream: Upstream, person: Visitor, token: Callable[[], str]) -> None:
        """`token` returns a token that is valid now; it may ask the provider for a new one."""
        self._upstream = upstream
        self._person = person
        self._token = token

    async def send(
        self,
        request: Request | None,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
    ) -> UpstreamResponse:
        """Send a request to the gateway; without a valid login the response is 401."""
        del request  # the login names the person
        try:
            own = await self._headers()
        except GromitError as error:
            text = json.dumps({"error": error.message, "hint": error.hint})
            return UpstreamResponse(401, text.encode(), "application/json")
        return await self._upstream.send(method, path, own, body)

    async def changes(self) -> AsyncIterator[str]:
        """Yield the lines of the gateway's stream of changes, until it ends. Raise `Temporary`."""
        try:
            own = await self._headers()
        except GromitError as error:
            raise Temporary(error.message, hint=error.hint) from error
        async for line in self._upstream.lines(CHANGES, own):
            yield line

    async def visitor(self, request: Request) -> Visitor | None:
        """Return the person; the guard around the page lets no one else in."""
        del request
        return self._person

    async def close(self) -> None:
        """Close all connections."""
        await self._upstream.close()

    async def _headers(self) -> Mapping[str, str]:
        # A renewal asks the provider, and waits for a lock of other commands.
        return {"authorization": f"Bearer {await asyncio.to_thread(self._token)}"}
