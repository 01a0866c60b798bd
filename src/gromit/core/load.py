"""Load of gromit's own processes: memory of workers, and CPU time of serve."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Memory of a worker with its terraforms, in MB."""

    peak_mb: float
    """Most that it needed at once: its own peak, and that of its largest terraform for each run."""
    limit_mb: float
    """Memory of its task or machine."""


@dataclass(frozen=True, slots=True)
class CpuUse:
    """CPU time of serve in its busiest minute of the last hour, in percent of a core."""

    percent: float
    limit_percent: float
    """Percent that the task may use; at most 100, because serve computes on one core."""
