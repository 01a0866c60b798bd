"""Form of a metric's definition."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

DURATIONS_S = (0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0)
"""Buckets of requests, in seconds. The longest is the time that serve may take at most."""
RUNS_S = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0, 14400.0)
"""Buckets of runs and of all that waits for runs, in seconds."""


class MetricKind(StrEnum):
    """Type of a metric, as Prometheus names it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class MetricLabel:
    """A label, and what bounds the number of its values."""

    name: str
    values: tuple[str, ...] = ()
    """All its values; empty if the code does not list them."""
    meaning: str = ""
    """Meaning of the values, and their bound, if they are not listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDefinition:
    """A metric: everything that people and Prometheus know of it."""

    name: str
    """Name as Prometheus stores it; that of a histogram without `_bucket`, `_sum` and `_count`."""
    kind: MetricKind
    help: str
    unit: str
    labels: tuple[MetricLabel, ...] = ()
    parts: tuple[str, ...]
    """Parts whose port serves it."""
    source: str
    """Origin of the values."""
    buckets: tuple[float, ...] = ()
    """Upper bounds of the buckets of a histogram."""

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels, in their order."""
        return tuple(label.name for label in self.labels)

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the series that Prometheus stores."""
        if self.kind is MetricKind.HISTOGRAM:
            return tuple(f"{self.name}_{end}" for end in ("bucket", "sum", "count"))
        return (self.name,)


@dataclass(frozen=True, slots=True)
class MetricReading:
    """A value of a gauge that is read when Prometheus asks."""

    definition: MetricDefinition
    value: float
    labels: tuple[str, ...] = ()


def by_series(definitions: tuple[MetricDefinition, ...]) -> Mapping[str, MetricDefinition]:
    """Return the definitions by the names of their series."""
    return {series: definition for definition in definitions for series in definition.series}
