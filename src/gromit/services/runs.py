"""One run of a worker on one environment: it executes the protocol's table step by step."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import assert_never

import structlog

from gromit.core.environments import worker_protocol
from gromit.core.environments.claims import Claim
from gromit.core.environments.failures import classify_failure
from gromit.core.environments.terraform_locks import FoundLock, Lock, Verdict
from gromit.core.environments.worker_protocol import (
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
    StepDone,
    StepFailed,
    StepResult,
    Stopping,
    Unlock,
    Verify,
)
from gromit.core.stack.made import MadeStack
from gromit.core.stack.task_output import StoppedTask
from gromit.errors import (
    ConfigRootUnusable,
    Conflict,
    GromitError,
    HookFailed,
    RolloutFailed,
    Suspended,
)
from gromit.ports import OwnerWatch, Progress, StateBucket, WorkQueue
from gromit.services.renewals import PROGRESS_S, Renewals
from gromit.services.run_states import StateOfRun
from gromit.services.stale_locks import remove_stale_locks

log = structlog.get_logger(__name__)

WorkFunction = Callable[[Claim, StateOfRun, Progress], MadeStack]
"""Applies a claim and returns what it made.

Raises a `GromitError`; `Suspended` if it was asked to stop.
"""


class HeldLocks:
    """Locks that runs of this process hold or are acquiring. Thread-safe.

    Why acquiring counts: S3 may have stored our lock although no answer has arrived yet. A second
    run that finds this lock must not take it for one that an earlier run has left behind.
    """

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._acquiring: list[str] = []
        self._changing = threading.Lock()

    @contextmanager
    def acquiring(self, environment: str) -> Iterator[Callable[[Lock], None]]:
        """Mark a lock as being acquired; yield a function that records it as held."""
        with self._changing:
            self._acquiring.append(environment)
        try:
            yield self._add
        finally:
            # A held lock was added before this, so that at no instant it counts as neither.
            with self._changing:
                self._acquiring.remove(environment)

    def _add(self, lock: Lock) -> None:
        with self._changing:
            self._ids.add(lock.id)

    def discard(self, lock: Lock) -> None:
        """Forget a lock that was released."""
        with self._changing:
            self._ids.discard(lock.id)

    def might_hold(self, found: FoundLock) -> bool:
        """Whether a run holds this lock, or might hold it although it has no answer yet."""
        with self._changing:
            return found.id in self._ids or found.environment in self._acquiring


@dataclass(frozen=True, slots=True)
class Runner:
    """Executes runs. All runs of a process share one, so that it knows which locks are in use."""

    queue: WorkQueue
    states: StateBucket
    owners: OwnerWatch
    guard: Callable[[], None]
    """Raises `Suspended` or `ConfigRootUnusable` if no new work may begin."""
    do: WorkFunction
    renew_s: float
    """Interval between renewals of the claim, in seconds."""
    before: Callable[[Claim, ProtocolStep], None]
    """Called before every step, for progress. The crash tests end the process here."""
    progress_s: float = PROGRESS_S
    """Shortest time between two renewals, which report progress, in seconds."""
    _abandoned: deque[Lock] = field(default_factory=deque)
    """Locks that could not be released.

    While this process lives, no other worker can prove their owner dead, so it must keep trying.
    """
    _held: HeldLocks = field(default_factory=HeldLocks)

    def run(self, claim: Claim, progress: Progress) -> EndRun:
        """Execute the steps of the table until the run ends."""
        step: ProtocolStep = AcquireLock()
        renewals = Renewals(self.queue, claim, self.renew_s, self.progress_s)

        def follow(line: str) -> None:
            progress(line)
            renewals.follow(line)

        with (
            structlog.contextvars.bound_contextvars(env=claim.name, epoch=claim.epoch),
            renewals.running(),
        ):
            while not isinstance(step, EndRun):
                if isinstance(step, ReportDone | ReportFailure | ReleaseClaim):
                    renewals.end()
                self.before(claim, step)
                answer = self._execute(step, claim, follow)
                log.debug("run.step", step=type(step).__name__, answer=type(answer).__name__)
                step = worker_protocol.next_step(step, answer)
            log.info(
                "run.finished",
                kind=claim.kind,
                ending=step.ending,
                problem=step.problem.message if step.problem else None,
                failure_class=_failure_class(step.problem),
            )
        return step

    def release_abandoned_locks(self) -> None:
        """Try again to release the locks that earlier runs could not release."""
        for _ in range(len(self._abandoned)):
            self._unlock(self._abandoned.popleft())

    def remove_stale_locks(self) -> None:
        """Remove the locks of dead workers."""
        remove_stale_locks(self.states, self.owners)

    def _execute(self, step: ProtocolStep, claim: Claim, progress: Progress) -> StepResult:
        return self._attempt(lambda: self._execute_step(step, claim, progress))

    def _attempt(self, act: Callable[[], StepResult]) -> StepResult:
        """Return the result of an act; a failed step for anything that it raises."""
        try:
            return act()
        except GromitError as error:
            return StepFailed(failure_record(error))
        except Exception as error:
            # A bug in one environment must not stop the others: report it like any failure, and
            # log its traceback.
            log.exception("run.bug")
            return StepFailed(
                Problem("bug", f"{type(error).__name__} in gromit; see the worker's log")
            )

    def _execute_step(self, step: ProtocolStep, claim: Claim, progress: Progress) -> StepResult:
        match step:
            case AcquireLock() | CheckOwner() | ReplaceLock():
                return self._lock(step, claim)
            case Verify():
                return self._verify(claim)
            case Execute(lock):
                return self._act(claim, lock, progress)
            case ReportDone() | ReportFailure() | ReleaseClaim():
                return self._report(step, claim)
            case Unlock(lock):
                return self._unlock(lock)
            case EndRun():
                raise TypeError("EndRun is not executed")
            case _:
                assert_never(step)

    def _lock(self, step: AcquireLock | CheckOwner | ReplaceLock, claim: Claim) -> StepResult:
        match step:
            case AcquireLock():
                with self._held.acquiring(claim.name) as hold:
                    taken = self.states.lock(claim.name, self.owners.identify(), claim.kind)
                    if isinstance(taken, FoundLock):
                        return AlreadyLocked(taken)
                    hold(taken)
                return Locked(taken)
            case CheckOwner(found):
                verdict = self._unconfirmed(found) or self.owners.check_owner(found)
                log.info("lock.judged", dead=verdict.dead, reason=verdict.reason, who=found.who)
                return OwnerDead() if verdict.dead else OwnerNotProvenDead(verdict.reason)
            case ReplaceLock(found):
                with self._held.acquiring(claim.name) as hold:
                    replaced = self.states.replace_lock(found, self.owners.identify(), claim.kind)
                    if replaced is None:
                        return LostRace()
                    hold(replaced)
                return Locked(replaced)
            case _:
                assert_never(step)

    def _unconfirmed(self, found: FoundLock) -> Verdict | None:
        """Return the verdict on a lock that this process wrote without receiving an answer.

        Its owner lives, because it is this process, but no run holds the lock and no process works
        under it, so it may be replaced. None for every other lock.
        """
        # A lock that another run of ours is acquiring is not abandoned, whichever of the two runs
        # has the newer claim.
        if found.owner != self.owners.identify() or self._held.might_hold(found):
            return None
        return Verdict(
            dead=True,
            reason="this process wrote it without an answer, and none of its runs holds it",
        )

    def _verify(self, claim: Claim) -> StepResult:
        try:
            self.guard()
            status = self.queue.renew(claim)
        except (Suspended, ConfigRootUnusable):
            return Stopping()
        except Conflict:
            return ClaimLost()
        return ClaimCurrent() if status.generation == claim.generation else NewerDesired()

    def _act(self, claim: Claim, lock: Lock, progress: Progress) -> StepResult:
        """Apply a claim; the result has the state that is left, if the claim acted on it.

        A refusal of its state has none, so that what the last good run left stays recorded.
        """
        state = StateOfRun(self.states, self.queue, claim, lock)
        result = self._attempt(lambda: self._apply(claim, state, progress))
        if isinstance(result, Applied | StepFailed):
            return replace(result, state=state.left(is_done=isinstance(result, Applied)))
        return result

    def _apply(self, claim: Claim, state: StateOfRun, progress: Progress) -> StepResult:
        try:
            return Applied(self.do(claim, state, progress))
        except Suspended:
            return Stopping()

    def _report(self, step: ReportDone | ReportFailure | ReleaseClaim, claim: Claim) -> StepResult:
        try:
            match step:
                case ReportDone(_, made, state):
                    self.queue.done(claim, made, state)
                case ReportFailure(_, problem, state):
                    self.queue.failed(claim, problem, state)
                case ReleaseClaim():
                    self.queue.release(claim)
                case _:
                    assert_never(step)
        except Conflict:
            return ClaimLost()
        return StepDone()

    def _unlock(self, lock: Lock) -> StepResult:
        try:
            released = self.states.unlock(lock)
        except GromitError as error:
            # It stays among the held locks: until it is released, no other run may replace it.
            log.warning("lock.left", env=lock.environment, reason=error.message)
            self._abandoned.append(lock)
            return StepDone()
        self._held.discard(lock)
        if not released:
            log.error("lock.lost", env=lock.environment, lock=lock.id)
        return StepDone()


def _failure_class(problem: Problem | None) -> str | None:
    return None if problem is None else str(classify_failure(problem.kind, problem.message))


def failure_record(error: GromitError) -> Problem:
    """Return an error as the environment keeps it: with its hint, in one line."""
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    stopped = error.stopped.items() if isinstance(error, RolloutFailed | HookFailed) else ()
    tasks = tuple(StoppedTask(component, task) for component, task in stopped)
    return Problem(error.code, " ".join(text.split()), tasks)
