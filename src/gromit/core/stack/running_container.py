"""Running container of a component, in which a person may run a program."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningContainer:
    """Container of the newest running task of a component."""

    cluster: str
    region: str
    task: str
    """Id of the ECS task."""
    container: str
    """Name of the container."""
    runtime: str
    """Id that the session's target names; empty until the container has one."""
    takes_programs: bool
    """Whether ECS Exec is on for the task."""
    is_connected: bool
    """Whether the agent of ECS Exec is connected."""
