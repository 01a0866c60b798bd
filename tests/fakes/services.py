"""Services of environments in memory."""

from collections.abc import Sequence

from gromit.core.stack import ServiceState


class FakeServices:
    """The port `ServiceStates`: says what a test has put."""

    def __init__(self) -> None:
        self._states: dict[str, dict[str, ServiceState]] = {}

    def put(self, environment: str, *states: ServiceState) -> None:
        """Let services of an environment stand so, each instead of what was said of it before."""
        self._states.setdefault(environment, {}).update({state.component: state for state in states})

    def drop(self, environment: str) -> None:
        """Let there be no such cluster."""
        self._states.pop(environment, None)

    def look(self, environment: str) -> Sequence[ServiceState]:
        """All services of the environment, by component."""
        return [state for _, state in sorted(self._states.get(environment, {}).items())]
