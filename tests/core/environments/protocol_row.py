"""The row of the protocol's world: its relevant attributes, and the product's own writes to it.

No decision depends on more than is kept here. An epoch is the row's or an older one. A lease can
end at any time, so it always has ended, and all work is due. Rows that differ in anything else are
one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from gromit.core.environments import desired_state, work
from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.desired_state import Build, NewIncarnation
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Work
from gromit.core.environments.row_writes import RowWrite, WriteAccepted, apply_write
from gromit.core.names import parse_ref
from gromit.core.stack.made import MadeStack

REPOSITORY = "tyk"
NOW, EPOCH = 1_000, 1_000
STAMP, WORKER = ChangeContext("someone", NOW), Claimant("worker", "nonce")
FAILURE = {"kind": "temporary", "message": "trouble"}

FrozenRow = tuple[tuple[str, str | int], ...]
_WANTED = ("want", "generation", "v#" + REPOSITORY)
_KEPT = frozenset(
    {*_WANTED, "work", "observed", "holder", "claimed", "spec_hash", "hash_epoch", "gone_at"}
)


class Claim(NamedTuple):
    """Content of a worker's claim."""

    kind: str
    generation: int
    version: str
    trusted_hash: str | None
    is_last: bool
    """Whether no other worker has claimed since."""

    @property
    def fence(self) -> Fence:
        """Return the fence of its reports.

        An epoch belongs to one claim, so that one name is enough for all workers.
        """
        return Fence(WORKER.holder, EPOCH if self.is_last else 0)


@dataclass(frozen=True, slots=True)
class Writes:
    """Writes of successful workers: those of the product, unless a test breaks one."""

    sown: Callable[[Fence], tuple[RowWrite, ...]] = lambda fence: (
        work.sown(fence, "nonce", MadeStack("?"), STAMP),
        work.sown_superseded(fence, "nonce", MadeStack("?"), STAMP),
    )
    reaped: Callable[[Fence], tuple[RowWrite, ...]] = lambda fence: (
        work.reaped(fence, "nonce", STAMP),
        work.reaped_revived(fence, "nonce", STAMP),
    )


@cache
def environment(row: FrozenRow) -> Environment:
    """Parse a row."""
    return parse_environment(_thaw(row))


def version(row: FrozenRow) -> str:
    """Return the desired version."""
    return environment(row).versions[REPOSITORY].version


# ── what clients want ─────────────────────────────────────────────────────────────────────────────


@cache
def built(row: FrozenRow | None, version: str) -> FrozenRow | None:
    """Return the row after a build; None if it is not new."""
    build = Build(REPOSITORY, parse_ref("e"), version)
    if row is not None and environment(row).gone_ms is None:
        return _written(row, desired_state.report(build, STAMP))
    before = None if row is None else _thaw(row)
    birth = NewIncarnation("i", protected=False, fallbacks={})
    return _written(
        row,
        desired_state.create_incarnation(
            before, birth, desired_state.build_attributes(build), STAMP, ""
        ),
    )


@cache
def deleted(row: FrozenRow | None) -> FrozenRow | None:
    """Return the row after a deletion without a grace period."""
    return _written(row, desired_state.delete(STAMP, 0, "requested"))


# ── what workers do ───────────────────────────────────────────────────────────────────────────────


@cache
def claimed(row: FrozenRow | None, kind: Work) -> FrozenRow | None:
    """Return the row after a claim."""
    return _written_by_worker(row, work.claim(kind, WORKER, NOW, 1))


@cache
def renewed(row: FrozenRow | None, claim: Claim) -> FrozenRow | None:
    """Return the row after a renewal."""
    return _written_by_worker(row, work.renew(claim.fence, NOW, 1))


@cache
def released(row: FrozenRow | None, claim: Claim) -> FrozenRow | None:
    """Return the row after the release of a claim."""
    return _written_by_worker(row, work.release(claim.fence))


@cache
def failed(row: FrozenRow | None, claim: Claim) -> FrozenRow | None:
    """Return the row after a failure, due again at once."""
    fence = claim.fence
    return _written_by_worker(
        row, work.failed(fence, FAILURE, 0, STAMP), work.failed_superseded(fence, FAILURE, STAMP)
    )


@cache
def done(row: FrozenRow | None, claim: Claim, writes: Writes) -> FrozenRow | None:
    """Return the row after a success, with the version as its spec hash."""
    if claim.kind == Work.REAP:
        return _written_by_worker(row, *writes.reaped(claim.fence))
    after = _written_by_worker(row, *writes.sown(claim.fence))
    if after is None:
        return None
    return tuple((a, claim.version if a == "spec_hash" else v) for a, v in after)


def _written_by_worker(row: FrozenRow | None, *writes: RowWrite) -> FrozenRow | None:
    """Do as `_written`, and assert that a worker never changes the desired state."""
    after = _written(row, *writes)
    if row is not None and after is not None:
        assert [dict(after)[a] for a in _WANTED] == [dict(row)[a] for a in _WANTED]
    return after


def _written(row: FrozenRow | None, *writes: RowWrite) -> FrozenRow | None:
    """Return the row after the first write that it accepts; None if it accepts none."""
    for write in writes:
        outcome = apply_write(write, None if row is None else _thaw(row), {"name": "e"})
        if isinstance(outcome, WriteAccepted):
            return _frozen(outcome.row)
    return None


def _thaw(row: FrozenRow) -> dict[str, Any]:
    """Return the row with the attributes that the writes need."""
    thawed = {
        "name": "e",
        "incarnation": "i",
        "revision": 0,
        "created": 0,
        "changed": 0,
        "protected": False,
        "epoch": EPOCH,
    }
    thawed |= dict(row)
    if "work" in thawed:
        thawed["due"] = NOW
    if "holder" in thawed:
        thawed |= {"claim_id": WORKER.nonce, "lease_until": 0}
    return thawed


def _frozen(row: Mapping[str, Any]) -> FrozenRow:
    """Return the relevant attributes of a row.

    Its epoch becomes `EPOCH`, and the epoch of the hash moves with it.
    """
    kept = {a: v.value if isinstance(v, StrEnum) else v for a, v in row.items() if a in _KEPT}
    if "hash_epoch" in kept:
        age = row["epoch"] - kept["hash_epoch"]
        kept["hash_epoch"] = EPOCH - age if age <= 1 else 0
    return tuple(sorted(kept.items()))
