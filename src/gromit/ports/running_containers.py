"""Port for the containers of running tasks."""

from typing import Protocol

from gromit.core.stack.running_container import RunningContainer


class RunningContainers(Protocol):
    """Containers of the tasks of environments that run."""

    def newest(self, environment: str, component: str) -> RunningContainer | None:
        """Return the container of the newest running task of a component; None without a task.

        Raises `Denied`, `Temporary` or `BackendError`.
        """
