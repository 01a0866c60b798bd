"""Work for workers, in memory."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from gromit.core.environments.claims import Claim, ClaimStatus, NoWork
from gromit.core.environments.environment import Want, Work
from gromit.core.environments.protocol import Problem
from gromit.errors import GromitError


def a_claim(
    name: str = "app-test",
    kind: Work = Work.SOW,
    *,
    generation: int = 1,
    epoch: int = 7,
    spec_hash: str | None = None,
    versions: dict[str, str] | None = None,
) -> Claim:
    """A claim as serve gives them."""
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
    )


@dataclass
class FakeQueue:
    """The port `WorkQueue`: gives out what a test has put, once, and notes what it is told."""

    work: deque[Claim | NoWork | GromitError] = field(default_factory=deque)
    """Answers to the next claims; after them there is no work."""
    newest: dict[str, int] = field(default_factory=dict)
    """Generation that is wanted by now, by environment; without an entry the claimed one."""
    faults: dict[str, list[GromitError]] = field(default_factory=dict)
    """Raised by the next calls of a method, one each."""
    asked: list[Work] = field(default_factory=list)
    """The kinds of work that were asked for."""
    told: list[tuple[str, str, str]] = field(default_factory=list)
    """What was reported: method, environment, hash or problem."""
    renewals: int = 0
    on_renew: Callable[[int], None] = lambda _: None
    """Called within each renewal, with its number; may raise."""
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def claim(self, kind: Work) -> Claim | NoWork:
        """The next answer."""
        self._fault("claim")
        with self._changing:
            self.asked.append(kind)
            answer = self.work.popleft() if self.work else NoWork(None)
        if isinstance(answer, GromitError):
            raise answer
        return answer

    def renew(self, claim: Claim) -> ClaimStatus:
        """What is wanted by now."""
        self._fault("renew")
        with self._changing:
            self.renewals += 1
        self.on_renew(self.renewals)
        return ClaimStatus(self.newest.get(claim.name, claim.generation), claim.want)

    def release(self, claim: Claim) -> None:
        """Note it."""
        self._tell("release", claim, "")

    def done(self, claim: Claim, spec_hash: str) -> None:
        """Note it."""
        self._tell("done", claim, spec_hash)

    def failed(self, claim: Claim, problem: Problem) -> None:
        """Note it."""
        self._tell("failed", claim, f"{problem.kind}: {problem.message}")

    def _tell(self, method: str, claim: Claim, what: str) -> None:
        self._fault(method)
        with self._changing:
            self.told.append((method, claim.name, what))

    def _fault(self, method: str) -> None:
        with self._changing:
            fault = self.faults[method].pop(0) if self.faults.get(method) else None
        if fault is not None:
            raise fault
