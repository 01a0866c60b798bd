"""Environments as clients see them: flat on the old wire, with all details under /v1.

The classes are also the schemas of responses in OpenAPI.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.environments.environment import (
    WIRE_STATE,
    Environment,
    HistoryEvent,
    Lease,
    RepositoryVersion,
    Source,
)
from gromit.core.environments.lifetime import NO_EXPIRY, LifetimePolicy, lifetime_of
from gromit.core.environments.observed_status import Degradation
from gromit.core.environments.phases import Phase, Want
from gromit.core.environments.queue_place import QueuePlace
from gromit.core.environments.suspensions import (
    NOTHING_SUSPENDED,
    ActiveSuspensions,
)
from gromit.core.stack import addresses
from gromit.core.stack.addresses import UNKNOWN_NAME, NameState
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.health import UNKNOWN_HEALTH, HealthState
from gromit.core.stack.made import MadeComponent, gone_text
from gromit.core.stack.prices import PRICES, Prices
from gromit.core.time import iso
from gromit.web.api.cost_view import CostView, cost_view
from gromit.web.api.fault_views import (
    FailureView,
    SuspensionView,
    contradiction_view,
    failure_view,
    suspension,
)
from gromit.web.api.progress_view import ProgressView, progress_view


@dataclass(frozen=True, slots=True)
class VersionView:
    """Version of one repository, and where it comes from."""

    version: str
    source: Source
    ref: str | None
    sequence: int | None
    made: str | None
    """Version that runs; another one than `version` is desired, but not made yet."""
    digest: str | None
    """Digest of the image that runs."""
    revision: str | None
    """Commit that this image was built from, if its manifest says so."""
    reason: str | None
    """Why another version runs although this one is desired and was applied; None otherwise."""
    pinned: str | None
    """Why an earlier version than the newest build is desired; None unless it was rolled back."""


@dataclass(frozen=True, slots=True)
class NameView:
    """Status of a public DNS name, as chitragupta last saw it."""

    state: NameState
    reason: str | None


@dataclass(frozen=True, slots=True)
class HealthView:
    """Health of a component, as its program last said."""

    state: HealthState
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentView:
    """One component as the last successful apply made it, and its status since."""

    name: str
    version: str
    repository: str | None
    digest: str | None
    revision: str | None
    redeploy: str | None
    port: int | None
    """Public port."""
    gone: str | None
    """Desired version, if its image is gone, so that `version` runs instead."""
    url: str | None
    dns: NameView | None
    """None if the component has no public name."""
    health: HealthView | None
    """None if its program is not asked."""
    problem: str | None
    """Why it does not run or does not work; None while it does."""


@dataclass(frozen=True, slots=True)
class DegradedView:
    """Status of an environment of which a part does not run or work although it was ready."""

    since: str
    reason: str


@dataclass(frozen=True, slots=True)
class LeaseView:
    """Worker, generation and expiry of the lease."""

    holder: str
    until: str
    generation: int
    since: str | None
    """Instant of the claim; null if an earlier release of serve gave it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentView:
    """All facts about an environment except its history."""

    name: str
    phase: Phase
    state: str | None
    want: Want
    generation: int
    observed: int
    incarnation: str
    versions: Mapping[str, VersionView]
    redeploys: Mapping[str, str]
    """Mark of the last requested redeployment, by component."""
    urls: Mapping[str, str]
    """URL of each public component that runs."""
    components: Mapping[str, ComponentView]
    """Components that run; empty until an apply has succeeded."""
    made: str | None
    """When they were made."""
    outdated: bool
    """Whether the catalogue, a template or the stack has changed since then."""
    degraded: DegradedView | None
    epoch: int
    """Grows with every claim."""
    protected: bool
    protected_by: str | None
    """Role and name of who protected it; null if it was protected at its creation, or is not."""
    parked: bool
    """Whether it is to keep everything and run nothing; the phase says whether that is so."""
    asleep: bool
    """Whether it is parked only until the next hours of `environments.sleep`."""
    created: str
    changed: str
    due: str | None
    attempts: int
    error: FailureView | None
    suspended: SuspensionView | None
    """Suspension that keeps workers from it, if there is one."""
    lease: LeaseView | None
    queue: QueuePlace | None
    """Place in the queue, if its work is due and no worker has it."""
    progress: ProgressView | None
    """Progress of the run, while a worker has a claim and has reported one."""
    expires: str | None
    """Instant at which it expires if it is not used until then; null if it does not expire."""
    lifetime: str
    """Why it expires then, or does not."""
    cost: CostView | None
    """Estimate; null before its first apply, and if an earlier release has made it."""


