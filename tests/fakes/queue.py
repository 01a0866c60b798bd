"""Work for workers, in memory."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gromit.core.environments.claims import Claim, ClaimStatus, NoWork
from gromit.core.environments.phases import Want, Work
from gromit.core.environments.run_progress import RunProgress
from gromit.core.environments.worker_protocol import Problem
from gromit.core.stack.contract import StateMark
from gromit.core.stack.made import MadeComponent, MadeStack
from gromit.errors import GromitError, Suspended


def a_claim(
    name: str = "app-test",
    kind: Work = Work.SOW,
    *,
    generation: int = 1,
    epoch: int = 7,
    spec_hash: str | None = None,
    versions: dict[str, str] | None = None,
    state: StateMark | None = None,
    made: tuple[MadeComponent, ...] = (),
) -> Claim:
    """Return a claim as serve does."""
    return Claim(
        name=name,
        kind=kind,
        holder="worker",
        nonce=f"nonce-{name}",
        epoch=epoch,
        generation=generation,
        want=Want.UP if kind is Work.SOW else Want.GONE,
        versions=versions or {},
        redeploys={},
        spec_hash=spec_hash,
        state=state,
        made=made,
    )


@dataclass
class FakeQueue:
    """The port `WorkQueue`: hands out the work of a test once, and records reports."""

    work: deque[Claim | NoWork | GromitError] = field(default_factory=deque)
    """Answers to the next claims; after them there is no work."""
    newest: dict[str, int] = field(default_factory=dict)
    """Newest generation of each environment; without an entry, the claimed one."""
    faults: dict[str, list[GromitError]] = field(default_factory=dict)
    """Raised by the next calls of a method, one each."""
    asked: list[Work] = field(default_factory=list)
    """Kinds of work that were requested."""
    reported: list[tuple[str, str, str]] = field(default_factory=list)
    """Reports: method, environment, hash or problem."""
    states: list[StateMark | None] = field(default_factory=list)
    """State of each report of an outcome."""
    made: list[MadeStack] = field(default_factory=list)
    """Result of each success."""
    forgotten: list[str] = field(default_factory=list)
    """Environments whose recorded state is lost."""
    halts: list[tuple[Work, str]] = field(default_factory=list)
    """Reports of a suspended worker."""
    hooks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Recorded hooks of each environment."""
    renewals: int = 0
    progress: list[RunProgress] = field(default_factory=list)
    """Progress of each renewal that had one."""
    on_renew: Callable[[int], None] = lambda _: None
    """Called within each renewal, with its number; may raise."""
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, kind: Work) -> Claim | NoWork:
        """Return the next answer."""
        self._fault("claim")
        with self._changing:
            self.asked.append(kind)
            answer = self.work.popleft() if self.work else NoWork(None)
        if isinstance(answer, GromitError):
            raise answer
        return answer

    def report_halt(self, kind: Work, halt: Suspended) -> None:
        """Record the report."""
        self._fault("report_halt")
        with self._changing:
            self.halts.append((kind, halt.message))

    def renew(self, claim: Claim, progress: RunProgress | None = None) -> ClaimStatus:
        """Return the newest generation."""
        self._fault("renew")
        with self._changing:
            self.renewals += 1
            if progress is not None:
                self.progress.append(progress)
        self.on_renew(self.renewals)
        return ClaimStatus(self.newest.get(claim.name, claim.generation), claim.want)

    def release(self, claim: Claim) -> None:
        """Record the report."""
        self._report("release", claim, "")

    def forget_state(self, claim: Claim) -> None:
        """Record the loss."""
        self._fault("forget_state")
        with self._changing:
            self.forgotten.append(claim.name)

    def record_hooks(self, claim: Claim, components: Sequence[str]) -> None:
        """Record the hooks."""
        self._fault("record_hooks")
        with self._changing:
            self.hooks[claim.name] = tuple(components)

    def done(self, claim: Claim, made: MadeStack, state: StateMark | None = None) -> None:
        """Record the report."""
        self.states.append(state)
        self.made.append(made)
        self._report("done", claim, made.spec_hash)

    def failed(self, claim: Claim, problem: Problem, state: StateMark | None = None) -> None:
        """Record the report."""
        self.states.append(state)
        self._report("failed", claim, f"{problem.kind}: {problem.message}")

    def _report(self, method: str, claim: Claim, what: str) -> None:
        self._fault(method)
        with self._changing:
            self.reported.append((method, claim.name, what))

    def _fault(self, method: str) -> None:
        with self._changing:
            fault = self.faults[method].pop(0) if self.faults.get(method) else None
        if fault is not None:
            raise fault
