"""Who is let in at the API, and what its routes work with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from gromit.core.environments.history import ChangeContext
from gromit.core.security.roles import Role, is_allowed
from gromit.core.time import Millis
from gromit.errors import TrustError
from gromit.services.environments import Environments
from gromit.services.leases import Leases
from gromit.web.api.changes import ChangeHub
from gromit.web.api.views import EnvironmentViews
from gromit.web.server.gate import peer_certificate


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, by the certificate."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class LogLevel:
    """The level of this process's log, to be read and changed."""

    get: Callable[[], str]
    set: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ApiDeps:
    """What the API is made of."""

    environments: Environments
    leases: Leases
    views: EnvironmentViews
    changes: ChangeHub
    identify: Callable[[Request], Caller]
    """Raises `TrustError` for a certificate that is revoked or has no role."""
    now_ms: Callable[[], Millis]
    log_level: LogLevel
    outcome: Callable[[str, str], None]
    """Counts (what, outcome) for the metrics."""

    def stamp(self, caller: Caller) -> ChangeContext:
        """A stamp for a change made now."""
        return ChangeContext(f"{caller.role}:{caller.name}", self.now_ms())


def get_caller(request: Request) -> Caller:
    """The caller whom the certificate of a connection names."""
    peer = peer_certificate(request.scope)
    if peer is None or peer.role is None:
        raise TrustError(
            "your certificate names no role",
            hint="use one that `gromit pki issue --role …` has made",
        )
    return Caller(peer.name, peer.role)


def get_deps(request: Request) -> ApiDeps:
    """The parts of the running API."""
    parts: ApiDeps = request.app.state.parts
    return parts


def authorize(request: Request) -> Caller:
    """The caller, if his role may use this route."""
    caller = get_deps(request).identify(request)
    route = request.scope["route"].path
    if not is_allowed(caller.role, request.method, route):
        may = " or ".join(role for role in Role if is_allowed(role, request.method, route))
        hint = f"use a certificate of the role {may}" if may else "nobody may"
        raise TrustError(f"role {caller.role} may not {request.method} {route}", hint=hint)
    return caller


CurrentCaller = Annotated[Caller, Depends(authorize)]
Deps = Annotated[ApiDeps, Depends(get_deps)]
