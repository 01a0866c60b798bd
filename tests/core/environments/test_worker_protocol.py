"""The protocol: each row of its table, and every way through it.

No way breaks an environment, or leaves its work unfinished for ever.
"""

import itertools

import pytest

from gromit.core.environments.terraform_locks import FoundLock, Lock
from gromit.core.environments.worker_protocol import (
    LOCKED,
    AcquireLock,
    AlreadyLocked,
    Applied,
    CheckOwner,
    ClaimCurrent,
    ClaimLost,
    EndRun,
    Execute,
    Locked,
    LostRace,
    NewerDesired,
    OwnerDead,
    OwnerNotProvenDead,
    Problem,
    ProtocolStep,
    ReleaseClaim,
    ReplaceLock,
    ReportDone,
    ReportFailure,
    RunEnding,
    StepDone,
    StepFailed,
    StepResult,
    Stopping,
    Unlock,
    Verify,
    next_step,
)
from gromit.core.stack.made import MadeStack
from tests.core.environments.broken_protocols import BROKEN, BrokenVariant
from tests.core.environments.protocol_world import explore

LOCK = Lock(environment="e", id="1", etag="x")
FOUND = FoundLock(
    environment="e", id="2", etag="y", who="w", operation="sow", created="", owner=None
)
MADE = MadeStack("h")
PROBLEM = Problem("terraform", "no")
TAKEN = Problem(LOCKED, "another worker replaced the stale lock first")

TABLE: list[tuple[ProtocolStep, StepResult, ProtocolStep]] = [
    (AcquireLock(), Locked(LOCK), Verify(LOCK)),
    (AcquireLock(), AlreadyLocked(FOUND), CheckOwner(FOUND)),
    (AcquireLock(), StepFailed(PROBLEM), ReportFailure(None, PROBLEM)),
    (CheckOwner(FOUND), OwnerDead(), ReplaceLock(FOUND)),
    (
        CheckOwner(FOUND),
        OwnerNotProvenDead("it lives"),
        ReportFailure(None, Problem(LOCKED, "it lives")),
    ),
    (CheckOwner(FOUND), StepFailed(PROBLEM), ReportFailure(None, PROBLEM)),
    (ReplaceLock(FOUND), Locked(LOCK), Verify(LOCK)),
    (ReplaceLock(FOUND), LostRace(), ReportFailure(None, TAKEN)),
    (ReplaceLock(FOUND), StepFailed(PROBLEM), ReportFailure(None, PROBLEM)),
    (Verify(LOCK), ClaimCurrent(), Execute(LOCK)),
    (Verify(LOCK), NewerDesired(), ReleaseClaim(LOCK, RunEnding.SUPERSEDED)),
    (Verify(LOCK), Stopping(), ReleaseClaim(LOCK, RunEnding.STOPPED)),
    (Verify(LOCK), ClaimLost(), Unlock(LOCK, RunEnding.FENCED)),
    (Verify(LOCK), StepFailed(PROBLEM), Unlock(LOCK, RunEnding.FAILED, PROBLEM)),
    (Execute(LOCK), Applied(MADE), ReportDone(LOCK, MADE)),
    (Execute(LOCK), StepFailed(PROBLEM), ReportFailure(LOCK, PROBLEM)),
    (Execute(LOCK), Stopping(), ReleaseClaim(LOCK, RunEnding.STOPPED)),
    (ReportDone(LOCK, MADE), StepDone(), Unlock(LOCK, RunEnding.DONE)),
    (ReportDone(LOCK, MADE), ClaimLost(), Unlock(LOCK, RunEnding.FENCED)),
    (ReportDone(LOCK, MADE), StepFailed(PROBLEM), Unlock(LOCK, RunEnding.FAILED, PROBLEM)),
    (ReportFailure(LOCK, PROBLEM), StepDone(), Unlock(LOCK, RunEnding.FAILED, PROBLEM)),
    (ReportFailure(LOCK, PROBLEM), ClaimLost(), Unlock(LOCK, RunEnding.FENCED, PROBLEM)),
    (ReportFailure(LOCK, PROBLEM), StepFailed(TAKEN), Unlock(LOCK, RunEnding.FAILED, PROBLEM)),
    (ReportFailure(None, PROBLEM), StepDone(), EndRun(RunEnding.FAILED, PROBLEM)),
    (ReportFailure(None, PROBLEM), ClaimLost(), EndRun(RunEnding.FENCED, PROBLEM)),
    (ReportFailure(None, PROBLEM), StepFailed(TAKEN), EndRun(RunEnding.FAILED, PROBLEM)),
    (ReleaseClaim(LOCK, RunEnding.STOPPED), StepDone(), Unlock(LOCK, RunEnding.STOPPED)),
    (ReleaseClaim(LOCK, RunEnding.STOPPED), ClaimLost(), Unlock(LOCK, RunEnding.STOPPED)),
    (
        ReleaseClaim(LOCK, RunEnding.SUPERSEDED),
        StepFailed(PROBLEM),
        Unlock(LOCK, RunEnding.SUPERSEDED),
    ),
    (ReleaseClaim(None, RunEnding.STOPPED), StepDone(), EndRun(RunEnding.STOPPED)),
    (Unlock(LOCK, RunEnding.DONE), StepDone(), EndRun(RunEnding.DONE)),
    (Unlock(LOCK, RunEnding.FAILED, PROBLEM), StepFailed(TAKEN), EndRun(RunEnding.FAILED, PROBLEM)),
]

