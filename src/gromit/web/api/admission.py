"""Authorisation of API requests, and the objects that routes work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from fastapi import Depends, Query, Request

from gromit.core.environments.environment import Environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.suspensions import ActiveSuspensions
from gromit.core.load import CpuUse, MemoryUse
from gromit.core.security.people import Person
from gromit.core.security.roles import Role, is_allowed
from gromit.core.time import Millis
from gromit.errors import TrustError
from gromit.ports import PassSink
from gromit.ports.audit import AuditLog
from gromit.ports.run_output import RunOutput
from gromit.ports.task_output import TaskOutput
from gromit.services.developers import Developers
from gromit.services.environments import Environments
from gromit.services.exec_access import ExecAccess
from gromit.services.leases import Leases
from gromit.services.lifetimes import Lifetimes
from gromit.services.observations import Observations
from gromit.services.parking import ParkingLot
from gromit.services.rollbacks import Rollbacks
from gromit.services.run_times import RunTimes
from gromit.services.sleeping import Sleeper
from gromit.services.suspensions import SuspensionRegistry
from gromit.services.sweeps import Sweeps
from gromit.web.api.changes import ChangeHub
from gromit.web.api.origin import RequestOrigin, request_origin, vouched_person
from gromit.web.api.queues import Queues
from gromit.web.api.run_metrics import RunMetrics
from gromit.web.api.sightings import Sightings
from gromit.web.api.views import EnvironmentView, EnvironmentViews
from gromit.web.server.gate import peer_certificate

_SHOWN = 200
"""Characters of a path that a refusal shows."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Sender of a request, from the client certificate or, behind the gateway, from a login."""

    name: str
    role: Role
    origin: RequestOrigin = RequestOrigin()  # noqa: RUF009 - frozen
    person: Person | None = None
    """Person who is logged in at the gateway; None for the holder of a certificate."""

    @property
    def actor(self) -> str:
        """Role and name, as histories and logs name an actor."""
        return f"{self.role}:{self.name}"

    @property
    def repositories(self) -> frozenset[str] | None:
        """Repositories whose environments the caller may delete; None: all.

        Only a developer is limited to some. A certificate names none.
        """
        if self.role is not Role.DEVELOPER:
            return None
        return frozenset() if self.person is None else self.person.repositories


@dataclass(frozen=True, slots=True)
class LogLevel:
    """Getter and setter of this process's log level."""

    get: Callable[[], str]
    set: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ApiDeps:
    """Objects that the API's routes use."""

    environments: Environments
    leases: Leases
    observations: Observations
    lifetimes: Lifetimes
    parking: ParkingLot
    sleeper: Sleeper
    developers: Developers
    rollbacks: Rollbacks
    exec_access: ExecAccess
    suspensions: SuspensionRegistry
    sweeps: Sweeps
    views: EnvironmentViews
    changes: ChangeHub
    output: TaskOutput
    run_output: RunOutput
    identify: Callable[[Request], Caller]
    """Return the caller. Raises `TrustError` for a certificate that is revoked or has no role."""
    now_ms: Callable[[], Millis]
    log_level: LogLevel
    passes: PassSink
    outcome: Callable[[str, str], None]
    """Count (what, outcome) for the metrics."""
    audit: AuditLog | None = None
    """Search of serve's own log; None if serve does not know where the log is kept."""
    sightings: Sightings = field(default_factory=Sightings)
    run_times: RunTimes = field(default_factory=RunTimes)
    run_metrics: RunMetrics = field(default_factory=RunMetrics)
    memories: Callable[[], Mapping[str, MemoryUse]] = dict
    """Return the memory that each part of the workers has last reported."""
    cpu: Callable[[], CpuUse | None] = lambda: None
    """Return the CPU time of this process in its busiest minute."""

    def stamp(self, caller: Caller) -> ChangeContext:
        """Return actor and time of a change that the caller makes now."""
        origin = caller.origin
        return ChangeContext(
            caller.actor, self.now_ms(), origin=origin.text, requester=origin.requester
        )

    def detail(self, environment: Environment) -> EnvironmentView:
        """Return an environment as clients see it now."""
        now_ms = self.now_ms()
        suspensions = self.suspensions.current(now_ms)
        place = self.queues(now_ms, suspensions).place(environment)
        return self.views.detail(environment, now_ms, suspensions, place)

    def queues(self, now_ms: Millis, suspensions: ActiveSuspensions) -> Queues:
        """Return the queues of due work as they are now."""
        return Queues(self.leases.ledger, self.leases.turns, self.run_times, now_ms, suspensions)


def get_caller(request: Request, highest: Role | None) -> Caller:
    """Return the caller that the connection's certificate names, or the gateway.

    `highest` is the highest role that the gateway may give a person; None: no person is believed.
    Raises `TrustError` if there is no caller, or the gateway may not vouch for the person.
    """
    peer = peer_certificate(request.scope)
    if peer is None or peer.role is None:
        raise TrustError(
            "your certificate names no role",
            hint="use a certificate made with `gromit pki issue --role …`",
        )
    origin, person = request_origin(request.scope), vouched_person(request.scope)
    if person is None:
        return Caller(peer.name, peer.role, origin)
    if not person.has_role_up_to(highest):
        raise TrustError(
            f"the gateway may not give {person.name} the role {person.role}",
            hint=f"serve.people is {highest or 'none'}: the highest role of people who log in",
        )
    return Caller(person.name, person.role, origin, person)


async def get_deps(request: Request) -> ApiDeps:
    """Return the objects of the running API."""
    # Dependencies that wait for nothing are async: FastAPI takes a thread for each other one.
    return _deps(request)


def _deps(request: Request) -> ApiDeps:
    deps: ApiDeps = request.app.state.deps
    return deps


async def authorize(request: Request) -> Caller:
    """Return the caller if its role may use this route. Raises `TrustError` otherwise."""
    deps = _deps(request)
    caller = deps.identify(request)
    peer = peer_certificate(request.scope)
    if peer is not None:
        deps.sightings.caller(peer, deps.now_ms())
    route = request.scope["route"].path
    if not is_allowed(caller.role, request.method, route):
        may = " or ".join(role for role in Role if is_allowed(role, request.method, route))
        what = "certificate" if caller.person is None else "login"
        hint = f"use a {what} of the role {may}" if may else "no role may do this"
        path = request.scope["path"][:_SHOWN]
        raise TrustError(f"role {caller.role} may not {request.method} {path}", hint=hint)
    return caller


CurrentCaller = Annotated[Caller, Depends(authorize)]
Deps = Annotated[ApiDeps, Depends(get_deps)]


async def _wish_or_repair(
    caller: CurrentCaller,
    deps: Deps,
    *,
    repair: Annotated[
        bool, Query(description="true: it restores what was desired, so the idle time goes on")
    ] = False,
) -> ChangeContext:
    return replace(deps.stamp(caller), is_activity=not repair)


WishOrRepair = Annotated[ChangeContext, Depends(_wish_or_repair)]
"""Change that a person wants, or that repairs the environment."""
