"""The one order in which a worker may act, as a table: what comes after each step, given its answer.

    claim ─▶ take the terraform lock ourselves ─▶ verify the claim while holding it ─▶ act ─▶ report ─▶ unlock

A lease alone is not enough: a worker that is paused after its claim, and wakes when somebody newer has finished, would act on what
is old. A lock is only ever taken from an owner who is proven dead. `next_step` is all there is of the protocol: the workers walk
it (`services/runs.py`), and the model check and the crash tests walk the very same table.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from gromit.core.environments.locks import FoundLock, Lock


class Ending(StrEnum):
    """How a run ended."""

    DONE = "done"
    FAILED = "failed"
    FENCED = "fenced"
    """Somebody else holds the claim; nothing was changed by us after he got it."""
    SUPERSEDED = "superseded"
    """Something newer is wanted; the claim was given back, to be claimed anew."""
    STOPPED = "stopped"
    """Processing was suspended, or this worker was told to end."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something did not work: a stable kind, and a sentence."""

    kind: str
    message: str


# ── steps ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class TakeLock:
    """Put our lock beside the state, if none is there."""


@dataclass(frozen=True, slots=True)
class JudgeOwner:
    """See whether the owner of a lock that is there is proven dead."""

    found: FoundLock


@dataclass(frozen=True, slots=True)
class ReplaceLock:
    """Take over a dead owner's lock, if it is still that very one."""

    found: FoundLock


@dataclass(frozen=True, slots=True)
class Verify:
    """Renew the claim while holding the lock."""

    lock: Lock


@dataclass(frozen=True, slots=True)
class Act:
    """Make it true. The only step that changes the environment."""

    lock: Lock


@dataclass(frozen=True, slots=True)
class ReportDone:
    """Tell serve that it was made true."""

    lock: Lock
    spec_hash: str


@dataclass(frozen=True, slots=True)
class ReportFailure:
    """Tell serve that it did not work."""

    lock: Lock | None
    problem: Problem


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Release the claim without an outcome."""

    lock: Lock | None
    ending: Ending


@dataclass(frozen=True, slots=True)
class Unlock:
    """Remove our lock."""

    lock: Lock
    ending: Ending
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over."""

    ending: Ending
    problem: Problem | None = None


Step = TakeLock | JudgeOwner | ReplaceLock | Verify | Act | ReportDone | ReportFailure | GiveBack | Unlock | Finish

# ── answers ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Locked:
    """We hold the lock."""

    lock: Lock


@dataclass(frozen=True, slots=True)
class Occupied:
    """A lock is there already."""

    found: FoundLock


@dataclass(frozen=True, slots=True)
class OwnerDead:
    """The owner is proven dead."""


@dataclass(frozen=True, slots=True)
class OwnerMayLive:
    """The owner lives, or nothing proves that he does not."""

    reason: str


@dataclass(frozen=True, slots=True)
class TooLate:
    """Somebody else replaced the dead owner's lock first."""


@dataclass(frozen=True, slots=True)
class Current:
    """The claim is valid, and nothing newer is wanted."""


@dataclass(frozen=True, slots=True)
class Newer:
    """The claim is valid, but something newer is wanted."""


@dataclass(frozen=True, slots=True)
class Fenced:
    """The claim is no longer ours."""


@dataclass(frozen=True, slots=True)
class Made:
    """It was made true."""

    spec_hash: str


@dataclass(frozen=True, slots=True)
class Ok:
    """The step did what it says."""


@dataclass(frozen=True, slots=True)
class Halted:
    """Processing is suspended, or this worker is to end: nothing new may begin."""


@dataclass(frozen=True, slots=True)
class Broke:
    """The step did not work."""

    problem: Problem


Answer = Locked | Occupied | OwnerDead | OwnerMayLive | TooLate | Current | Newer | Fenced | Made | Ok | Halted | Broke

LOCKED = "locked"
"""Kind of the problem that a lock is held by somebody who may live."""


def next_step(step: Step, answer: Answer) -> Step:
    """What comes after `step`. Raises `TypeError` for an answer that the step cannot give."""
    match step:
        case TakeLock() | JudgeOwner() | ReplaceLock():
            return _locking(step, answer)
        case Verify(lock):
            return _verified(lock, answer)
        case Act(lock):
            return _acted(lock, answer)
        case ReportDone(lock, _):
            return _reported(lock, answer)
        case ReportFailure() | GiveBack() | Unlock() | Finish():
            return _closing(step, answer)
        case _:
            assert_never(step)


def _locking(step: TakeLock | JudgeOwner | ReplaceLock, answer: Answer) -> Step:
    match step, answer:
        case ((TakeLock() | ReplaceLock()), Locked(lock)):
            return Verify(lock)
        case TakeLock(), Occupied(found):
            return JudgeOwner(found)
        case JudgeOwner(found), OwnerDead():
            return ReplaceLock(found)
        case JudgeOwner(), OwnerMayLive(reason):
            return ReportFailure(None, Problem(LOCKED, reason))
        case ReplaceLock(), TooLate():
            return ReportFailure(None, Problem(LOCKED, "somebody else took over the left lock first"))
        case _, Broke(problem):
            return ReportFailure(None, problem)
        case _:
            raise TypeError(f"{answer} is no answer to {step}")


def _verified(lock: Lock, answer: Answer) -> Step:
    match answer:
        case Current():
            return Act(lock)
        case Newer():
            return GiveBack(lock, Ending.SUPERSEDED)
        case Halted():
            return GiveBack(lock, Ending.STOPPED)
        case Fenced():
            return Unlock(lock, Ending.FENCED)
        case Broke(problem):  # serve did not answer: whether the claim is valid is not known, so nothing is done
            return Unlock(lock, Ending.FAILED, problem)
        case _:
            raise TypeError(f"{answer} is no answer to a verification")


def _acted(lock: Lock, answer: Answer) -> Step:
    match answer:
        case Made(spec_hash):
            return ReportDone(lock, spec_hash)
        case Broke(problem):
            return ReportFailure(lock, problem)
        case Halted():
            return GiveBack(lock, Ending.STOPPED)
        case _:
            raise TypeError(f"{answer} is no answer to an act")


def _reported(lock: Lock, answer: Answer) -> Step:
    match answer:
        case Ok():
            return Unlock(lock, Ending.DONE)
        case Fenced():
            return Unlock(lock, Ending.FENCED)
        case Broke(problem):  # it was made true, but nobody knows: the lease ends, and the next run finds nothing to change
            return Unlock(lock, Ending.FAILED, problem)
        case _:
            raise TypeError(f"{answer} is no answer to a report")


def _closing(step: ReportFailure | GiveBack | Unlock | Finish, answer: Answer) -> Step:
    """The last steps go on whatever the answer: what serve does not hear of ends with the lease."""
    match step:
        case ReportFailure(lock, problem):
            return _end(lock, Ending.FENCED if isinstance(answer, Fenced) else Ending.FAILED, problem)
        case GiveBack(lock, ending):
            return _end(lock, ending)
        case Unlock(_, ending, problem):
            return Finish(ending, problem)
        case Finish():
            raise TypeError("nothing comes after the end")
        case _:
            assert_never(step)


def _end(lock: Lock | None, ending: Ending, problem: Problem | None = None) -> Step:
    return Unlock(lock, ending, problem) if lock else Finish(ending, problem)
