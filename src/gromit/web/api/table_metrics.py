"""Gauges that serve reads from its table, when Prometheus asks."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.lifetime import LIVE
from gromit.core.environments.phases import UNREADABLE, Work
from gromit.core.environments.suspensions import SUSPENSION_ROW, ScopeKind, parse_suspensions
from gromit.core.metrics import definitions
from gromit.core.metrics.definition import MetricDefinition, MetricReading
from gromit.core.time import Millis
from gromit.errors import Conflict, GromitError, UnreadableRow
from gromit.ports import EnvironmentStore

COUNTED_EVERY_MS = 60_000
"""Shortest time between two reads of the whole table."""
_PAGE = 500
_DAY_MS = 86_400_000
_EXPIRING_MAX = 1000
"""Environments that are counted; in practice few expire within a day."""
_COUNTS = (definitions.ENVIRONMENTS, definitions.PUBLIC_NAMES, definitions.COMPONENT_HEALTH)


@dataclass(frozen=True, slots=True)
class WorkAges:
    """Ages of the oldest work of a kind in seconds; 0 if there is none."""

    due_s: float
    """Time since the oldest due work could be claimed; small while workers make progress."""
    unfinished_s: float
    """Time since the oldest unfinished work was requested, failed and leased work included."""
    unfinished: dict[str, int]
    """Environments with unfinished work, and the instants of the requests."""


def work_ages(store: EnvironmentStore, kind: Work, now: Millis) -> WorkAges:
    """Return the ages of the oldest work. Raises what the store raises."""
    unfinished = dict(store.unfinished(kind))
    # What is due is unfinished: while nothing is, one query is enough.
    due_since = store.due(kind, now, 1).oldest_ms if unfinished else None
    oldest = min(unfinished.values(), default=None)
    return WorkAges(_seconds_since(due_since, now), _seconds_since(oldest, now), unfinished)


def _seconds_since(since: int | None, now: Millis) -> float:
    """Return seconds since an instant; 0 for None and for the future (clocks of hosts differ)."""
    if since is None:
        return 0.0
    return (now - min(since, now)) / 1000


@dataclass(slots=True)
class TableReadings:
    """Readings of the table. One that the table refuses is left out."""

    store: EnvironmentStore
    now_ms: Callable[[], Millis]
    _counting: threading.Lock = field(default_factory=threading.Lock)
    _counted_ms: Millis | None = None
    _counts: tuple[MetricReading, ...] = ()

    def work(self) -> Iterator[MetricReading]:
        """Yield number and ages of unfinished work: they show whether gromit makes progress."""
        now = self.now_ms()
        for kind in Work:
            try:
                ages = work_ages(self.store, kind, now)
            except GromitError:
                continue
            yield MetricReading(definitions.OLDEST_DUE, ages.due_s, (kind,))
            yield MetricReading(definitions.OLDEST_UNFINISHED, ages.unfinished_s, (kind,))
            yield MetricReading(definitions.UNFINISHED_WORK, len(ages.unfinished), (kind,))

    def suspensions(self) -> Iterator[MetricReading]:
        """Yield the numbers of suspensions, so that a forgotten one can raise an alert."""
        try:
            row = self.store.read(SUSPENSION_ROW)
        except GromitError:
            return
        found = parse_suspensions(row, self.now_ms()).found
        for kind in ScopeKind:
            number = sum(s.scope.kind is kind for s in found)
            yield MetricReading(definitions.SUSPENSIONS, number, (kind,))

    def expiring(self) -> Iterator[MetricReading]:
        """Yield the numbers of environments that were warned, from the index of lifetimes."""
        try:
            entries = self.store.lives(LIVE, 0, self.now_ms() + _DAY_MS, _EXPIRING_MAX)
        except GromitError:
            return
        for number, warning in enumerate(("first", "last"), 1):
            warned = sum(entry.warned >= number for entry in entries)
            yield MetricReading(definitions.EXPIRING, warned, (warning,))

    def counts(self) -> Iterable[MetricReading]:
        """Return counts of environments, names and components, read at most once a minute."""
        with self._counting:
            now = self.now_ms()
            age_ms = None if self._counted_ms is None else now - self._counted_ms
            # A clock that was put back must not keep the counts.
            if age_ms is None or not 0 <= age_ms < COUNTED_EVERY_MS:
                try:
                    self._counts = tuple(_counts(self.store, now))
                except GromitError:
                    self._counts = ()
                self._counted_ms = now
            return self._counts


def _counts(store: EnvironmentStore, now: Millis) -> Iterator[MetricReading]:
    """Yield all counts, zeros included. Raises what the store raises."""
    found = Counter[tuple[MetricDefinition, str]]()
    for environment in _environments(store):
        if environment is None:
            found[definitions.ENVIRONMENTS, UNREADABLE] += 1
            continue
        found[definitions.ENVIRONMENTS, environment.phase(now)] += 1
        found.update((definitions.PUBLIC_NAMES, s.state) for s in environment.dns.values())
        found.update((definitions.COMPONENT_HEALTH, s.state) for s in environment.health.values())
    for definition in _COUNTS:
        (label,) = definition.labels
        for value in label.values:
            yield MetricReading(definition, found[definition, value], (value,))


def _environments(store: EnvironmentStore) -> Iterator[Environment | None]:
    """Yield all environments; None for each row that cannot be parsed."""
    after: str | None = None
    while True:
        page = store.page(after, _PAGE)
        for row in page.rows:
            try:
                yield parse_environment(row)
            except (UnreadableRow, Conflict):
                yield None
        if page.last is None:
            return
        after = page.last
