"""Running containers in memory."""

from dataclasses import dataclass, field

from gromit.core.stack.running_container import RunningContainer


@dataclass
class FakeRunningContainers:
    """The port `RunningContainers`: containers by environment and component."""

    found: dict[tuple[str, str], RunningContainer] = field(default_factory=dict)

    def newest(self, environment: str, component: str) -> RunningContainer | None:
        """Return the container that was put there."""
        return self.found.get((environment, component))
