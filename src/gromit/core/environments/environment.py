"""An environment as its row tells it: what is wanted, what was made true, who works on it. Phases are derived, never stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from gromit.core.environments.attributes import (
    FALLBACK,
    REDEPLOY,
    REF,
    SEQUENCE,
    VERSION,
    Attribute,
)
from gromit.core.environments.rows import Row
from gromit.errors import Conflict


class Want(StrEnum):
    """What clients want of an environment."""

    UP = "up"
    GONE = "gone"


class Work(StrEnum):
    """The work that a row asks for: the partition of the sparse index."""

    SOW = "sow"
    REAP = "reap"


class Phase(StrEnum):
    """Where an environment is on its way."""

    PENDING = "pending"
    SOWING = "sowing"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"
    REAPING = "reaping"
    GONE = "gone"


WIRE_STATE: Mapping[Phase, str] = MappingProxyType(
    {
        Phase.PENDING: "new",
        Phase.SOWING: "new",
        Phase.FAILED: "new",
        Phase.READY: "processed",
        Phase.DELETING: "deleted",
        Phase.REAPING: "deleted",
    }
)
"""Phases as the old wire calls them. A tombstone (`gone`) does not appear there."""


class Source(StrEnum):
    """Why a repository has the version that it has."""

    REPORTED = "reported"
    BRANCH = "branch"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class RepositoryVersion:
    """What one repository contributes, and why."""

    version: str
    source: Source
    ref: str | None = None
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's claim on an environment."""

    holder: str
    epoch: int
    """+1 for every claim: the fencing token."""
    until_ms: int
    claimed: int
    """The generation being made true."""
    claim_id: str
    task: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failure, until something succeeds or changes."""

    kind: str
    message: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """Something that happened to an environment."""

    at_ms: int
    actor: str
    kind: str
    text: str

    def to_row(self) -> dict[str, Any]:
        """As it lies in the row."""
        return {"at": self.at_ms, "actor": self.actor, "kind": self.kind, "text": self.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One row, parsed."""

    name: str
    incarnation: str
    want: Want
    generation: int
    observed: int
    versions: Mapping[str, RepositoryVersion]
    """By repository: reported ones, and the fallbacks that were found when it was last asked for anything."""
    sequences: Mapping[str, int]
    redeploys: Mapping[str, str]
    protected: bool
    created_ms: int
    changed_ms: int
    work: Work | None
    due_ms: int
    attempts: int
    failure: Failure | None
    lease: Lease | None
    epoch: int
    infra: bool
    """Whether resources of it may exist."""
    spec_hash: str | None
    """Hash of what was made true last."""
    hash_epoch: int | None
    """The claim that did it."""
    gone_ms: int | None
    revision: int
    events: tuple[HistoryEvent, ...]
    row: Row = field(default_factory=dict, repr=False, compare=False)
    """The row that was parsed, for writes that require it to be unchanged."""

    @property
    def reported(self) -> frozenset[str]:
        """Repositories that have reported a version."""
        return frozenset(r for r, v in self.versions.items() if v.source is Source.REPORTED)

    def has_reported(self, repository: str, version: str) -> bool:
        """Whether this is the reported version of a repository."""
        known = self.versions.get(repository)
        return known is not None and known.source is Source.REPORTED and known.version == version

    @property
    def trusted_hash(self) -> str | None:
        """For the holder of the claim: the hash of what runs, if the claim before his ended well.

        A run that was killed, interrupted or failed may have changed something: then nothing is known of what runs.
        """
        return self.spec_hash if self.hash_epoch == self.epoch - 1 else None

    def phase(self, now_ms: int) -> Phase:
        """The phase at an instant.

        | want | gone_ms | lease valid | observed = generation | attempts | phase    |
        |------|---------|-------------|-----------------------|----------|----------|
        | gone | set     |             |                       |          | gone     |
        | gone |         | yes         |                       |          | reaping  |
        | gone |         | no          |                       |          | deleting |
        | up   |         | yes         |                       |          | sowing   |
        | up   |         | no          | yes                   |          | ready    |
        | up   |         | no          | no                    | > 0      | failed   |
        | up   |         | no          | no                    | 0        | pending  |
        """
        held = self.lease is not None and self.lease.until_ms >= now_ms
        if self.gone_ms is not None:
            return Phase.GONE
        if self.want is Want.GONE:
            return Phase.REAPING if held else Phase.DELETING
        if held:
            return Phase.SOWING
        if self.observed == self.generation:
            return Phase.READY
        return Phase.FAILED if self.attempts else Phase.PENDING


def is_v1_row(row: Row) -> bool:
    """Whether a row is a flat one of gromit v1, which has no generation."""
    return Attribute.GENERATION not in row


def parse_environment(row: Row) -> Environment:
    """The environment that a row holds.

    Raises `Conflict` for a flat row of the earlier system, which `gromit migrate` has to read first.
    """
    if is_v1_row(row):
        raise Conflict(
            f"the row of {row.get(Attribute.NAME)} is one of the earlier system",
            hint="run `gromit migrate` once; it loses nothing",
        )
    return Environment(
        name=row[Attribute.NAME],
        incarnation=row[Attribute.INCARNATION],
        want=Want(row[Attribute.WANT]),
        generation=row[Attribute.GENERATION],
        observed=row[Attribute.OBSERVED],
        versions=_versions(row),
        sequences=_prefixed(row, SEQUENCE),
        redeploys=_prefixed(row, REDEPLOY),
        protected=row.get(Attribute.PROTECTED, False),
        created_ms=row[Attribute.CREATED],
        changed_ms=row[Attribute.CHANGED],
        work=Work(row[Attribute.WORK]) if Attribute.WORK in row else None,
        due_ms=row.get(Attribute.DUE, 0),
        attempts=row.get(Attribute.ATTEMPTS, 0),
        failure=_failure(row.get(Attribute.LAST_ERROR)),
        lease=_lease(row),
        epoch=row[Attribute.EPOCH],
        infra=row.get(Attribute.INFRA, False),
        spec_hash=row.get(Attribute.SPEC_HASH),
        hash_epoch=row.get(Attribute.HASH_EPOCH),
        gone_ms=row.get(Attribute.GONE_AT),
        revision=row[Attribute.REVISION],
        events=tuple(
            HistoryEvent(e["at"], e["actor"], e["kind"], e["text"])
            for e in row.get(Attribute.EVENTS, [])
        ),
        row=row,
    )


def _versions(row: Row) -> Mapping[str, RepositoryVersion]:
    refs, sequences = _prefixed(row, REF), _prefixed(row, SEQUENCE)
    fallbacks = {
        r: RepositoryVersion(d["tag"], Source(d["source"]))
        for r, d in _prefixed(row, FALLBACK).items()
    }
    reported = {
        r: RepositoryVersion(v, Source.REPORTED, ref=refs.get(r), sequence=sequences.get(r))
        for r, v in _prefixed(row, VERSION).items()
    }
    return {**fallbacks, **reported}


def _prefixed(row: Row, prefix: str) -> dict[str, Any]:
    return {a.removeprefix(prefix): v for a, v in sorted(row.items()) if a.startswith(prefix)}


def _failure(value: Mapping[str, Any] | None) -> Failure | None:
    return Failure(value["kind"], value["message"], value["at"]) if value else None


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
    )
