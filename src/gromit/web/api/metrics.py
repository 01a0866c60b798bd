"""What serve counts, for Prometheus: requests' outcomes, and whether work gets done; the latter goes into the log, too."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gromit.core.environments.environment import Work
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
            "gromit_outcomes",
            "Builds, deletions, claims and runs by outcome",
            ["what", "outcome"],
            registry=self.registry,
        )
        self.registry.register(_UnfinishedWorkCollector(store, now_ms))

    def count(self, what: str, outcome: str) -> None:
        """Count one outcome."""
        self._outcomes.labels(what, outcome).inc()

    def tell(self) -> None:
        """Log the ages of the oldest work of each kind, for alarms that are made from logs."""
        for kind in Work:
            try:
                ages = _ages(self._store, kind, self._now_ms())
            except GromitError as error:
                log.warning("work.age_unknown", kind=str(kind), reason=error.message)
            else:
                log.info(
                    "work.age",
                    kind=str(kind),
                    seconds=round(ages.due_s, 1),
                    undone_seconds=round(ages.undone_s, 1),
                )

    def not_ready(self) -> str | None:
        """Why serve cannot do its part just now, if it cannot."""
        try:
            self._store.due(Work.SOW, self._now_ms(), 1)
        except GromitError as error:
            return error.message
        return None


@dataclass(frozen=True, slots=True)
class _WorkAges:
    """How old the oldest work of a kind is, in seconds; 0 if there is none."""

    due_s: float
    """Since it has been due and free for a worker: workers make progress as long as this stays small."""
    undone_s: float
    """Since it was asked for, failures and claims included: what is wanted comes true as long as this stays small."""


class _UnfinishedWorkCollector(Collector):
    """The ages of the oldest work: the proof that the control plane makes progress."""

    def __init__(self, store: EnvironmentStore, now_ms: Callable[[], Millis]) -> None:
        self._store = store
        self._now_ms = now_ms

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """The metrics, without a look at the table."""
        yield from _families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The metrics as they are now; absent while the table does not answer."""
        due, undone = _families()
        now = self._now_ms()
        for kind in Work:
            try:
                ages = _ages(self._store, kind, now)
            except GromitError:
                continue
            due.add_metric([kind], ages.due_s)
            undone.add_metric([kind], ages.undone_s)
        yield from (due, undone)


def _ages(store: EnvironmentStore, kind: Work, now: Millis) -> _WorkAges:
    """How old the oldest work is. Raises what the store raises."""
    due, undone = store.due(kind, now, 1).oldest_ms, store.undone_since(kind)
    return _WorkAges(
        *((now - min(since, now)) / 1000 if since is not None else 0.0 for since in (due, undone))
    )


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
    return (
        GaugeMetricFamily(
            "gromit_oldest_work_age_seconds",
            "Age of the oldest due work that nobody holds",
            labels=["kind"],
        ),
        GaugeMetricFamily(
            "gromit_oldest_undone_age_seconds",
            "Age of the oldest work, also if it has failed",
            labels=["kind"],
        ),
    )
