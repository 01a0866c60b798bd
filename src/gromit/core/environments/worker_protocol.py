"""Protocol of a worker's run, as a table: the next step for each step and its result.

    claim ─▶ acquire the Terraform lock ─▶ verify the claim ─▶ execute ─▶ report ─▶ unlock

A lease alone is not enough. A worker that is paused after its claim, and resumes when a newer one
has finished, would apply an old desired state. A lock is replaced only if its owner is proven dead.
`next_step` is the whole protocol: the workers (`services/runs.py`), the model check and the crash
tests all use this table.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from gromit.core.environments.terraform_locks import FoundLock, Lock
from gromit.core.stack.contract import StateMark
from gromit.core.stack.made import MadeStack
from gromit.core.stack.task_output import StoppedTask


class RunEnding(StrEnum):
    """Outcome of a run."""

    DONE = "done"
    FAILED = "failed"
    FENCED = "fenced"
    """Another worker has the claim; this one changed nothing since."""
    SUPERSEDED = "superseded"
    """The desired state is newer; the claim was released, so that it can be claimed again."""
    STOPPED = "stopped"
    """Processing was suspended, or this worker was asked to stop."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Reason for a failure: a stable kind, and a sentence."""

    kind: str
    message: str
    stopped: tuple[StoppedTask, ...] = ()
    """Tasks that stopped although they should run, if that is the reason."""


# ── steps ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class AcquireLock:
    """Write our lock beside the state, if there is none."""


@dataclass(frozen=True, slots=True)
class CheckOwner:
    """Check whether the owner of an existing lock is proven dead."""

    found: FoundLock


@dataclass(frozen=True, slots=True)
class ReplaceLock:
    """Replace a dead owner's lock, if it has not changed."""

    found: FoundLock


@dataclass(frozen=True, slots=True)
class Verify:
    """Renew the claim while holding the lock."""

    lock: Lock


@dataclass(frozen=True, slots=True)
class Execute:
    """Apply the claim. The only step that changes the environment."""

    lock: Lock


@dataclass(frozen=True, slots=True)
class ReportDone:
    """Report success to serve."""

    lock: Lock
    made: MadeStack
    state: StateMark | None = None


@dataclass(frozen=True, slots=True)
class ReportFailure:
    """Report a failure to serve."""

    lock: Lock | None
    problem: Problem
    state: StateMark | None = None


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

# ── results ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Locked:
    """This worker has the lock."""

    lock: Lock


@dataclass(frozen=True, slots=True)
class AlreadyLocked:
    """A lock exists already."""

    found: FoundLock


@dataclass(frozen=True, slots=True)
class OwnerDead:
    """The owner is proven dead."""


@dataclass(frozen=True, slots=True)
class OwnerNotProvenDead:
    """The owner lives, or nothing proves it dead."""

    reason: str


@dataclass(frozen=True, slots=True)
class LostRace:
    """Another worker replaced the dead owner's lock first."""


@dataclass(frozen=True, slots=True)
class ClaimCurrent:
    """The claim is valid, and its generation is the newest."""


@dataclass(frozen=True, slots=True)
class NewerDesired:
    """The claim is valid, but there is a newer generation."""


@dataclass(frozen=True, slots=True)
class ClaimLost:
    """The claim is no longer valid."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The claim was applied."""

    made: MadeStack
    state: StateMark | None = None
    """Terraform state that the execution left; None if it is not known."""


@dataclass(frozen=True, slots=True)
class StepDone:
    """The step succeeded."""


@dataclass(frozen=True, slots=True)
class Stopping:
    """Processing is suspended, or this worker must stop: no new work may begin."""


@dataclass(frozen=True, slots=True)
class StepFailed:
    """The step failed."""

    problem: Problem
    state: StateMark | None = None
    """Terraform state that an execution left; None if it is not known."""


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
"""Kind of the problem that the owner of a lock is not proven dead."""


def next_step(step: ProtocolStep, result: StepResult) -> ProtocolStep:
    """Return the step after `step`. Raises `TypeError` for a result that the step cannot have."""
    match step:
        case AcquireLock() | CheckOwner() | ReplaceLock():
            return _locking(step, result)
        case Verify(lock):
            return _verified(lock, result)
        case Execute(lock):
            return _executed(lock, result)
        case ReportDone(lock):
            return _reported(lock, result)
        case ReportFailure() | ReleaseClaim() | Unlock() | EndRun():
            return _closing(step, result)
        case _:
            assert_never(step)


def _locking(step: AcquireLock | CheckOwner | ReplaceLock, result: StepResult) -> ProtocolStep:
    match step, result:
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
                None, Problem(LOCKED, "another worker replaced the stale lock first")
            )
        case _, StepFailed(problem):
            return ReportFailure(None, problem)
        case _:
            raise TypeError(f"{result} is no result of {step}")


def _verified(lock: Lock, result: StepResult) -> ProtocolStep:
    match result:
        case ClaimCurrent():
            return Execute(lock)
        case NewerDesired():
            return ReleaseClaim(lock, RunEnding.SUPERSEDED)
        case Stopping():
            return ReleaseClaim(lock, RunEnding.STOPPED)
        case ClaimLost():
            return Unlock(lock, RunEnding.FENCED)
        case StepFailed(problem):
            # serve did not answer. The claim may be invalid, so nothing is applied.
            return Unlock(lock, RunEnding.FAILED, problem)
        case _:
            raise TypeError(f"{result} is no result of a verification")


def _executed(lock: Lock, result: StepResult) -> ProtocolStep:
    match result:
        case Applied(made, state):
            return ReportDone(lock, made, state)
        case StepFailed(problem, state):
            return ReportFailure(lock, problem, state)
        case Stopping():
            return ReleaseClaim(lock, RunEnding.STOPPED)
        case _:
            raise TypeError(f"{result} is no result of an execution")


def _reported(lock: Lock, result: StepResult) -> ProtocolStep:
    match result:
        case StepDone():
            return Unlock(lock, RunEnding.DONE)
        case ClaimLost():
            return Unlock(lock, RunEnding.FENCED)
        case StepFailed(problem):
            # Applied, but serve does not know. The lease ends, and the next run has nothing to do.
            return Unlock(lock, RunEnding.FAILED, problem)
        case _:
            raise TypeError(f"{result} is no result of a report")


def _closing(
    step: ReportFailure | ReleaseClaim | Unlock | EndRun, result: StepResult
) -> ProtocolStep:
    """Continue with any result: if serve does not receive a report, the lease ends the claim."""
    match step:
        case ReportFailure(lock, problem):
            is_lost = isinstance(result, ClaimLost)
            return _end(lock, RunEnding.FENCED if is_lost else RunEnding.FAILED, problem)
        case ReleaseClaim(lock, ending):
            return _end(lock, ending)
        case Unlock(_, ending, problem):
            return EndRun(ending, problem)
        case EndRun():
            raise TypeError("no step follows EndRun")
        case _:
            assert_never(step)


def _end(lock: Lock | None, ending: RunEnding, problem: Problem | None = None) -> ProtocolStep:
    return Unlock(lock, ending, problem) if lock else EndRun(ending, problem)
