"""Full checks by sow: which run makes one, and how old the last one is after the run."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gromit.core.environments.claims import Claim
from gromit.core.environments.full_checks import is_own_state, is_recently_checked
from gromit.services.run_states import SafeState


@dataclass(frozen=True, slots=True)
class CheckPolicy:
    """Longest time that a full check counts, in seconds, and a clock."""

    interval_s: float
    """0: every run makes a full check."""
    monotonic: Callable[[], float]


@dataclass(frozen=True, slots=True)
class FullCheck:
    """The last full check of an environment, as one run sees it."""

    claim: Claim
    policy: CheckPolicy
    is_recent: bool
    """Whether the run may trust what that check saw."""
    begun_s: float
    """Instant of the begin of the run."""

    @classmethod
    def of(cls, claim: Claim, recipe: str, policy: CheckPolicy) -> "FullCheck":
        """Return the last full check at the begin of a run."""
        is_recent = is_recently_checked(claim, recipe, policy.interval_s)
        return cls(claim, policy, is_recent, policy.monotonic())

    def is_needed(self, state: SafeState, imports: Mapping[str, str]) -> bool:
        """Whether Terraform has to compare everything with AWS."""
        return not (self.is_recent and is_own_state(self.claim, state.head) and not imports)

    def age_s(self, *, is_made: bool, are_images_kept: bool) -> int | None:
        """Return the age of the newest full check at the end of the run; None without one.

        `is_made`: whether the run has made one. An image that could not be marked makes the next
        run look at all of them.
        """
        if not are_images_kept:
            return None
        before_s = 0 if is_made else self.claim.checked_s
        if before_s is None:
            return None
        return before_s + math.ceil(self.policy.monotonic() - self.begun_s)
