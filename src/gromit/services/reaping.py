"""Reaping of one environment: its DNS records first, then its resources, state and config files."""

from collections.abc import Callable
from dataclasses import dataclass

from gromit.core.environments.claims import Claim
from gromit.core.environments.environment import Want
from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.contract import StackInput
from gromit.errors import BackendError, Conflict
from gromit.ports import (
    ConfigRoot,
    OrphanFinder,
    PlatformSource,
    Progress,
    StateBucket,
    TerraformRunner,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaper:
    """Destroys environments whose desired state is `gone`."""

    retire_records: Callable[[str, Progress], None]
    """Removes all public records of an environment; raises a `GromitError` if that fails."""
    platform: PlatformSource
    root: ConfigRoot
    terraform: TerraformRunner
    leftovers: OrphanFinder
    states: StateBucket

    def __call__(self, claim: Claim, lock: Lock, progress: Progress) -> str:
        """Destroy the claimed environment. Idempotent: it skips what is gone already.

        Raises `Conflict` if the environment is desired, and `BackendError` if resources remain.
        """
        if claim.want is not Want.GONE:
            raise Conflict(f"{claim.name} is desired, so it is not destroyed")
        progress("removing its DNS records")
        self.retire_records(claim.name, progress)
        head = self.states.head(claim.name)
        # A state without resources was destroyed by an earlier attempt.
        if head is not None and head.resources:
            self.terraform.destroy(
                StackInput(name=claim.name, platform=self.platform.read(), components={}),
                lock,
                progress,
            )
        self._check_nothing_left(claim.name)
        progress("removing its state and config files")
        self.states.delete(claim.name)
        self.root.remove(claim.name)
        return ""

    def _check_nothing_left(self, name: str) -> None:
        """Raise `BackendError` for resources outside of the state, so that the row stays."""
        left = self.leftovers.find(name)
        if left:
            raise BackendError(
                f"{name} has resources that its terraform state does not contain:"
                f" {', '.join(left)}",
                hint=f"import them with `gromit terraform {name} -- import …`, or remove them"
                " manually; gromit tries again",
            )
