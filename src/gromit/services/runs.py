"""One run of a worker on one environment: it walks the protocol's table, with one small executor for each step."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import assert_never

import structlog

from gromit.core.environments import protocol
from gromit.core.environments.claims import Claim
from gromit.core.environments.locks import FoundLock, Lock, Verdict
from gromit.core.environments.protocol import (
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
from gromit.errors import ConfigRootUnusable, Conflict, GromitError, Suspended
from gromit.ports import OwnerWatch, Progress, StateBucket, WorkQueue

log = structlog.get_logger(__name__)

WorkFunction = Callable[[Claim, Lock, Progress], str]
"""Makes a claim true; gives the hash of what runs then. Raises a `GromitError`; `Suspended` if it was told to end."""


class HeldLocks:
    """The locks that the runs of this process know to hold, or are just taking. May be used by several threads at once."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._taking: list[str] = []
        self._changing = threading.Lock()

    @contextmanager
    def taking(self, environment: str) -> Iterator[Callable[[Lock], None]]:
        """While a lock is being taken; the function that it gives notes the lock."""
        with self._changing:
            self._taking.append(environment)
        try:
            yield self._add
        finally:
            with self._changing:
                self._taking.remove(environment)

    def _add(self, lock: Lock) -> None:
        with self._changing:
            self._ids.add(lock.id)

    def discard(self, lock: Lock) -> None:
        """Forget a lock that was given back."""
        with self._changing:
            self._ids.discard(lock.id)

    def may_include(self, found: FoundLock) -> bool:
        """Whether a run holds this lock, or may hold it without having heard so yet."""
        with self._changing:
            return found.id in self._ids or found.environment in self._taking


@dataclass(frozen=True, slots=True)
class Runner:
    """What a run needs, besides its claim. One for all runs of a process: it knows which of the process' locks are in use."""

    queue: WorkQueue
    states: StateBucket
    owners: OwnerWatch
    guard: Callable[[], None]
    """Raises `Suspended` or `ConfigRootUnusable` unless something new may begin."""
    do: WorkFunction
    renew_s: float
    """How often the claim is renewed, in seconds."""
    before: Callable[[Claim, ProtocolStep], None]
    """Called before every step: progress, and where the crash tests strike."""
    _left: deque[Lock] = field(default_factory=deque)
    """Locks that could not be released. We live, so nobody else can prove them dead: we have to go on trying."""
    _held: HeldLocks = field(default_factory=HeldLocks)

    def run(self, claim: Claim, progress: Progress) -> EndRun:
        """Walk the table from its beginning to its end."""
        step: ProtocolStep = AcquireLock()
        with (
            structlog.contextvars.bound_contextvars(env=claim.name, epoch=claim.epoch),
            self._renewing(claim) as reporting,
        ):
            while not isinstance(step, EndRun):
                if isinstance(step, ReportDone | ReportFailure | ReleaseClaim):
                    reporting.set()
                self.before(claim, step)
                answer = self._execute(step, claim, progress)
                log.debug("run.step", step=type(step).__name__, answer=type(answer).__name__)
                step = protocol.next_step(step, answer)
            log.info(
                "run.finished",
                kind=claim.kind,
                ending=step.ending,
                problem=step.problem and step.problem.message,
            )
        return step

    def release_left(self) -> None:
        """Try once more to release the locks that earlier runs had to leave."""
        for _ in range(len(self._left)):
            self._unlock(self._left.popleft())

    def _execute(self, step: ProtocolStep, claim: Claim, progress: Progress) -> StepResult:
        try:
            return self._carry_out(step, claim, progress)
        except GromitError as error:
            return StepFailed(failure_record(error))
        except Exception as error:
            # one environment's bug must not stop the others; it is reported like any failure, and logged whole
            log.exception("run.bug")
            return StepFailed(
                Problem(
                    "bug",
                    f"{type(error).__name__} in gromit itself; the worker's log has the details",
                )
            )

    def _carry_out(self, step: ProtocolStep, claim: Claim, progress: Progress) -> StepResult:
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
                raise TypeError("the end is not executed")
            case _:
                assert_never(step)

    def _lock(self, step: AcquireLock | CheckOwner | ReplaceLock, claim: Claim) -> StepResult:
        match step:
            case AcquireLock():
                with self._held.taking(claim.name) as note:
                    taken = self.states.lock(claim.name, self.owners.me(), claim.kind)
                    if isinstance(taken, FoundLock):
                        return AlreadyLocked(taken)
                    note(taken)
                return Locked(taken)
            case CheckOwner(found):
                verdict = self._unconfirmed(found) or self.owners.judge(found)
                log.info("lock.judged", dead=verdict.dead, reason=verdict.reason, who=found.who)
                return OwnerDead() if verdict.dead else OwnerNotProvenDead(verdict.reason)
            case ReplaceLock(found):
                with self._held.taking(claim.name) as note:
                    replaced = self.states.replace_lock(found, self.owners.me(), claim.kind)
                    if replaced is None:
                        return LostRace()
                    note(replaced)
                return Locked(replaced)
            case _:
                assert_never(step)

    def _unconfirmed(self, found: FoundLock) -> Verdict | None:
        """The verdict on a lock that this process has put without hearing so: no run of it holds it, and nothing runs under it.

        A lock that another run of ours is just taking is none of these, whichever of the two has the newer claim.
        """
        if found.owner != self.owners.me() or self._held.may_include(found):
            return None
        return Verdict(
            dead=True, reason="this process put it without an answer, and no run of it holds it"
        )

    def _verify(self, claim: Claim) -> StepResult:
        try:
            self.guard()
            standing = self.queue.renew(claim)
        except (Suspended, ConfigRootUnusable):
            return Stopping()
        except Conflict:
            return ClaimLost()
        return ClaimCurrent() if standing.generation == claim.generation else NewerDesired()

    def _act(self, claim: Claim, lock: Lock, progress: Progress) -> StepResult:
        try:
            return Applied(self.do(claim, lock, progress))
        except Suspended:
            return Stopping()

    def _report(self, step: ReportDone | ReportFailure | ReleaseClaim, claim: Claim) -> StepResult:
        try:
            match step:
                case ReportDone(_, spec_hash):
                    self.queue.done(claim, spec_hash)
                case ReportFailure(_, problem):
                    self.queue.failed(claim, problem)
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
            log.warning("lock.left", env=lock.environment, reason=error.message)
            self._left.append(lock)
            return StepDone()
        self._held.discard(lock)
        if not released:
            log.error("lock.lost", env=lock.environment, lock=lock.id)
        return StepDone()

    @contextmanager
    def _renewing(self, claim: Claim) -> Iterator[threading.Event]:
        """Renew the claim until the event is set, as it is before an outcome is reported: from then on it is no loss to have none.

        A claim that was lost is let go: the terraform lock protects what runs.
        """
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(self.renew_s):
                try:
                    self.queue.renew(claim)
                except Conflict:
                    if not ended.is_set():
                        log.warning("claim.lost", env=claim.name)
                    return
                except GromitError as error:
                    log.warning("claim.not_renewed", env=claim.name, reason=error.message)

        thread = threading.Thread(target=renew, name=f"renew-{claim.name}", daemon=True)
        thread.start()
        try:
            yield ended
        finally:
            ended.set()
            thread.join()


def failure_record(error: GromitError) -> Problem:
    """An error as it is kept on the environment: with its remedy, in one line."""
    text = f"{error.message} ({error.hint})" if error.hint else error.message
    return Problem(error.code, " ".join(text.split()))
