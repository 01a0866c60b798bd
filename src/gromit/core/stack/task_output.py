"""Output of an environment's components, as lines that people read."""

from dataclasses import dataclass

LOG_GROUPS = "/gromit/"
"""Prefix of the log groups of all environments; those of the control plane have another one."""


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


def log_group(environment: str) -> str:
    """Return the CloudWatch log group of an environment, which its stack makes."""
    return LOG_GROUPS + environment
