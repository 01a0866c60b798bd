"""Port for the output of tasks."""

from collections.abc import Sequence
from typing import Protocol

from gromit.core.stack.task_output import OutputLine, OutputPage, StoppedTask


class TaskOutput(Protocol):
    """Output of an environment's tasks. Methods raise `Denied`, `Temporary` or `BackendError`."""

    def newest(
        self, environment: str, components: Sequence[str], limit: int, *, previous: bool
    ) -> OutputPage:
        """Return the newest lines of each component's newest task, oldest line first.

        `previous`: of the task before it, which shows why a component was started again. A
        component that never ran has no lines, and neither has an environment without a log group.
        """

    def of_task(self, environment: str, task: StoppedTask, limit: int) -> Sequence[OutputLine]:
        """Return the last lines of one task, oldest first; none if it wrote nothing."""

    def since(
        self, environment: str, component: str | None, since_ms: int, cursor: str | None
    ) -> OutputPage:
        """Return lines of all tasks from an instant on, oldest first, page by page.

        `component`: only its tasks; None: all. Raises `InvalidInput` for a cursor that is not of
        the previous page.
        """
