"""Port for the output of workers' runs."""

from typing import Protocol

from gromit.core.environments.past_runs import PastRun
from gromit.core.stack.task_output import OutputPage


class RunOutput(Protocol):
    """Output of Terraform in runs. Its method raises `Denied`, `Temporary` or `BackendError`."""

    def of_run(self, run: PastRun, cursor: str | None) -> OutputPage:
        """Return the lines of a run, oldest first, page by page.

        A run whose lines have expired has none. Raises `InvalidInput` for a cursor that is not of
        the previous page.
        """
