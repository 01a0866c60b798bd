"""Resources of environments in memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gromit.core.stack.contract import Platform
from gromit.core.stack.resources import Resource, ResourceKind

if TYPE_CHECKING:
    from gromit.errors import GromitError


class FakeEnvironmentResources:
    """The port `EnvironmentResources`: it has what a test has added."""

    def __init__(self) -> None:
        self.existing: dict[str, list[Resource]] = {}
        self.in_use: dict[str, int] = {}
        """Number of attempts for which a resource is in use, by its id."""
        self.faults: dict[str, GromitError] = {}
        """Error of each attempt to remove a resource, by its id."""
        self.removed: list[Resource] = []
        self.looks: list[tuple[str, Platform | None]] = []
        self.running_looks: list[str] = []

    def find(self, environment: str, platform: Platform | None) -> Sequence[Resource]:
        """Return what exists."""
        self.looks.append((environment, platform))
        return list(self.existing.get(environment, []))

    def in_cluster(self, environment: str) -> Sequence[Resource]:
        """Return what runs."""
        self.running_looks.append(environment)
        kinds = {ResourceKind.CLUSTER, ResourceKind.SERVICE, ResourceKind.TASK}
        return [one for one in self.existing.get(environment, []) if one.kind in kinds]

    def remove(self, resource: Resource) -> bool:
        """Remove a resource, unless it is in use."""
        assert resource.is_ours, "what another owns is never removed"
        if resource.id in self.faults:
            raise self.faults[resource.id]
        if self.in_use.get(resource.id, 0) > 0:
            self.in_use[resource.id] -= 1
            return False
        self.removed.append(resource)
        for found in self.existing.values():
            if resource in found:
                found.remove(resource)
        return True
