"""An environment, parsed from its row: desired state, observed state, and the claim on it.

Phases are derived, never stored.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from gromit.core.environments.attributes import (
    FALLBACK,
    MISSING,
    PIN,
    REDEPLOY,
    REF,
    SEQUENCE,
    VERSION,
    Attribute,
    by_prefix,
)
from gromit.core.environments.damage import SOURCE, find_damage
from gromit.core.environments.failures import Failure
from gromit.core.environments.made_status import MadeStatus, made_from_row
from gromit.core.environments.observed_status import (
    Degradation,
    Repairs,
    components_to_repair,
    health_from_row,
    names_from_row,
)
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.environments.pins import Pin, pins_from_row
from gromit.core.environments.row_writes import Row
from gromit.core.environments.run_progress import ProgressStatus
from gromit.core.environments.v1_rows import is_v1_row, v1_refusal
from gromit.core.stack.addresses import NameStatus
from gromit.core.stack.contract import StateMark
from gromit.core.stack.health import HealthStatus
from gromit.errors import UnreadableRow

WIRE_STATE: Mapping[Phase, str] = MappingProxyType(
    {
        Phase.PENDING: "new",
        Phase.SOWING: "new",
        Phase.FAILED: "new",
        Phase.READY: "processed",
        Phase.PARKED: "processed",
        Phase.DEGRADED: "processed",
        Phase.DELETING: "deleted",
        Phase.REAPING: "deleted",
    }
)
"""Names of the phases on the flat interface of gromit v1, which shows no tombstones (`gone`)."""


class Source(StrEnum):
    """Origin of a repository's version."""

    REPORTED = "reported"
    BRANCH = "branch"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class RepositoryVersion:
    """Version that one repository contributes, and its origin."""

    version: str
    source: Source
    ref: str | None = None
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's claim on an environment."""

    holder: str
    epoch: int
    """Fencing token: +1 for every claim."""
    until_ms: int
    claimed: int
    """Generation that the worker claimed."""
    claim_id: str
    task: str | None
    since_ms: int | None = None
    """Instant of the claim; None if an earlier release of serve gave it."""
    progress: ProgressStatus | None = None
    """Progress that the worker last reported."""


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One event in the history of an environment."""

    at_ms: int
    actor: str
    kind: str
    text: str
    origin: str | None = None
    """Certificate, token or job of the actor; None for a worker, and in events of older rows."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """By component: the versions of repositories that a run has made; empty for other events."""
    took_s: int | None = None
    """Seconds from the claim to the outcome of a run; None for other events, and if not known."""
    run: int | None = None
    """Number of the run that the event reports: the epoch of its claim; None for other events."""

    def to_row(self) -> dict[str, Any]:
        """Return the event as the row stores it."""
        more = {
            "origin": self.origin,
            "versions": dict(self.versions) or None,
            "took": self.took_s,
            "run": self.run,
        }
        return {
            "at": self.at_ms,
            "actor": self.actor,
            "kind": self.kind,
            "text": self.text,
            **{key: value for key, value in more.items() if value is not None},
        }

    def is_kind(self, kind: str) -> bool:
        """Whether this is an event of that kind."""
        return self.kind == kind

    @classmethod
    def from_row(cls, event: Mapping[str, Any]) -> "HistoryEvent":
        """Return the event that a row stores."""
        return cls(
            event["at"],
            event["actor"],
            event["kind"],
            event["text"],
            event.get("origin"),
            event.get("versions", {}),
            event.get("took"),
            event.get("run"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One row, parsed."""

    name: str
    incarnation: str
    want: Want
    generation: int
    observed: int
    versions: Mapping[str, RepositoryVersion]
    """By repository: reported versions, and the fallbacks found at the last request."""
    sequences: Mapping[str, int]
    """By repository: the greatest reported build sequence."""
    redeploys: Mapping[str, str]
    """By component: the mark of its last redeployment."""
    pins: Mapping[str, Pin]
    """By repository: versions that a rollback has brought back."""
    rollback: str | None
    """Mark of the last rollback; None without one."""
    protected: bool
    protected_by: str | None
    """Actor who has protected it; None if none has, as at its creation."""
    parked: bool
    """Whether it should keep everything, and run nothing."""
    asleep: bool
    """Whether it is parked until the next weekly hours."""
    started_ms: int | None
    ran_ms: int | None
    """Start of its tasks, and how long it had run before; see `running`."""
    created_ms: int
    changed_ms: int
    work: Work | None
    due_ms: int
    attempts: int
    failure: Failure | None
    lease: Lease | None
    epoch: int
    infra: bool
    """Whether the environment may have resources."""
    spec_hash: str | None
    """Spec hash of the last successful apply."""
    hash_epoch: int | None
    """Epoch of the claim that applied it."""
    state: StateMark | None
    """Terraform state that the last run left; None if none is recorded."""
    made: MadeStatus | None
    """Components as the last successful apply made them; None if an earlier release did."""
    degraded: Degradation | None
    """Components that an observation found not running or not working; None without."""
    repairs: Repairs | None
    """Earlier repairs, which postpone the next one."""
    dns: Mapping[str, NameStatus]
    """Status of the public name of each component, as last observed."""
    health: Mapping[str, HealthStatus]
    """Health of each component whose program was asked since the last success."""
    hooks: tuple[str, ...]
    """Components whose hook `on_create` has succeeded in this incarnation."""
    gone_ms: int | None
    touched_ms: int | None
    """Last build or action of a person; None in a row that an older version wrote."""
    keep_until_ms: int
    """Instant until which an extension keeps the environment; 0 without one."""
    warned: int
    """Number of warnings before the present deadline."""
    look_ms: int | None
    """Instant of the next look at its lifetime; None if none is scheduled."""
    missing: Mapping[str, int]
    """By repository: since when lists of its branches lack the branch of its version."""
    revision: int
    events: tuple[HistoryEvent, ...]
    row: Row = field(default_factory=dict, repr=False, compare=False)
    """The row that was parsed, for writes that require it to be unchanged."""

    @property
    def reported(self) -> frozenset[str]:
        """Return the repositories that have a reported version."""
        return frozenset(r for r, v in self.versions.items() if v.source is Source.REPORTED)

    @property
    def owner(self) -> str | None:
        """Return the token, job or person that created it; None if the history forgot it."""
        requester = self.row.get(Attribute.REQUESTER)
        if requester is not None:
            return str(requester)
        created = [e.actor for e in self.events if e.is_kind("created")]
        return created[-1] if created else None

    def has_reported(self, repository: str, version: str) -> bool:
        """Whether this is the reported version of a repository."""
        known = self.versions.get(repository)
        return known is not None and known.source is Source.REPORTED and known.version == version

    @property
    def trusted_hash(self) -> str | None:
        """Return the spec hash of what runs; None unless the previous claim ended cleanly.

        It is meant for the holder of the current claim. A run that was killed, interrupted or
        failed may have changed something, so after it the hash is not trusted. Nor is it while the
        environment needs a repair: then what runs is not what was applied.
        """
        if self.needs_repair:
            return None
        return self.spec_hash if self.hash_epoch == self.epoch - 1 else None

    @property
    def needs_repair(self) -> bool:
        """Whether a component does not run; one that only does not work needs none."""
        problems = self.degraded.components if self.degraded else ()
        return bool(components_to_repair(problems, self.health))

    def is_held(self, now_ms: int) -> bool:
        """Whether a worker has a valid lease."""
        return self.lease is not None and self.lease.until_ms >= now_ms

    def phase(self, now_ms: int) -> Phase:
        """Return the phase at an instant.

        | want | gone_ms | lease valid | observed = generation | degraded | attempts | phase    |
        |------|---------|-------------|-----------------------|----------|----------|----------|
        | gone | set     |             |                       |          |          | gone     |
        | gone |         | yes         |                       |          |          | reaping  |
        | gone |         | no          |                       |          |          | deleting |
        | up   |         | yes         |                       |          |          | sowing   |
        | up   |         | no          | yes                   | no       |          | ready    |
        | up   |         | no          | yes                   | yes      |          | degraded |
        | up   |         | no          | no                    |          | > 0      | failed   |
        | up   |         | no          | no                    |          | 0        | pending  |

        One that is parked is `parked` in place of ready or degraded.
        """
        held = self.is_held(now_ms)
        if self.gone_ms is not None:
            return Phase.GONE
        if self.want is Want.GONE:
            return Phase.REAPING if held else Phase.DELETING
        if held:
            return Phase.SOWING
        if self.observed == self.generation:
            if self.parked:
                return Phase.PARKED
            return Phase.READY if self.degraded is None else Phase.DEGRADED
        return Phase.FAILED if self.attempts else Phase.PENDING