@dataclass(frozen=True, slots=True)
class EventView:
    """One event of a history; `origin` is the certificate, token or job of its actor."""

    at: str
    actor: str
    kind: str
    text: str
    origin: str | None
    versions: Mapping[str, str]
    """By component: the versions that a run has made; empty for other events."""
    took_s: int | None
    """Seconds from the claim to the outcome of a run; null if they are not known."""
    run: int | None
    """Number of the run, for its output; null for other events, and in those of older rows."""


@dataclass(frozen=True, slots=True)
class EnvironmentViews:
    """Builder of the views of environments."""

    catalogue: Catalogue
    domain: str | None
    lifetimes: LifetimePolicy = NO_EXPIRY
    prices: Prices = PRICES
    recipe: str = ""
    """Hash of the catalogue and the stack's files; without one nothing is outdated."""

    def flat(self, environment: Environment, now_ms: int) -> dict[str, str]:
        """Return the old wire's form: name, state, and the version of each repository."""
        versions = {r: v.version for r, v in self.versions(environment).items()}
        state = WIRE_STATE.get(environment.phase(now_ms), "deleted")
        own = {"name": environment.name, "state": state}
        # First in order, as in gromit v1; last in effect, whatever keys a row has.
        return {**own, **versions, **own}

    def versions(self, environment: Environment) -> Mapping[str, RepositoryVersion]:
        """Return the version of every repository, later additions to the catalogue included."""
        known = environment.versions
        in_order = {
            r: known.get(r) or self._default(r) for r in sorted(self.catalogue.repositories)
        }
        return {**in_order, **known}

    def _default(self, repository: str) -> RepositoryVersion:
        return RepositoryVersion(self.catalogue.default_tag(repository), Source.DEFAULT)

    def detail(
        self,
        environment: Environment,
        now_ms: int,
        suspensions: ActiveSuspensions = NOTHING_SUSPENDED,
        queue: QueuePlace | None = None,
    ) -> EnvironmentView:
        """Return all facts about an environment except its history."""
        phase, life = environment.phase(now_ms), lifetime_of(environment, self.lifetimes)
        components = self.components(environment)
        halt = suspensions.shown_for(environment.name, environment.reported)
        return EnvironmentView(
            name=environment.name,
            phase=phase,
            state=WIRE_STATE.get(phase),
            want=environment.want,
            generation=environment.generation,
            observed=environment.observed,
            incarnation=environment.incarnation,
            versions=self._versions(environment),
            redeploys=dict(environment.redeploys),
            urls=self._urls(environment, components),
            components=components,
            made=iso(environment.made.at_ms) if environment.made else None,
            outdated=self._is_outdated(environment),
            degraded=_degraded(environment.degraded),
            epoch=environment.epoch,
            protected=environment.protected,
            protected_by=environment.protected_by,
            parked=environment.parked,
            asleep=environment.asleep,
            created=iso(environment.created_ms),
            changed=iso(environment.changed_ms),
            due=iso(environment.due_ms) if environment.work else None,
            attempts=environment.attempts,
            error=failure_view(environment.failure) or contradiction_view(environment),
            suspended=suspension(halt) if halt and phase is not Phase.GONE else None,
            lease=_lease(environment.lease),
            queue=queue,
            progress=progress_view(environment) if environment.is_held(now_ms) else None,
            expires=iso(life.ends_ms) if life.ends_ms is not None else None,
            lifetime=life.why,
            cost=self.cost(environment, now_ms),
        )

    def cost(self, environment: Environment, now_ms: int) -> CostView | None:
        """Return what an environment costs, by the catalogue's sizes; None if it is not known."""
        return cost_view(environment, self.catalogue, self.prices, now_ms)

    def _versions(self, environment: Environment) -> Mapping[str, VersionView]:
        made = {c.repository: c for c in _made(environment)}
        versions = self.versions(environment)
        pins = {r: pin.text(r) for r, pin in environment.pins.items()}
        return {r: _version_view(v, made.get(r), pins.get(r)) for r, v in versions.items()}

    def _urls(
        self, environment: Environment, components: Mapping[str, ComponentView]
    ) -> Mapping[str, str]:
        if environment.made is not None:
            return {c.name: c.url for c in components.values() if c.url}
        # An earlier release made it, and did not record what: the catalogue is the best guess.
        if environment.observed and environment.gone_ms is None:
            return addresses.urls(self.catalogue, environment.name, self.domain)
        return {}

    def components(self, environment: Environment) -> Mapping[str, ComponentView]:
        """Return the components that run."""
        problems = environment.degraded.components if environment.degraded else {}
        return {
            c.name: ComponentView(
                name=c.name,
                version=c.version,
                repository=c.repository,
                digest=c.digest,
                revision=c.revision,
                redeploy=c.redeploy,
                port=c.port,
                gone=c.gone,
                url=addresses.url(c.name, environment.name, self.domain, c.port),
                dns=self._name(environment, c),
                health=self._health(environment, c),
                problem=problems.get(c.name),
            )
            for c in _made(environment)
        }

    def _name(self, environment: Environment, component: MadeComponent) -> NameView | None:
        # A parked environment runs nothing, so it has no names.
        if component.port is None or self.domain is None or environment.parked:
            return None
        status = environment.dns.get(component.name, UNKNOWN_NAME)
        return NameView(status.state, status.reason or None)

    def _health(self, environment: Environment, component: MadeComponent) -> HealthView | None:
        entry = self.catalogue.components.get(component.name)
        if entry is None or entry.health is None or self._name(environment, component) is None:
            return None
        status = environment.health.get(component.name, UNKNOWN_HEALTH)
        return HealthView(status.state, status.reason or None)

    def _is_outdated(self, environment: Environment) -> bool:
        made = environment.made
        return bool(made and self.recipe and made.recipe and made.recipe != self.recipe)


