"""Port of the health of components: requests to their programs."""

from collections.abc import Collection, Mapping
from typing import Protocol

from gromit.core.environments.health_book import HealthFinding, HealthTarget


class ComponentPrograms(Protocol):
    """Programs of components, at their public addresses."""

    def ask(self, targets: Collection[HealthTarget]) -> Mapping[HealthTarget, HealthFinding]:
        """Ask all targets at the same time, within some seconds. Never raises.

        An address that does not answer is a finding too.
        """