def parse_environment(row: Row) -> Environment:
    """Parse a row.

    Raises `Conflict` for a flat row of gromit v1, which `gromit migrate` must convert first, and
    `UnreadableRow` for one that is damaged.
    """
    if is_v1_row(row):
        raise v1_refusal(row)
    if fault := find_damage(row, _CHOICES):
        raise unreadable_row(str(row.get(Attribute.NAME)), f"cannot be read: {fault}")
    named = by_prefix(row)
    return Environment(
        name=row[Attribute.NAME],
        incarnation=row[Attribute.INCARNATION],
        want=Want(row[Attribute.WANT]),
        generation=row[Attribute.GENERATION],
        observed=row[Attribute.OBSERVED],
        versions=_versions(named),
        sequences=named[SEQUENCE],
        redeploys=named[REDEPLOY],
        pins=pins_from_row(row, named[PIN]),
        rollback=row.get(Attribute.ROLLBACK),
        protected=row.get(Attribute.PROTECTED, False),
        protected_by=row.get(Attribute.PROTECTED_BY),
        parked=row.get(Attribute.PARKED, False),
        asleep=row.get(Attribute.ASLEEP, False),
        started_ms=row.get(Attribute.STARTED),
        ran_ms=row.get(Attribute.RAN),
        created_ms=row[Attribute.CREATED],
        changed_ms=row[Attribute.CHANGED],
        work=Work(row[Attribute.WORK]) if Attribute.WORK in row else None,
        due_ms=row.get(Attribute.DUE, 0),
        attempts=row.get(Attribute.ATTEMPTS, 0),
        failure=Failure.from_row(row.get(Attribute.LAST_ERROR)),
        lease=_lease(row),
        epoch=row[Attribute.EPOCH],
        infra=row.get(Attribute.INFRA, False),
        spec_hash=row.get(Attribute.SPEC_HASH),
        hash_epoch=row.get(Attribute.HASH_EPOCH),
        state=_state(row),
        made=made_from_row(row),
        degraded=Degradation.from_row(row),
        repairs=Repairs.from_row(row),
        dns=names_from_row(row),
        health=health_from_row(row),
        hooks=tuple(row.get(Attribute.HOOKS, ())),
        gone_ms=row.get(Attribute.GONE_AT),
        touched_ms=row.get(Attribute.TOUCHED),
        keep_until_ms=row.get(Attribute.KEEP_UNTIL, 0),
        warned=row.get(Attribute.WARNED, 0),
        look_ms=row.get(Attribute.LOOK_AT),
        missing=named[MISSING],
        revision=row[Attribute.REVISION],
        events=tuple(HistoryEvent.from_row(e) for e in row.get(Attribute.EVENTS, [])),
        row=row,
    )


