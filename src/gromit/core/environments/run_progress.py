"""Progress of a run, as its worker reports it and as the row keeps it while the claim lasts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gromit.core.stack.terraform_events import parse_step
from gromit.core.text import plain_line

TEXT_MAX = 200
COUNT_MAX = 100_000
"""Largest number of steps; far more than resources in an environment."""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """The step that a run has completed or waits for, and the number of completed steps."""

    text: str
    done: int | None = None
    total: int | None = None

    def __str__(self) -> str:
        if self.done is None or self.total is None:
            return self.text
        return f"{self.text} [{self.done}/{self.total}]"

    def to_row(self, now_ms: int) -> dict[str, Any]:
        """Return the progress as the row stores it."""
        counts = {"done": self.done, "total": self.total}
        known = {name: count for name, count in counts.items() if count is not None}
        return {"text": self.text, "at": now_ms, **known}


@dataclass(frozen=True, slots=True)
class ProgressStatus:
    """Last reported progress."""

    progress: RunProgress
    at_ms: int

    @classmethod
    def from_row(cls, value: Mapping[str, Any] | None) -> "ProgressStatus | None":
        """Return the progress that a row stores; None without one."""
        if value is None:
            return None
        progress = RunProgress(value["text"], value.get("done"), value.get("total"))
        return cls(progress, value["at"])


def fold_line(before: RunProgress | None, line: str) -> RunProgress | None:
    """Return the progress after one more line of a worker, with secrets masked.

    Terraform's errors and warnings are no steps: what they quote stays in the worker's log.
    """
    step = parse_step(line)
    if step is None:
        return before
    text = plain_line(step.text)[:TEXT_MAX]
    if step.total is None:
        # What a worker does beside terraform is not counted, so the last count still holds.
        return RunProgress(text, before.done, before.total) if before else RunProgress(text)
    total = min(step.total, COUNT_MAX)
    return RunProgress(text, min(step.done, total), total)
