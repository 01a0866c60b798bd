"""The gateway's door for people: what `build_gateway` has to know of logins."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from gromit.core.metrics.server_definitions import LOGINS
from gromit.web.server.metrics import counter

LOGINS_COUNTED = counter(LOGINS)

AsyncHandler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class PeopleDoor:
    """Routes for people, and their end."""

    routes: Callable[[Mapping[str, AsyncHandler]], list[BaseRoute]]
    """Return the routes, given those that answer to tokens of repositories and jobs."""
    stop: Callable[[], None]
    """End the streams of people."""
    close: Callable[[], Awaitable[None]]
    """Close the connections to the provider."""
