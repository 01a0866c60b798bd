"""Removal of resources that would block an apply, or remain after a destroy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from gromit.core.stack.resources import REMOVAL_ORDER, Resource
from gromit.errors import BackendError, Suspended, Temporary
from gromit.ports import EnvironmentResources, Progress

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ClearPolicy:
    """Time that resources may take to go, in seconds."""

    longest_s: float
    """Time during which a resource that is in use is tried again."""
    poll_s: float
    monotonic: Callable[[], float]
    pause: Callable[[float], bool]
    """Waits the given number of seconds; True if this worker must stop."""


@dataclass(frozen=True, slots=True)
class Clearer:
    """Removes resources directly, without Terraform."""

    resources: EnvironmentResources
    policy: ClearPolicy

    def __call__(
        self, environment: str, look: Callable[[], Sequence[Resource]], progress: Progress
    ) -> None:
        """Remove what `look` returns until it returns nothing but another installation's.

        Raises `BackendError` that names what remains, and `Suspended` if this worker must stop.
        """
        until = self.policy.monotonic() + self.policy.longest_s
        found = _without_neighbours(look())
        while found:
            ours = [resource for resource in found if resource.is_ours]
            problems, may_change = self._round(environment, ours, progress)
            found = _without_neighbours(look())
            if not found:
                return
            if not may_change or self.policy.monotonic() >= until:
                raise _remaining(environment, found, problems)
            if self.policy.pause(self.policy.poll_s):
                raise Suspended("this worker was asked to stop while it removed resources")

    def _round(
        self, environment: str, found: Sequence[Resource], progress: Progress
    ) -> tuple[Sequence[str], bool]:
        """Try each resource once; return problems, and whether another round may help."""
        problems: list[str] = []
        may_change = False
        for resource in sorted(found, key=lambda one: REMOVAL_ORDER.index(one.kind)):
            try:
                is_removed = self.resources.remove(resource)
            except BackendError as error:
                may_change |= isinstance(error, Temporary)
                problems.append(error.message)
                continue
            may_change = True
            if is_removed:
                log.info("resource.removed", env=environment, resource=str(resource))
                progress(f"removed {resource}")
            else:
                problems.append(f"{resource} is in use")
        return problems, may_change


def _without_neighbours(found: Sequence[Resource]) -> Sequence[Resource]:
    """Return what no other installation owns: the name of this environment is in use there."""
    return [resource for resource in found if not resource.owner]


def _remaining(environment: str, left: Sequence[Resource], problems: Sequence[str]) -> BackendError:
    why = f" ({'; '.join(problems)})" if problems else ""
    return BackendError(
        f"{environment} still has resources: {', '.join(map(str, left))}{why}",
        hint="remove what uses them, or remove them manually; gromit tries again",
    )
