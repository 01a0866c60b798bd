"""Paths below /v1 that a token or job with the permission `read` may get.

The gateway sends the path on in its own words: the route, the name, and the known parameters.
"""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote, urlencode

from starlette.requests import Request

from gromit.core.names import parse_ref
from gromit.errors import InvalidInput

_ENVIRONMENT = "/v1/environments/{name}"
READABLE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        _ENVIRONMENT: frozenset(),
        f"{_ENVIRONMENT}/events": frozenset(),
        f"{_ENVIRONMENT}/explanation": frozenset(),
        f"{_ENVIRONMENT}/logs": frozenset({"component", "since", "previous", "limit", "cursor"}),
    }
)
"""Routes, and the parameters of each."""
OWN_PARAMETER = "repo"
"""The repository for which a token of several ones asks. serve gets it as a header."""
_LONGEST = 500
"""Characters of a parameter's value."""


def readable_path(request: Request) -> str:
    """Return the path and parameters for serve. Raises `InvalidInput` for unknown parameters."""
    name, route = request.path_params["name"], request.scope["route"].path
    parse_ref(name)
    if name in {".", ".."}:  # a server could resolve them to another path
        raise InvalidInput("the path names no environment")
    given = [(k, v) for k, v in request.query_params.multi_items() if k != OWN_PARAMETER]
    for key, value in given:
        if key not in READABLE[route] or len(value) > _LONGEST:
            known = ", ".join(sorted(READABLE[route] | {OWN_PARAMETER}))
            raise InvalidInput(
                f"the parameter {key[:_LONGEST]!r} is not possible here, or too long",
                hint=f"parameters are {known}",
            )
    path = route.replace("{name}", quote(name, safe=""))
    return f"{path}?{urlencode(given)}" if given else str(path)
