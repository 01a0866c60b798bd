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


class RunEnding(StrEnum):
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
class AcquireLock:
    """Put our lock beside the state, if none is there."""


@dataclass(frozen=True, slots=True)
class CheckOwner:
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
class Execute:
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
class ReleaseClaim:
    """Release the claim without an outcome."""

    lock: Lock | None
    ending: RunEnding


@dataclass(frozen=True, slots=True)
class Unlock:
    """Remove our lock."""

    lock: Lock
    ending: RunEnding
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class EndRun:
    """The run is over."""

    ending: RunEnding
    problem: Problem | None = None


ProtocolStep = (
    AcquireLock
    | CheckOwner
    | ReplaceLock
    | Verify
    | Execute
    | ReportDone
    | ReportFailure
    | ReleaseClaim
    | Unlock
    | EndRun
)

# ── answers ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Locked:
    """We hold the lock."""

    lock: Lock


@dataclass(frozen=True, slots=True)
class AlreadyLocked:
    """A lock is there already."""

    found: FoundLock


@dataclass(frozen=True, slots=True)
class OwnerDead:
    """The owner is proven dead."""


@dataclass(frozen=True, slots=True)
class OwnerNotProvenDead:
    """The owner lives, or nothing proves that he does not."""

    reason: str


@dataclass(frozen=True, slots=True)
class LostRace:
    """Somebody else replaced the dead owner's lock first."""


@dataclass(frozen=True, slots=True)
class ClaimCurrent:
    """The claim is valid, and nothing newer is wanted."""


@dataclass(frozen=True, slots=True)
class NewerDesired:
    """The claim is valid, but something newer is wanted."""


@dataclass(frozen=True, slots=True)
class ClaimLost:
    """The claim is no longer ours."""


@dataclass(frozen=True, slots=True)
class Applied:
    """It was made true."""

    spec_hash: str


@dataclass(frozen=True, slots=True)
class StepDone:
    """The step did what it says."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """Processing is suspended, or this worker is to end: nothing new may begin."""


@dataclass(frozen=True, slots=True)
class StepFailed:
    """The step did not work."""

    problem: Problem


StepResult = (
    Locked
    | AlreadyLocked
    | OwnerDead
    | OwnerNotProvenDead
    | LostRace
    | ClaimCurrent
    | NewerDesired
    | ClaimLost
    | Applied
    | StepDone
    | Stopping
    | StepFailed
)

LOCKED = "locked"
"""Kind of the problem that a lock is held by somebody who may live."""


def next_step(step: ProtocolStep, answer: StepResult) -> ProtocolStep:
    """What comes after `step`. Raises `TypeError` for an answer that the step cannot give."""
    match step:
        case AcquireLock() | CheckOwner() | ReplaceLock():
            return _locking(step, answer)
        case Verify(lock):
            return _verified(lock, answer)
        case Execute(lock):
            return _acted(lock, answer)
        case ReportDone(lock, _):
            return _reported(lock, answer)
        case ReportFailure() | ReleaseClaim() | Unlock() | EndRun():
            return _closing(step, answer)
        case _:
            assert_never(step)


def _locking(step: AcquireLock | CheckOwner | ReplaceLock, answer: StepResult) -> ProtocolStep:
    match step, answer:
        case ((AcquireLock() | ReplaceLock()), Locked(lock)):
            return Verify(lock)
        case AcquireLock(), AlreadyLocked(found):
            return CheckOwner(found)
        case CheckOwner(found), OwnerDead():
            return ReplaceLock(found)
        case CheckOwner(), OwnerNotProvenDead(reason):
            return ReportFailure(None, Problem(LOCKED, reason))
        case ReplaceLock(), LostRace():
            return ReportFailure(
                None, Problem(LOCKED, "somebody else took over the left lock first")
            )
        case _, StepFailed(problem):
            return ReportFailure(None, problem)
        case _:
            raise TypeError(f"{answer} is no answer to {step}")


def _verified(lock: Lock, answer: StepResult) -> ProtocolStep:
    match answer:
        case ClaimCurrent():
            return Execute(lock)
        case NewerDesired():
            return ReleaseClaim(lock, RunEnding.SUPERSEDED)
        case Stopping():
            return ReleaseClaim(lock, RunEnding.STOPPED)
        case ClaimLost():
            return Unlock(lock, RunEnding.FENCED)
        case StepFailed(
            problem
        ):  # serve did not answer: whether the claim is valid is not known, so nothing is done
            return Unlock(lock, RunEnding.FAILED, problem)
        case _:
            raise TypeError(f"{answer} is no answer to a verification")


def _acted(lock: Lock, answer: StepResult) -> ProtocolStep:
    match answer:
        case Applied(spec_hash):
            return ReportDone(lock, spec_hash)
        case StepFailed(problem):
            return ReportFailure(lock, problem)
        case Stopping():
            return ReleaseClaim(lock, RunEnding.STOPPED)
        case _:
            raise TypeError(f"{answer} is no answer to an act")


def _reported(lock: Lock, answer: StepResult) -> ProtocolStep:
    match answer:
        case StepDone():
            return Unlock(lock, RunEnding.DONE)
        case ClaimLost():
            return Unlock(lock, RunEnding.FENCED)
        case StepFailed(
            problem
        ):  # it was made true, but nobody knows: the lease ends, and the next run finds nothing to change
            return Unlock(lock, RunEnding.FAILED, problem)
        case _:
            raise TypeError(f"{answer} is no answer to a report")


def _closing(
    step: ReportFailure | ReleaseClaim | Unlock | EndRun, answer: StepResult
) -> ProtocolStep:
    """The last steps go on whatever the answer: what serve does not hear of ends with the lease."""
    match step:
        case ReportFailure(lock, problem):
            return _end(
                lock,
                RunEnding.FENCED if isinstance(answer, ClaimLost) else RunEnding.FAILED,
                problem,
            )
        case ReleaseClaim(lock, ending):
            return _end(lock, ending)
        case Unlock(_, ending, problem):
            return EndRun(ending, problem)
        case EndRun():
            raise TypeError("nothing comes after the end")
        case _:
            assert_never(step)


def _end(lock: Lock | None, ending: RunEnding, problem: Problem | None = None) -> ProtocolStep:
    return Unlock(lock, ending, problem) if lock else EndRun(ending, problem)
