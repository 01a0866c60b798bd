"""Services of environments in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from gromit.core.stack.contract import ServiceState


class FakeServices:
    """The port `ServiceStates`: says what a test has put; `restarted` are the services that were restarted."""

    def __init__(self) -> None:
        self._states: dict[str, dict[str, ServiceState]] = {}
        self.restarted: list[tuple[str, str]] = []
        self.after_restart: Callable[[ServiceState], ServiceState] = lambda state: state
        """What becomes of a service that was restarted; by default its deployment stays in progress."""

    def put(self, environment: str, *states: ServiceState) -> None:
        """Let services of an environment stand so, each instead of what was said of it before."""
        self._states.setdefault(environment, {}).update(
            {state.component: state for state in states}
        )

    def drop(self, environment: str) -> None:
        """Let there be no such cluster."""
        self._states.pop(environment, None)

    def describe(self, environment: str) -> Sequence[ServiceState]:
        """All services of the environment, by component."""
        return [state for _, state in sorted(self._states.get(environment, {}).items())]

    def restart(self, environment: str, component: str) -> None:
        """Begin a new deployment of a service."""
        self.restarted.append((environment, component))
        begun = replace(
            self._states[environment][component], rollout="IN_PROGRESS", running=0, reason=""
        )
        self.put(environment, self.after_restart(begun))
