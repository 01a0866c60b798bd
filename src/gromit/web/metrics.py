"""What serve counts, for Prometheus: requests' outcomes, and whether work gets done."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gromit.core.environment import Work
from gromit.core.time import Millis
from gromit.errors import GromitError
from gromit.ports import EnvironmentStore


class Metrics:
    """Counters, and gauges that are read from the table when they are asked for."""

    def __init__(self, store: EnvironmentStore, now_ms: Callable[[], Millis]) -> None:
        self.registry = CollectorRegistry()
        self._store = store
        self._now_ms = now_ms
        self._outcomes = Counter(
            "gromit_outcomes", "Builds, deletions, claims and runs by outcome", ["what", "outcome"], registry=self.registry
        )
        self.registry.register(_Undone(store, now_ms))

    def count(self, what: str, outcome: str) -> None:
        """Count one outcome."""
        self._outcomes.labels(what, outcome).inc()

    def not_ready(self) -> str | None:
        """Why serve cannot do its part just now, if it cannot."""
        try:
            self._store.due(Work.SOW, self._now_ms(), 1)
        except GromitError as error:
            return error.message
        return None


class _Undone(Collector):
    """The age of the oldest work that is due and that nobody holds: the proof that the control plane makes progress."""

    def __init__(self, store: EnvironmentStore, now_ms: Callable[[], Millis]) -> None:
        self._store = store
        self._now_ms = now_ms

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The metric, without a look at the table."""
        yield _age()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The metric as it is now; absent while the table does not answer."""
        family = _age()
        now = self._now_ms()
        for kind in Work:
            try:
                oldest = self._store.due(kind, now, 1).oldest_ms
            except GromitError:
                continue
            family.add_metric([kind], (now - oldest) / 1000 if oldest is not None else 0.0)
        yield family


def _age() -> GaugeMetricFamily:
    return GaugeMetricFamily("gromit_oldest_work_age_seconds", "Age of the oldest due work that nobody holds", labels=["kind"])