STEPS: tuple[ProtocolStep, ...] = (
    AcquireLock(),
    CheckOwner(FOUND),
    ReplaceLock(FOUND),
    Verify(LOCK),
    Execute(LOCK),
    ReportDone(LOCK, MADE),
)
ANSWERS: tuple[StepResult, ...] = (
    *(
        Locked(LOCK),
        AlreadyLocked(FOUND),
        OwnerDead(),
        OwnerNotProvenDead("x"),
        LostRace(),
        ClaimCurrent(),
        NewerDesired(),
        ClaimLost(),
        Applied(MADE),
        StepDone(),
    ),
    *(Stopping(), StepFailed(PROBLEM)),
)


@pytest.mark.parametrize(("step", "answer", "following"), TABLE)
def test_the_table_says_what_comes_next(
    step: ProtocolStep, answer: StepResult, following: ProtocolStep
) -> None:
    assert next_step(step, answer) == following


def test_an_answer_that_a_step_cannot_give_is_refused() -> None:
    known = {(type(step), type(answer)) for step, answer, _ in TABLE}
    refused = 0
    for step, answer in itertools.product(STEPS, ANSWERS):
        if (type(step), type(answer)) not in known:
            refused += 1
            with pytest.raises(TypeError, match="is no result"):
                next_step(step, answer)
    assert refused == len(STEPS) * len(ANSWERS) - sum(
        type(s) in map(type, STEPS) for s, _, _ in TABLE
    )


def test_nothing_comes_after_the_end() -> None:
    with pytest.raises(TypeError, match="follows EndRun"):
        next_step(EndRun(RunEnding.DONE), StepDone())


def test_every_way_to_the_act_leads_through_a_verification_under_the_lock() -> None:
    into_the_act = {
        (type(step), type(answer))
        for step, answer, following in TABLE
        if isinstance(following, Execute)
    }
    into_the_verification = {
        type(answer) for _, answer, following in TABLE if isinstance(following, Verify)
    }
    assert (into_the_act, into_the_verification) == ({(Verify, ClaimCurrent)}, {Locked})


# ── every way through it ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("events", "workers"),
    [
        (3, 2),
        (2, 3),
        pytest.param(4, 2, marks=pytest.mark.long),
        pytest.param(3, 3, marks=[pytest.mark.long, pytest.mark.timeout(1800)]),
    ],
)
def test_no_way_through_the_protocol_breaks_an_invariant_or_ends_undone(
    events: int, workers: int
) -> None:
    findings = explore(events, workers)
    assert findings.broken == {}
    assert (findings.stuck, findings.way_to_a_stuck_one) == (0, ())
    assert findings.states > 50_000
    assert findings.crashes > 100_000


@pytest.mark.parametrize("variant", [v for v in BROKEN if v.fault], ids=lambda v: v.case)
def test_the_exploration_finds_what_a_broken_protocol_breaks(variant: BrokenVariant) -> None:
    findings = explore(variant.events, 2, variant.rules, until=variant.fault)
    assert [way for broken, way in findings.broken.items() if broken.startswith(variant.fault)]


@pytest.mark.parametrize("variant", [v for v in BROKEN if not v.fault], ids=lambda v: v.case)
def test_the_exploration_finds_what_a_broken_protocol_leaves_undone(
    variant: BrokenVariant,
) -> None:
    assert explore(variant.events, 1).stuck == 0
    assert explore(variant.events, 1, variant.rules).stuck > 0
