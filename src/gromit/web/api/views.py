"""Environments as clients see them: flat on the old wire, whole under /v1. The classes are also what OpenAPI says of answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.environments.environment import (
    WIRE_STATE,
    Environment,
    HistoryEvent,
    Phase,
    RepositoryVersion,
    Source,
    Want,
)
from gromit.core.stack import addresses
from gromit.core.stack.catalogue import Catalogue
from gromit.core.time import iso


@dataclass(frozen=True, slots=True)
class VersionView:
    """What one repository contributes, and why."""

    version: str
    source: Source
    ref: str | None
    sequence: int | None


@dataclass(frozen=True, slots=True)
class FailureView:
    """The last failure, until something succeeds or changes."""

    kind: str
    message: str
    at: str


@dataclass(frozen=True, slots=True)
class LeaseView:
    """Who works on it, on which generation, and until when he need not be heard of."""

    holder: str
    until: str
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentView:
    """Everything that is known of an environment, but its history."""

    name: str
    phase: Phase
    state: str | None
    want: Want
    generation: int
    observed: int
    incarnation: str
    versions: Mapping[str, VersionView]
    redeploys: Mapping[str, str]
    """Component to a mark that changes whenever it is to be rolled over."""
    urls: Mapping[str, str]
    protected: bool
    created: str
    changed: str
    due: str | None
    attempts: int
    error: FailureView | None
    lease: LeaseView | None


@dataclass(frozen=True, slots=True)
class EventView:
    """One entry of a history."""

    at: str
    actor: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimView:
    """What a worker needs to know of an environment that it works on."""

    name: str
    want: Want
    generation: int
    claimed: int | None
    epoch: int
    versions: Mapping[str, str]
    redeploys: Mapping[str, str]
    spec_hash: str | None
    observed: int
    infra: bool
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class EnvironmentViews:
    """What is needed to show an environment."""

    catalogue: Catalogue
    domain: str | None

    def flat(self, environment: Environment, now_ms: int) -> dict[str, str]:
        """The old wire's form: name, state, and a version for each repository."""
        versions = {r: v.version for r, v in self.versions(environment).items()}
        state = WIRE_STATE.get(environment.phase(now_ms), "deleted")
        own = {"name": environment.name, "state": state}
        return {**own, **versions, **own}  # first, as ever, and so whatever a row holds

    def versions(self, environment: Environment) -> Mapping[str, RepositoryVersion]:
        """The version of every repository, those that joined the catalogue later included."""
        defaults = {
            r: RepositoryVersion(self.catalogue.default_tag(r), Source.DEFAULT)
            for r in sorted(self.catalogue.repositories)
        }
        return {**defaults, **environment.versions}

    def detail(self, environment: Environment, now_ms: int) -> EnvironmentView:
        """Everything that is known of an environment, but its history."""
        phase = environment.phase(now_ms)
        lease, failure = environment.lease, environment.failure
        return EnvironmentView(
            name=environment.name,
            phase=phase,
            state=WIRE_STATE.get(phase),
            want=environment.want,
            generation=environment.generation,
            observed=environment.observed,
            incarnation=environment.incarnation,
            versions={
                r: VersionView(v.version, v.source, v.ref, v.sequence)
                for r, v in self.versions(environment).items()
            },
            redeploys=dict(environment.redeploys),
            urls=addresses.urls(self.catalogue, environment.name, self.domain)
            if phase is not Phase.GONE
            else {},
            protected=environment.protected,
            created=iso(environment.created_ms),
            changed=iso(environment.changed_ms),
            due=iso(environment.due_ms) if environment.work else None,
            attempts=environment.attempts,
            error=FailureView(failure.kind, failure.message, iso(failure.at_ms))
            if failure
            else None,
            lease=LeaseView(lease.holder, iso(lease.until_ms), lease.claimed) if lease else None,
        )

    def claim(self, environment: Environment, ttl_ms: int) -> ClaimView:
        """What a worker needs to know of an environment that it has claimed."""
        lease = environment.lease
        return ClaimView(
            name=environment.name,
            want=environment.want,
            generation=environment.generation,
            claimed=lease.claimed if lease else None,
            epoch=environment.epoch,
            versions={r: v.version for r, v in self.versions(environment).items()},
            redeploys=dict(environment.redeploys),
            spec_hash=environment.trusted_hash,
            observed=environment.observed,
            infra=environment.infra,
            ttl_ms=ttl_ms,
        )


def event(event: HistoryEvent) -> EventView:
    """One entry of a history."""
    return EventView(iso(event.at_ms), event.actor, event.kind, event.text)
