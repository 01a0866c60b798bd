"""How one environment is taken down: its records first, then its resources, its state, its config files."""

from collections.abc import Callable
from dataclasses import dataclass

from gromit.core.environments.claims import Claim
from gromit.core.environments.environment import Want
from gromit.core.environments.locks import Lock
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
    """Destroys environments that serve has handed out as gone."""

    retire_records: Callable[[str, Progress], None]
    """Removes all public records of an environment; raises if it cannot."""
    platform: PlatformSource
    root: ConfigRoot
    terraform: TerraformRunner
    leftovers: OrphanFinder
    states: StateBucket

    def __call__(self, claim: Claim, lock: Lock, progress: Progress) -> str:
        """Take the claimed environment down. What is gone already is passed over, so that it can be done again."""
        if claim.want is not Want.GONE:
            raise Conflict(f"{claim.name} is wanted: it is not destroyed")
        progress("removing its records")
        self.retire_records(claim.name, progress)
        head = self.states.head(claim.name)
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
        """A row must not disappear while resources exist that no state knows."""
        left = self.leftovers.find(name)
        if left:
            raise BackendError(
                f"there is something of {name} that its terraform state does not know: {', '.join(left)}",
                hint=f"import it with `gromit terraform {name} -- import …`, or remove it by hand; it is tried again",
            )
