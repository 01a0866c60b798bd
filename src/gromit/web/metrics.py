"""What serve counts, for Prometheus: requests' outcomes, and whether work gets done; the latter goes into the log, too."""

from collections.abc import Callable, Iterator

import structlog
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gromit.core.environment import Work
from gromit.core.time import Millis
from gromit.errors import GromitError
from gromit.ports import EnvironmentStore

log = structlog.get_logger(__name__)


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

    def tell(self) -> None:
        """Log the age of the oldest work of each kind, for alarms that are made from logs."""
        for kind in Work:
            try:
                seconds = _age_s(self._store, kind, self._now_ms())
            except GromitError as error:
                log.warning("work.age_unknown", kind=str(kind), reason=error.message)
            else:
                log.info("work.age", kind=str(kind), seconds=round(seconds, 1))

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
                family.add_metric([kind], _age_s(self._store, kind, now))
            except GromitError:
                continue
        yield family


def _age_s(store: EnvironmentStore, kind: Work, now: Millis) -> float:
    """Since when the oldest due work that nobody holds has been due; 0 if there is none. Raises what the store raises."""
    oldest = store.due(kind, now, 1).oldest_ms
    return (now - oldest) / 1000 if oldest is not None else 0.0


def _age() -> GaugeMetricFamily:
    return GaugeMetricFamily("gromit_oldest_work_age_seconds", "Age of the oldest due work that nobody holds", labels=["kind"])
