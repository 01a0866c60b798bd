"""Progress of a run as clients see it."""

from dataclasses import dataclass

from gromit.core.environments.environment import Environment
from gromit.core.time import iso


@dataclass(frozen=True, slots=True)
class ProgressView:
    """Progress that a worker last reported."""

    text: str
    """Step that was completed, or that the run waits for."""
    done: int | None
    """Number of completed steps of Terraform; null before its plan is known."""
    total: int | None
    at: str


def progress_view(environment: Environment) -> ProgressView | None:
    """Return the progress of the run that holds the claim; None if it has reported none."""
    lease = environment.lease
    if lease is None or lease.progress is None:
        return None
    progress = lease.progress.progress
    return ProgressView(progress.text, progress.done, progress.total, iso(lease.progress.at_ms))
