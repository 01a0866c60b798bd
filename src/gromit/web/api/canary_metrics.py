"""Metrics of the canary."""

from collections.abc import Iterator
from dataclasses import dataclass

from gromit.core.metrics.definition import MetricReading
from gromit.core.metrics.definitions import CANARY_INTERVAL, CANARY_SUCCESS
from gromit.services.canary import Canary


@dataclass(frozen=True, slots=True)
class CanaryReadings:
    """Readings of the canary; none without one."""

    canary: Canary | None

    def read(self) -> Iterator[MetricReading]:
        """Yield its interval, and its last success if one is known."""
        if self.canary is None:
            return
        yield MetricReading(CANARY_INTERVAL, self.canary.policy.interval_ms / 1000)
        if self.canary.success_ms is not None:
            yield MetricReading(CANARY_SUCCESS, self.canary.success_ms / 1000)
