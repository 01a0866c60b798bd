"""Rows in every phase, made by the writes of the core."""

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from gromit.core.environments import desired_state, observation, parking, protection, work
from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.desired_state import Build, NewIncarnation
from gromit.core.environments.environment import RepositoryVersion, Source, parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.observation import Observation
from gromit.core.environments.phases import Phase, Work
from gromit.core.environments.row_writes import (
    Row,
    RowWrite,
    WriteAccepted,
    WriteResult,
    apply_write,
)
from gromit.core.names import parse_ref
from gromit.core.stack.made import MadeStack

NAME, BORN, TTL, GRACE = "app-test", 1_000_000, 90_000, 3_600_000
REPOSITORIES = ("tyk", "tyk-analytics", "tyk-pump")
FALLBACKS = {r: RepositoryVersion("master", Source.DEFAULT) for r in REPOSITORIES}


def build(
    repository: str = "tyk", version: str = "sha-1", sequence: int | None = None, ref: str = NAME
) -> Build:
    """Return a build."""
    return Build(repository, parse_ref(ref), version, sequence)


def stamp(now_ms: int = BORN, actor: str = "ci") -> ChangeContext:
    """Return the context of a change at an instant."""
    return ChangeContext(actor, now_ms)


def outcome(row: Row | None, write: RowWrite) -> WriteResult:
    """Return the result of a write."""
    return apply_write(write, row, {"name": NAME})


def after(row: Row | None, *writes: RowWrite) -> dict[str, Any]:
    """Return the row after writes that must all be accepted."""
    for write in writes:
        result = outcome(row, write)
        assert isinstance(result, WriteAccepted), (write, row)
        row = result.row
    return dict(row or {})


def birth(
    *, protected: bool = False, fallbacks: Mapping[str, RepositoryVersion] | None = None
) -> NewIncarnation:
    """Return the initial values of a new incarnation."""
    return NewIncarnation("one", protected, FALLBACKS if fallbacks is None else fallbacks)


def born(
    reported: Build | None = None, *, protected: bool = False, now_ms: int = BORN
) -> dict[str, Any]:
    """Return a row that a first build has created."""
    reported = reported or build()
    attributes = desired_state.build_attributes(reported)
    return after(
        None,
        desired_state.create_incarnation(
            None, birth(protected=protected), attributes, stamp(now_ms), "first"
        ),
    )


def claim(
    row: Row, kind: Work = Work.SOW, holder: str = "w1", now_ms: int = BORN, nonce: str = "n1"
) -> dict[str, Any]:
    """Return the row after a claim."""
    return after(row, work.claim(kind, Claimant(holder, nonce), now_ms, TTL))


def fence_of(row: Row) -> Fence:
    """Return the fence of the worker that holds a row."""
    return Fence(row["holder"], row["epoch"])


def sown(row: Row, spec_hash: str = "h1", now_ms: int = BORN, nonce: str = "n1") -> dict[str, Any]:
    """Return the row after a success of its worker."""
    return after(row, work.sown(fence_of(row), nonce, MadeStack(spec_hash), stamp(now_ms)))


def failed(row: Row, retry_ms: int = 30_000, now_ms: int = BORN) -> dict[str, Any]:
    """Return the row after a failure of its worker."""
    what = {"kind": "terraform", "message": "no"}
    return after(row, work.failed(fence_of(row), what, retry_ms, stamp(now_ms)))


def deleted(row: Row, grace_ms: int = GRACE, now_ms: int = BORN) -> dict[str, Any]:
    """Return the row after a deletion."""
    return after(row, desired_state.delete(stamp(now_ms), grace_ms, "requested"))


def observed(row: Row, now_ms: int = BORN, **problems: str) -> dict[str, Any]:
    """Return the row after an observation; the problems are by component."""
    return after(row, *_observations(row, now_ms, problems))


def _observations(row: Row, now_ms: int, problems: Mapping[str, str]) -> tuple[RowWrite, ...]:
    before = parse_environment(row)
    seen = Observation(before.name, before.epoch, problems)
    write = observation.observation_write(before, seen, stamp(now_ms), 30_000, GRACE)
    return () if write is None else (write,)


def _degraded() -> dict[str, Any]:
    # Its repair is due at once.
    return {**observed(sown(claim(born())), tyk="0 of 1 tasks run"), "due": BORN}


def _parked() -> dict[str, Any]:
    return sown(claim(after(sown(claim(born())), parking.park(stamp()))))


def _gone() -> dict[str, Any]:
    row = in_phase(Phase.REAPING)
    return after(row, work.reaped(fence_of(row), "n1", stamp()))


