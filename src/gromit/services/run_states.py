"""Terraform state of one run: checked before anything acts on it, and recorded afterwards.

The lock of the state, which Terraform works under, is given only with a state that was checked. So
nothing can act on an unsafe one, and a run that has nothing to do does not read it.
"""

from dataclasses import dataclass, replace

import structlog

from gromit.core.environments.claims import Claim
from gromit.core.environments.phases import Work
from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.contract import StateHead, StateMark
from gromit.core.stack.states import StateVerdict, judge_state, require_safe_state
from gromit.errors import GromitError
from gromit.ports import StateBucket, WorkQueue

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SafeState:
    """A state that a run may act on, and its lock."""

    lock: Lock
    head: StateHead | None
    """None if there is no state."""

    @property
    def resources(self) -> int:
        """Return the number of its resources."""
        return self.head.resources if self.head else 0


@dataclass(slots=True)
class StateOfRun:
    """The state of the environment that a run has locked."""

    states: StateBucket
    queue: WorkQueue
    claim: Claim
    lock: Lock
    """For the run itself. What acts takes the lock from `check`."""
    _safe: SafeState | None = None

    def check(self) -> SafeState:
        """Read the state once, and return it. Raises `UnsafeState` if nothing may act on it."""
        if self._safe is None:
            name = self.claim.name
            head = self.states.head(name)
            if require_safe_state(name, head, self.claim.state) is StateVerdict.LOST:
                log.warning("state.lost", env=name)
                # Before the act: a run that is killed in its middle leaves a state of a new
                # lineage, which the next run would refuse.
                self.queue.forget_state(self.claim)
                self.claim = replace(self.claim, state=None)
            self._safe = SafeState(self.lock, head)
        return self._safe

    def left(self, *, is_done: bool) -> StateMark | None:
        """Return the state to record after the act.

        None if nothing has acted on it, if it is destroyed, if it cannot be read, or if the next
        run would refuse it.
        """
        if self._safe is None or (is_done and self.claim.kind is Work.REAP):
            return None
        name = self.claim.name
        try:
            head = self.states.head(name)
        except GromitError as error:
            # What is recorded stays, and the serial has only grown.
            log.warning("state.not_recorded", env=name, reason=error.message)
            return None
        if head is None or judge_state(name, head, self.claim.state) is not StateVerdict.USABLE:
            return None
        return head.mark
