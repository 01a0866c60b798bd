"""Output of runs in memory."""

from dataclasses import dataclass, field

from gromit.core.environments.past_runs import PastRun
from gromit.core.stack.task_output import OutputLine, OutputPage


@dataclass
class FakeRunOutput:
    """The port `RunOutput`: lines by the number of the run, in one page."""

    lines: dict[int, list[OutputLine]] = field(default_factory=dict)

    def of_run(self, run: PastRun, cursor: str | None) -> OutputPage:
        """Return the lines of a run."""
        assert cursor is None
        return OutputPage(tuple(self.lines.get(run.number, ())))
