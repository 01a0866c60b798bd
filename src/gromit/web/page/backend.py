"""Interface between the page and its host: requests to serve, the stream of changes, the person."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request

from gromit.core.security.roles import Role
from gromit.core.time import Millis
from gromit.web.gateway.upstream import UpstreamResponse

CHANGES = "/v1/changes?progress=*"
"""serve's stream of changes, with the progress of all runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Person who looks at the page."""

    name: str
    role: Role
    csrf: str
    """Token of the person's session, which every form must carry."""
    repositories: frozenset[str] | None = None
    """Repositories whose environments the person may delete; None: all."""


class PageBackend(Protocol):
    """Host of the page."""

    async def send(
        self,
        request: Request | None,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        /,
    ) -> UpstreamResponse:
        """Send a request to serve on behalf of a person's request.

        None is the page itself, which only reads what every person may see.
        """
        ...

    def changes(self) -> AsyncIterator[str]:
        """Yield the lines of serve's stream of changes, until it ends."""
        ...

    async def visitor(self, request: Request, /) -> Visitor | None:
        """Return the person of a request; None if no one is logged in."""
        ...


@dataclass(frozen=True, slots=True)
class PageDeps:
    """Objects that the page's routes use."""

    backend: PageBackend
    now_ms: Callable[[], Millis]
    login: str | None = None
    """Path for people who are not logged in; None: there is no login."""
    logout: str | None = None
    origin: str | None = None
    """Public address of the page, without a path; None: that of the Host header."""
