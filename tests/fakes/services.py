"""Services of environments in memory."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from gromit.core.stack.contract import ServiceState


class FakeServices:
    """The port `ServiceStates`: returns states that a test has set, and records restarts."""

    def __init__(self) -> None:
        self._states: dict[str, dict[str, ServiceState]] = {}
        self.restarted: list[tuple[str, str]] = []
        self.after_restart: Callable[[ServiceState], ServiceState] = lambda state: state
        """State of a service after a restart; by default its deployment stays in progress."""

    def put(self, environment: str, *states: ServiceState) -> None:
        """Set or replace states of services of an environment."""
        self._states.setdefault(environment, {}).update(
            {state.component: state for state in states}
        )

    def drop(self, environment: str) -> None:
        """Remove the cluster."""
        self._states.pop(environment, None)

    def describe(
        self, environment: str, components: Collection[str] | None = None
    ) -> Sequence[ServiceState]:
        """Return all services of the environment, sorted by component."""
        found = sorted(self._states.get(environment, {}).items())
        return [state for name, state in found if components is None or name in components]

    def restart(self, environment: str, component: str) -> None:
        """Start a new deployment of a service."""
        self.restarted.append((environment, component))
        begun = replace(
            self._states[environment][component], rollout="IN_PROGRESS", running=0, reason=""
        )
        self.put(environment, self.after_restart(begun))
