"""Reaping of one environment: DNS records, hooks, resources, state and config files."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from gromit.core.environments.claims import Claim
from gromit.core.environments.phases import Want
from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.contract import Platform, StackInput, StateHead
from gromit.core.stack.made import MadeStack
from gromit.core.stack.resources import ResourceKind
from gromit.errors import ConfigError, Conflict, TerraformFailed
from gromit.ports import ConfigRoot, PlatformSource, Progress, StateBucket, TerraformRunner
from gromit.services.clearing import Clearer
from gromit.services.hooks import HookRunner
from gromit.services.image_keeping import ImageKeeper
from gromit.services.run_states import StateOfRun
from gromit.services.v1_states import take_over_state

_IN_USE = ("ResourceInUse", "DependencyViolation", "ClusterContains")
"""Parts of the errors of AWS for what something else still uses."""
_RUNNING = frozenset({ResourceKind.TASK, ResourceKind.SERVICE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaper:
    """Destroys environments whose desired state is `gone`."""

    retire_records: Callable[[str, Progress], None]
    """Removes all public records of an environment; raises a `GromitError` if that fails."""
    platform: PlatformSource
    placeholder: Platform
    """Platform for Terraform if the real one was deleted."""
    root: ConfigRoot
    terraform: TerraformRunner
    clear: Clearer
    hooks: HookRunner
    states: StateBucket
    keeper: ImageKeeper
    repositories: Collection[str]
    """Repositories of the catalogue."""

    def __call__(self, claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        """Destroy the claimed environment. Idempotent: it skips what is gone already.

        Raises `Conflict` if the environment is desired, and `BackendError` if resources remain.
        """
        if claim.want is not Want.GONE:
            raise Conflict(f"{claim.name} is desired, so it is not destroyed")
        safe = state.check()
        progress("removing its DNS records")
        self.retire_records(claim.name, progress)
        platform = self._platform()
        self.hooks.on_reap(claim, platform, progress)
        head, lock = safe.head, safe.lock
        # A state without resources was destroyed by an earlier attempt, or was never written.
        if head is not None and head.resources:
            head = take_over_state(self.states, head, lock, (), progress) or head
            self._stop_outside(claim.name, head, progress)
            self._destroy(claim.name, platform, lock, progress)
        self._clear(claim.name, platform, progress)
        self.keeper.release(claim.name, self._repositories(claim))
        progress("removing its state and config files")
        self.states.delete(claim.name)
        self.root.remove(claim.name)
        return MadeStack("")

    def _platform(self) -> Platform | None:
        """Return the platform; None if the stack that writes it was destroyed before."""
        try:
            return self.platform.read()
        except ConfigError:
            return None

    def _repositories(self, claim: Claim) -> Collection[str]:
        """Return repositories whose images it may use: of the catalogue, and of what was made."""
        return {*self.repositories, *(c.repository for c in claim.made if c.repository)}

    def _destroy(
        self, name: str, platform: Platform | None, lock: Lock, progress: Progress
    ) -> None:
        stack = StackInput(name=name, platform=platform or self.placeholder, components={})
        try:
            self.terraform.destroy(stack, lock, progress)
        except TerraformFailed as error:
            if not any(words in error.message for words in _IN_USE):
                raise
            # Terraform does not remove what others have added, such as an instance in Cloud Map.
            progress("something uses its resources: removing them directly")
            self._clear(name, platform, progress)
            # The second run finds nothing in AWS, and empties the state.
            self.terraform.destroy(stack, lock, progress)

    def _stop_outside(self, name: str, head: StateHead, progress: Progress) -> None:
        """Stop tasks and services that the state does not contain.

        Terraform would wait minutes for the cluster and the groups that they use, and then fail.
        """
        held, resources = frozenset(head.held.values()), self.clear.resources
        for one in resources.in_cluster(name):
            if one.kind in _RUNNING and one.is_ours and one.key not in held:
                progress(f"stopping {one}")
                resources.remove(one)

    def _clear(self, name: str, platform: Platform | None, progress: Progress) -> None:
        """Remove all that is outside of the state; the row stays if anything remains."""
        self.clear(name, lambda: self.clear.resources.find(name, platform), progress)
