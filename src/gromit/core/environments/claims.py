"""Claims on environments: their request, their content, and the fence that proves them current."""

from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.phases import Want, Work
from gromit.core.environments.row_writes import Condition, Equals
from gromit.core.stack.contract import StateMark
from gromit.core.stack.made import MadeComponent


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One environment that this worker holds until its lease ends."""

    name: str
    kind: Work
    holder: str
    nonce: str
    epoch: int
    generation: int
    """The generation to apply."""
    want: Want
    versions: Mapping[str, str]
    """Version of each repository."""
    redeploys: Mapping[str, str]
    """Redeployment mark of each component."""
    spec_hash: str | None
    """Spec hash of what runs; None if it is not known for certain."""
    parked: bool = False
    """Whether to stop all tasks, and keep everything else."""
    state: StateMark | None = None
    """Terraform state that the last run left; None if none is recorded."""
    made: tuple[MadeComponent, ...] = ()
    """Components as the last successful apply made them."""
    hooks: tuple[str, ...] = ()
    """Components whose hook `on_create` has succeeded in this incarnation."""
    branch_tags: tuple[str, ...] = ()
    """Tags that images of its branch have, for fallbacks."""
    recipe: str = ""
    """Hash of the catalogue and the stack's files of the last successful apply."""
    checked_s: int | None = None
    """Seconds since the last full check; None if this run has to make one."""
    takes_progress: bool = True
    """Whether serve keeps the progress of runs; one of an earlier release does not."""


@dataclass(frozen=True, slots=True)
class NoWork:
    """There is no work now."""

    retry_s: float | None
    """Seconds until the next work is due; None if none is scheduled."""


@dataclass(frozen=True, slots=True)
class ClaimStatus:
    """Desired state of an environment whose claim is still valid."""

    generation: int
    want: Want


@dataclass(frozen=True, slots=True)
class Claimant:
    """A worker that requests work."""

    holder: str
    nonce: str
    """Random and new for each claim; it identifies a repeated request."""
    task: str | None = None


@dataclass(frozen=True, slots=True)
class Fence:
    """Token that proves a claim is current."""

    holder: str
    epoch: int

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Return the conditions that hold until another claim, or the end of this one."""
        return (Equals(Attribute.HOLDER, self.holder), Equals(Attribute.EPOCH, self.epoch))


def backoff_ms(attempts: int, first_ms: int, longest_ms: int, jitter: float) -> int:
    """Return the pause after a number of consecutive failures, in milliseconds.

    It doubles with each failure up to `longest_ms`; then 50 to 100 % of it is taken. `jitter`, a
    random number from 0 to 1, spreads the retries of environments that failed at the same time.
    """
    full = min(first_ms * 2 ** min(attempts, 30), longest_ms)
    return int(full * (0.5 + jitter / 2))


def put_off_ms(waited_ms: int, first_ms: int, longest_ms: int) -> int:
    """Return the pause before a row that cannot be read is looked at again, in milliseconds.

    It is as long as the work has waited already, so that it doubles without a count in the row.
    """
    return max(first_ms, min(waited_ms, longest_ms))
