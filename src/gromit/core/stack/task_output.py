"""Output of an environment's components, as lines that people read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

LOG_GROUPS = "/gromit/"
"""Prefix of the log groups of all environments; those of the control plane have another one."""
WORKER_LOG_GROUPS = "/gromit-control/"
"""Prefix of the log groups of the control plane; each worker has one with its name."""
TASK_MAX = 100
"""Characters of a task's id; ECS gives 32."""
LAST_LINES = 5
"""Last lines of a stopped task that the failure of its environment carries."""
LAST_LINE_MAX = 200
"""Characters of such a line."""
LAST_TASKS = 3
"""Stopped tasks whose lines a failure carries. More would fill the row with the same reason."""


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A line that a task of a component wrote."""

    at_ms: int
    component: str
    task: str
    """Id of the ECS task."""
    text: str
    """Without characters that would change a terminal or a page; cut if it is very long."""


@dataclass(frozen=True, slots=True)
class OutputPage:
    """Lines of an environment, oldest first."""

    lines: tuple[OutputLine, ...]
    next: str | None = None
    """Cursor of the next page; None if there is none."""
    is_cut: bool = False
    """Whether older lines were left out, because there were too many."""


@dataclass(frozen=True, slots=True)
class StoppedTask:
    """A task that stopped although it should run."""

    component: str
    task: str
    """Id of the ECS task."""


@dataclass(frozen=True, slots=True)
class LastLines:
    """Last lines that a stopped task wrote."""

    component: str
    task: str
    lines: tuple[str, ...]

    def to_row(self) -> dict[str, Any]:
        """Return the lines as the row stores them."""
        return {"component": self.component, "id": self.task, "lines": list(self.lines)}

    @classmethod
    def from_row(cls, value: Mapping[str, Any]) -> "LastLines":
        """Return the lines that a row stores."""
        return cls(value["component"], value["id"], tuple(value["lines"]))


def task_id(arn: str) -> str:
    """Return the id of an ECS task from its ARN, which ends with it."""
    return arn.rpartition("/")[2]


def last_lines(stopped: StoppedTask, lines: Sequence[str]) -> LastLines | None:
    """Return the last lines of a task, shortened; None if it wrote nothing."""
    written = [text for line in lines if (text := line.strip())]
    kept = tuple(_shortened(text) for text in written[-LAST_LINES:])
    return LastLines(stopped.component, stopped.task, kept) if kept else None


def output_text(output: Iterable[LastLines]) -> str:
    """Return the last lines of tasks as sentences in one line; empty if there are none."""
    return "; ".join(f"{last.component} wrote last: {' | '.join(last.lines)}" for last in output)


def _shortened(text: str) -> str:
    return text if len(text) <= LAST_LINE_MAX else f"{text[: LAST_LINE_MAX - 1]}…"


def log_group(environment: str) -> str:
    """Return the CloudWatch log group of an environment, which its stack makes."""
    return LOG_GROUPS + environment


def worker_line(record: Mapping[str, Any]) -> str | None:
    """Return a line of a worker's log for people; None if it says nothing about Terraform."""
    match record.get("event"):
        case "run.progress":
            return str(record.get("text", ""))
        case "terraform.ended":
            action, code, seconds = (record.get(key) for key in ("action", "code", "seconds"))
            program = record.get("program") or "terraform"
            return f"{program}: {action} ended with exit code {code} after {seconds} s"
        case "run.finished":
            problem = record.get("problem")
            return f"run {record.get('ending')}" + (f": {problem}" if problem else "")
        case _:
            return None