def _made(environment: Environment) -> tuple[MadeComponent, ...]:
    return environment.made.components if environment.made else ()


def _version_view(
    desired: RepositoryVersion, made: MadeComponent | None, pinned: str | None
) -> VersionView:
    is_gone = made is not None and made.gone == desired.version
    return VersionView(
        version=desired.version,
        source=desired.source,
        ref=desired.ref,
        sequence=desired.sequence,
        made=made.version if made else None,
        digest=made.digest if made else None,
        revision=made.revision if made else None,
        reason=gone_text([made]) if made and is_gone else None,
        pinned=pinned,
    )


def _degraded(degradation: Degradation | None) -> DegradedView | None:
    if degradation is None:
        return None
    return DegradedView(iso(degradation.at_ms), degradation.reason)


def _lease(lease: Lease | None) -> LeaseView | None:
    if lease is None:
        return None
    since = iso(lease.since_ms) if lease.since_ms is not None else None
    return LeaseView(lease.holder, iso(lease.until_ms), lease.claimed, since)


def event(event: HistoryEvent) -> EventView:
    """Return one event of a history."""
    return EventView(
        iso(event.at_ms),
        event.actor,
        event.kind,
        event.text,
        event.origin,
        dict(event.versions),
        event.took_s,
        event.run,
    )
