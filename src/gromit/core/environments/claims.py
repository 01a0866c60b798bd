"""Claims on environments: as a worker asks for one, as he holds it, and what shows that it is still his."""

from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Want, Work
from gromit.core.environments.rows import Condition, Equals


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One environment, held by this worker until the lease ends."""

    name: str
    kind: Work
    holder: str
    nonce: str
    epoch: int
    generation: int
    """The generation to be made true."""
    want: Want
    versions: Mapping[str, str]
    """By repository."""
    redeploys: Mapping[str, str]
    """By component."""
    spec_hash: str | None
    """Hash of what runs, if that is known for certain."""


@dataclass(frozen=True, slots=True)
class NoWork:
    """There is nothing to do now."""

    retry_s: float | None
    """When there will be, if that is known."""


@dataclass(frozen=True, slots=True)
class ClaimStatus:
    """What serve says of a claim that is still valid."""

    generation: int
    want: Want


@dataclass(frozen=True, slots=True)
class Claimant:
    """A worker that asks for work."""

    holder: str
    nonce: str
    """Made anew for each claim: a request sent again is known by it."""
    task: str | None = None


@dataclass(frozen=True, slots=True)
class Fence:
    """What shows that a claim is still the valid one."""

    holder: str
    epoch: int

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Hold as long as nobody else has claimed the row since."""
        return (Equals(Attribute.HOLDER, self.holder), Equals(Attribute.EPOCH, self.epoch))


def backoff_ms(attempts: int, first_ms: int, longest_ms: int, jitter: float) -> int:
    """Pause after the given number of earlier failures in a row: doubled each time, capped, then 50 to 100 % of it.

    `jitter` is a random number from 0 to 1; without it environments that failed together would come back together.
    """
    full = min(first_ms * 2 ** min(attempts, 30), longest_ms)
    return int(full * (0.5 + jitter / 2))
