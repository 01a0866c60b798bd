"""Who may do what at `gromit serve`: the role in a certificate, and the admission table.

A certificate names its role in a URI SAN, `gromit://role/worker`. The table is data; what is not in it is refused.

    method and route                                    gateway  worker  operator  viewer
    GET, HEAD  anything                                    x        x        x        x
    POST   /newbuild, /v1/builds                           x                 x
    DELETE /env/{name}                                     x                 x
    PUT, PATCH /env/{name}; PUT /loglevel/{level}                            x
    POST   /v1/claims and all below it                              x
    any other change under /v1                                               x
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gromit.errors import TrustError

ROLE_URI = "gromit://role/"
"""What the URI SAN of a role begins with."""


class Role(StrEnum):
    """What the holder of a certificate is to serve."""

    GATEWAY = "gateway"
    WORKER = "worker"
    OPERATOR = "operator"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may send these methods to this route."""

    methods: frozenset[str]
    route: str
    """A route with `{}` for each parameter; with `/**` at its end it stands for the route and all below it."""
    roles: frozenset[Role]


def _rule(methods: str, route: str, *roles: Role) -> Rule:
    return Rule(frozenset(methods.split()), route, frozenset(roles))


ADMISSION: tuple[Rule, ...] = (
    _rule("GET HEAD", "/**", *Role),
    _rule("POST", "/newbuild", Role.GATEWAY, Role.OPERATOR),
    _rule("DELETE", "/env/{}", Role.GATEWAY, Role.OPERATOR),
    _rule("PUT PATCH", "/env/{}", Role.OPERATOR),
    _rule("PUT", "/loglevel/{}", Role.OPERATOR),
    _rule("POST", "/v1/builds", Role.GATEWAY, Role.OPERATOR),
    _rule("POST", "/v1/claims/**", Role.WORKER),
    _rule("PUT PATCH DELETE", "/v1/claims/**"),
    _rule("POST PUT PATCH DELETE", "/v1/**", Role.OPERATOR),
)
"""The first rule that fits a request decides."""

_PARAMETER = re.compile(r"\{[^}]*\}")


def role_uri(role: Role) -> str:
    """The URI SAN that gives a certificate this role."""
    return f"{ROLE_URI}{role}"


def find_role(uris: Iterable[str]) -> Role | None:
    """The role that a certificate's URI SANs name; None if they name none.

    Raises `TrustError` for an unknown role or for two: such a certificate must not fall back to a default role.
    """
    named = {uri.removeprefix(ROLE_URI) for uri in uris if uri.startswith(ROLE_URI)}
    if not named:
        return None
    if len(named) > 1 or not named <= set(Role):
        raise TrustError(
            f"certificate names the role {' and '.join(sorted(named))}",
            hint="it must name exactly one known role",
        )
    return Role(named.pop())


def is_allowed(role: Role | None, method: str, route_template: str) -> bool:
    """Whether `role` may send `method` to the route (`/env/{name}`, as it is declared, not as it was requested)."""
    route = _PARAMETER.sub("{}", route_template)
    rule = next(
        (r for r in ADMISSION if method.upper() in r.methods and _fits(r.route, route)), None
    )
    return rule is not None and role in rule.roles


def _fits(pattern: str, route: str) -> bool:
    if pattern.endswith("/**"):
        stem = pattern.removesuffix("/**")
        return route == stem or route.startswith(f"{stem}/")
    return route == pattern
