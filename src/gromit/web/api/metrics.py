"""Metrics of serve for Prometheus: outcomes of requests, and ages of work (logged, too)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import structlog
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gromit.core.environments.lifetime import LIVE
from gromit.core.environments.phases import Work
from gromit.core.environments.suspensions import SUSPENSION_ROW, ScopeKind, parse_suspensions
from gromit.core.time import Millis
from gromit.errors import GromitError
from gromit.ports import EnvironmentStore
from gromit.web.api.overdue import OverdueWork

log = structlog.get_logger(__name__)


class Metrics:
    """Counters, and gauges that are read from the table on each scrape."""

    def __init__(
        self,
        store: EnvironmentStore,
        now_ms: Callable[[], Millis],
        overdue_ms: Mapping[Work, int] | None = None,
    ) -> None:
        self.registry = CollectorRegistry()
        self._store = store
        self._now_ms = now_ms
        self._overdue = OverdueWork(overdue_ms or {})
        self._outcomes = Counter(
            "gromit_outcomes",
            "Builds, deletions, claims, runs and failures by outcome",
            ["what", "outcome"],
            registry=self.registry,
        )
        self.registry.register(_UnfinishedWorkCollector(store, now_ms))
        self.registry.register(_ExpiringCollector(store, now_ms))
        self.registry.register(_SuspensionCollector(store, now_ms))

    def count(self, what: str, outcome: str) -> None:
        """Count one outcome."""
        self._outcomes.labels(what, outcome).inc()

    def log_ages(self) -> None:
        """Log the age of the oldest work of each kind, and overdue work, for alarms."""
        for kind in Work:
            now = self._now_ms()
            try:
                ages = _ages(self._store, kind, now)
            except GromitError as error:
                log.warning("work.age_unknown", kind=str(kind), reason=error.message)
            else:
                log.info(
                    "work.age",
                    kind=str(kind),
                    seconds=round(ages.due_s, 1),
                    undone_seconds=round(ages.unfinished_s, 1),
                )
                self._overdue.update(kind, ages.unfinished, now)

    def not_ready(self) -> str | None:
        """Return why serve cannot work now; None if it can."""
        try:
            self._store.due(Work.SOW, self._now_ms(), 1)
        except GromitError as error:
            return error.message
        return None


@dataclass(frozen=True, slots=True)
class _WorkAges:
    """Ages of the oldest work of a kind in seconds; 0 if there is none."""

    due_s: float
    """Time since the oldest due work could be claimed; small while workers make progress."""
    unfinished_s: float
    """Time since the oldest unfinished work was requested, failed and leased work included."""
    unfinished: Mapping[str, int]
    """Environments with unfinished work, and the instants of the requests."""


class _UnfinishedWorkCollector(Collector):
    """Ages of the oldest work: they show whether the control plane makes progress."""

    def __init__(self, store: EnvironmentStore, now_ms: Callable[[], Millis]) -> None:
        self._store = store
        self._now_ms = now_ms

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics without values, so that registering them does not read the table."""
        yield from _families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics with their present values; without values if the table fails."""
        due, unfinished = _families()
        now = self._now_ms()
        for kind in Work:
            try:
                ages = _ages(self._store, kind, now)
            except GromitError:
                continue
            due.add_metric([kind], ages.due_s)
            unfinished.add_metric([kind], ages.unfinished_s)
        yield from (due, unfinished)


class _SuspensionCollector(Collector):
    """Number of suspensions in force, so that a forgotten one can raise an alert."""

    def __init__(self, store: EnvironmentStore, now_ms: Callable[[], Millis]) -> None:
        self._store = store
        self._now_ms = now_ms

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metric without values, so that registering it does not read the table."""
        yield GaugeMetricFamily("gromit_suspensions", "Suspensions in force", labels=["scope"])

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metric with its present values; without values if the table fails."""
        (family,) = self.describe()
        try:
            row = self._store.read(SUSPENSION_ROW)
        except GromitError:
            yield family
            return
        found = parse_suspensions(row, self._now_ms()).found
        for kind in ScopeKind:
            family.add_metric([kind], sum(s.scope.kind is kind for s in found))
        yield family


_DAY_MS = 86_400_000
_EXPIRING_MAX = 1000
"""Environments that are counted; in practice few expire within a day."""


class _ExpiringCollector(Collector):
    """Numbers of environments that were warned, read from the index of lifetimes."""

    def __init__(self, store: EnvironmentStore, now_ms: Callable[[], Millis]) -> None:
        self._store = store
        self._now_ms = now_ms

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metric without values, so that registering it does not read the table."""
        yield _expiring()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metric with its present values; without values if the table fails."""
        family = _expiring()
        try:
            entries = self._store.lives(LIVE, 0, self._now_ms() + _DAY_MS, _EXPIRING_MAX)
        except GromitError:
            entries = None
        if entries is not None:
            for number, warning in enumerate(("first", "last"), 1):
                family.add_metric([warning], sum(entry.warned >= number for entry in entries))
        yield family


def _expiring() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "gromit_expiring_environments",
        "Environments that expire unless they are used, by the warning that they have had",
        labels=["warning"],
    )


def _ages(store: EnvironmentStore, kind: Work, now: Millis) -> _WorkAges:
    """Return the ages of the oldest work. Raises what the store raises."""
    due_since = store.due(kind, now, 1).oldest_ms
    unfinished = store.unfinished(kind)
    oldest = min(unfinished.values(), default=None)
    return _WorkAges(_seconds_since(due_since, now), _seconds_since(oldest, now), unfinished)


def _seconds_since(since: int | None, now: Millis) -> float:
    """Return seconds since an instant; 0 for None and for the future (clocks of hosts differ)."""
    if since is None:
        return 0.0
    return (now - min(since, now)) / 1000


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
    return (
        GaugeMetricFamily(
            "gromit_oldest_work_age_seconds",
            "Age of the oldest due work that no worker holds",
            labels=["kind"],
        ),
        GaugeMetricFamily(
            "gromit_oldest_undone_age_seconds",
            "Age of the oldest unfinished work, failed and leased work included",
            labels=["kind"],
        ),
    )
