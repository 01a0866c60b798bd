"""Authorization at `gromit serve`: the role of a caller, and the admission table.

A certificate names its role in a URI SAN, `gromit://role/worker`. People who log in at the gateway
have no certificate: the gateway vouches for their role (`people`). Requests that match no row of
the table are refused.

    method and route                               gateway  worker  operator  developer  viewer
    GET, HEAD  /v1/audit                                                x
    GET, HEAD  anything else                          x        x        x         x         x
    POST   /newbuild, /v1/builds, /v1/branches        x                 x
    DELETE /env/{name}                                x                 x         x
    PUT, PATCH /env/{name}; PUT /loglevel/{level}                       x
    POST   /v1/claims and all below; /v1/lifetimes             x
    POST   /v1/observations, /v1/passes, /v1/reports           x        x
    POST   /v1/environments/{name}/
             redeploy, retry, rollback, extend, park, unpark,
             protect, unprotect, exec                                   x         x
    DELETE /v1/environments/{name}                                      x         x
    any other change under /v1                                          x
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gromit.errors import TrustError

ROLE_URI = "gromit://role/"
"""Prefix of the URI SAN of a role."""


class Role(StrEnum):
    """Role of a caller: of a certificate's holder, or of a person at the gateway."""

    GATEWAY = "gateway"
    WORKER = "worker"
    OPERATOR = "operator"
    DEVELOPER = "developer"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Rule:
    """Roles that may send some methods to a route."""

    methods: frozenset[str]
    route: str
    """Route with `{}` for each parameter. `/**` at its end adds all routes below it."""
    roles: frozenset[Role]


def _rule(methods: str, route: str, *roles: Role) -> Rule:
    return Rule(frozenset(methods.split()), route, frozenset(roles))


_ACTS_OF_DEVELOPERS = (
    "redeploy",
    "retry",
    "rollback",
    "extend",
    "park",
    "unpark",
    "protect",
    "unprotect",
    "exec",
)
ADMISSION: tuple[Rule, ...] = (
    _rule("GET HEAD", "/v1/audit", Role.OPERATOR),
    _rule("GET HEAD", "/**", *Role),
    _rule("POST", "/newbuild", Role.GATEWAY, Role.OPERATOR),
    _rule("DELETE", "/env/{}", Role.GATEWAY, Role.OPERATOR, Role.DEVELOPER),
    _rule("PUT PATCH", "/env/{}", Role.OPERATOR),
    _rule("PUT", "/loglevel/{}", Role.OPERATOR),
    _rule("POST", "/v1/builds", Role.GATEWAY, Role.OPERATOR),
    _rule("POST", "/v1/branches", Role.GATEWAY, Role.OPERATOR),
    _rule("POST", "/v1/claims/**", Role.WORKER),
    _rule("PUT PATCH DELETE", "/v1/claims/**"),
    _rule("POST", "/v1/observations", Role.WORKER, Role.OPERATOR),
    _rule("POST", "/v1/passes", Role.WORKER, Role.OPERATOR),
    _rule("POST", "/v1/reports", Role.WORKER, Role.OPERATOR),
    _rule("POST", "/v1/lifetimes", Role.WORKER),
    *(
        _rule("POST", f"/v1/environments/{{}}/{act}", Role.DEVELOPER, Role.OPERATOR)
        for act in _ACTS_OF_DEVELOPERS
    ),
    _rule("DELETE", "/v1/environments/{}", Role.DEVELOPER, Role.OPERATOR),
    _rule("POST PUT PATCH DELETE", "/v1/**", Role.OPERATOR),
)
"""Rules. The first one that matches a request decides.

What a developer may protect, unprotect and delete has limits besides (`services/developers`).
"""

_PARAMETER = re.compile(r"\{[^}]*\}")


def role_uri(role: Role) -> str:
    """URI SAN of a role."""
    return f"{ROLE_URI}{role}"


def find_role(uris: Iterable[str]) -> Role | None:
    """Find the role in the URI SANs of a certificate; None if they name none.

    Raises `TrustError` for an unknown role and for two roles, which must not get a default role.
    """
    named = {uri.removeprefix(ROLE_URI) for uri in uris if uri.startswith(ROLE_URI)}
    if not named:
        return None
    if len(named) > 1 or not named <= set(Role):
        raise TrustError(
            f"certificate names the role {' and '.join(sorted(named))}",
            hint="issue a certificate with exactly one known role",
        )
    return Role(named.pop())


def is_allowed(role: Role | None, method: str, route_template: str) -> bool:
    """Whether `role` may send `method` to a route as declared (`/env/{name}`), not as requested."""
    route = _PARAMETER.sub("{}", route_template)
    for rule in ADMISSION:
        if method.upper() in rule.methods and _fits(rule.route, route):
            return role in rule.roles
    return False


def _fits(pattern: str, route: str) -> bool:
    if pattern.endswith("/**"):
        stem = pattern.removesuffix("/**")
        return route == stem or route.startswith(f"{stem}/")
    return route == pattern
