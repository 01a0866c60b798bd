"""Metrics of serve for Prometheus: outcomes of requests, and ages of work (logged, too)."""

from collections.abc import Callable, Iterable, Mapping

import structlog
from prometheus_client import CollectorRegistry

from gromit.core.environments.phases import Work
from gromit.core.metrics import definitions
from gromit.core.metrics.definition import MetricDefinition, MetricReading
from gromit.core.time import Millis
from gromit.errors import GromitError
from gromit.ports import EnvironmentStore
from gromit.web.api.overdue import OverdueWork
from gromit.web.api.run_metrics import RunMetrics
from gromit.web.api.table_metrics import TableReadings, work_ages
from gromit.web.server.metrics import ReadMetrics, counter
from gromit.web.server.pass_metrics import OwnCalls, PassMetrics

log = structlog.get_logger(__name__)

_OTHER = "other"


def _codes(error: type[GromitError]) -> frozenset[str]:
    return frozenset({error.code}).union(*map(_codes, error.__subclasses__()))


ERROR_CODES = _codes(GromitError) | {"bug"}
"""Codes of errors, and that of a bug of gromit."""


class Metrics:
    """Counters, and gauges that are read from the table on each scrape."""

    def __init__(
        self,
        store: EnvironmentStore,
        now_ms: Callable[[], Millis],
        overdue_ms: Mapping[Work, int] | None = None,
        own_calls: Callable[[], OwnCalls] = dict,
    ) -> None:
        self.registry = CollectorRegistry()
        self.runs = RunMetrics(self.registry)
        self.passes = PassMetrics(now_ms, self.registry, own_calls)
        self._store = store
        self._now_ms = now_ms
        self._overdue = OverdueWork(overdue_ms or {})
        self._outcomes = counter(definitions.OUTCOMES, self.registry)
        table = TableReadings(store, now_ms)
        self.add(
            table.work,
            definitions.OLDEST_DUE,
            definitions.OLDEST_UNFINISHED,
            definitions.UNFINISHED_WORK,
        )
        self.add(table.expiring, definitions.EXPIRING)
        self.add(table.suspensions, definitions.SUSPENSIONS)
        self.add(
            table.counts,
            definitions.ENVIRONMENTS,
            definitions.PUBLIC_NAMES,
            definitions.COMPONENT_HEALTH,
        )

    def add(
        self, read: Callable[[], Iterable[MetricReading]], *read_definitions: MetricDefinition
    ) -> None:
        """Add gauges that are read at each scrape."""
        self.registry.register(ReadMetrics(read, *read_definitions))

    def count(self, what: str, outcome: str) -> None:
        """Count one outcome. The kind of a failed run is a worker's text, so it is bounded."""
        if what == "run" and outcome not in ERROR_CODES:
            outcome = _OTHER
        self._outcomes.labels(what, outcome).inc()

    def log_ages(self) -> None:
        """Log the age of the oldest work of each kind, and overdue work, for alarms."""
        for kind in Work:
            now = self._now_ms()
            try:
                ages = work_ages(self._store, kind, now)
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