def unreadable_row(name: str, fault: str) -> UnreadableRow:
    """Return the error for a row that cannot be processed."""
    return UnreadableRow(
        f"the row of {name} {fault}",
        hint="correct it in the table, or restore it from a backup;"
        f" then `gromit env retry {name}` makes it due at once",
    )


_CHOICES: Mapping[str, Collection[str]] = MappingProxyType(
    {Attribute.WANT: tuple(Want), Attribute.WORK: tuple(Work), SOURCE: tuple(Source)}
)
"""Values of the attributes that have a few only."""


def _versions(named: Mapping[str, Mapping[str, Any]]) -> Mapping[str, RepositoryVersion]:
    refs, sequences = named[REF], named[SEQUENCE]
    fallbacks = {
        r: RepositoryVersion(d["tag"], Source(d["source"])) for r, d in named[FALLBACK].items()
    }
    reported = {
        r: RepositoryVersion(v, Source.REPORTED, ref=refs.get(r), sequence=sequences.get(r))
        for r, v in named[VERSION].items()
    }
    return {**fallbacks, **reported}


def _state(row: Row) -> StateMark | None:
    lineage, serial = row.get(Attribute.STATE_LINEAGE), row.get(Attribute.STATE_SERIAL)
    if lineage is None or serial is None:
        return None
    return StateMark(lineage, serial)


def _lease(row: Row) -> Lease | None:
    if Attribute.HOLDER not in row:
        return None
    return Lease(
        row[Attribute.HOLDER],
        row[Attribute.EPOCH],
        row[Attribute.LEASE_UNTIL],
        row[Attribute.CLAIMED],
        row[Attribute.CLAIM_ID],
        row.get(Attribute.TASK),
        row.get(Attribute.CLAIMED_AT),
        ProgressStatus.from_row(row.get(Attribute.PROGRESS)),
    )