_PHASES: Mapping[Phase, Callable[[], dict[str, Any]]] = {
    Phase.PENDING: born,
    Phase.SOWING: lambda: claim(born()),
    Phase.READY: lambda: sown(claim(born())),
    Phase.DEGRADED: _degraded,
    Phase.PARKED: _parked,
    Phase.FAILED: lambda: failed(claim(born())),
    Phase.DELETING: lambda: deleted(sown(claim(born())), 0),
    Phase.REAPING: lambda: claim(deleted(sown(claim(born())), 0), Work.REAP),
    Phase.GONE: _gone,
}


def in_phase(phase: Phase) -> dict[str, Any]:
    """Return a row in a phase at the instant `BORN`.

    Its work is due unless it is claimed, or has failed.
    """
    return _PHASES[phase]()


# ── random lives ──────────────────────────────────────────────────────────────────────────────────

SECOND = 1000
PAUSES = (0, SECOND, TTL, TTL + SECOND, 30_000, GRACE)
"""Multiples of a second, because serve shows instants in whole seconds."""
Change = Callable[[Row, int], tuple[RowWrite, ...]]
"""Writes that a client or a worker may try: each one if those before it are refused."""


def _outcome_of(kind: str) -> Change:
    what = {"kind": "terraform", "message": "no"}

    def writes(row: Row, now_ms: int) -> tuple[RowWrite, ...]:
        if "holder" not in row:
            return ()
        fence, at = fence_of(row), stamp(now_ms)
        return {
            "renew": (work.renew(fence, now_ms, TTL),),
            "release": (work.release(fence),),
            "sown": (
                work.sown(fence, "n", MadeStack("h"), at),
                work.sown_superseded(fence, "n", MadeStack("h"), at),
            ),
            "reaped": (work.reaped(fence, "n", at), work.reaped_revived(fence, "n", at)),
            "failed": (
                work.failed(fence, what, 30_000, at),
                work.failed_superseded(fence, what, at),
            ),
        }[kind]

    return writes


def _claims(kind: Work) -> Change:
    return lambda row, now_ms: (work.claim(kind, Claimant("w", f"n{row['epoch']}"), now_ms, TTL),)


_CHANGES: Mapping[str, Change] = {
    "report": lambda row, now_ms: (
        desired_state.report(build(version=f"sha-{row['revision']}"), stamp(now_ms)),
        desired_state.create_incarnation(
            row, birth(), desired_state.build_attributes(build()), stamp(now_ms), "again"
        ),
    ),
    "delete": lambda _, now_ms: (desired_state.delete(stamp(now_ms), GRACE, "requested"),),
    "protect": lambda row, now_ms: (
        protection.protect(protected=not row["protected"], stamp=stamp(now_ms)),
    ),
    "redeploy": lambda row, now_ms: (
        desired_state.redeploy(["tyk"], f"mark-{row['revision']}", stamp(now_ms)),
    ),
    "retry": lambda _, now_ms: (desired_state.retry_now(stamp(now_ms)),),
    "observe-problem": lambda row, now_ms: _observations(row, now_ms, {"tyk": "no task runs"}),
    "observe-nothing": lambda row, now_ms: _observations(row, now_ms, {}),
    "claim-sow": _claims(Work.SOW),
    "claim-reap": _claims(Work.REAP),
    # No write does this: an operator edits the table.
    "edit": lambda row, _: (RowWrite(conditions=(), sets={"protected": not row["protected"]}),),
    **{kind: _outcome_of(kind) for kind in ("renew", "release", "sown", "reaped", "failed")},
}


@st.composite
def lives(draw: st.DrawFn) -> dict[str, Any]:
    """Return a row of any phase after random changes, with pauses between them."""
    row, now_ms = in_phase(draw(st.sampled_from(Phase))), BORN
    for change in draw(st.lists(st.sampled_from(sorted(_CHANGES)), max_size=6)):
        now_ms += draw(st.sampled_from(PAUSES))
        row = _first_accepted(row, _CHANGES[change](row, now_ms))
    return row


@st.composite
def announced_changes(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Return a row before and after one change that serve announces, and its instant."""
    row = draw(lives())
    now_ms = max(row["changed"], row.get("claimed_at", 0)) + draw(st.sampled_from(PAUSES))
    change = draw(st.sampled_from(sorted(_CHANGES.keys() - {"edit", "renew"})))
    return row, _first_accepted(row, _CHANGES[change](row, now_ms)), now_ms


def _first_accepted(row: dict[str, Any], writes: tuple[RowWrite, ...]) -> dict[str, Any]:
    for write in writes:
        result = outcome(row, write)
        if isinstance(result, WriteAccepted):
            return dict(result.row)
    return row


def instants(row: Row) -> list[int]:
    """Return the instants around those at which the status of a row changes."""
    turns = (row["changed"], row.get("due", BORN), row.get("lease_until", BORN))
    return sorted({turn + near for turn in turns for near in (-SECOND, 0, SECOND)})
