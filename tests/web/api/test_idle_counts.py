"""Queries of a serve that has no requests. A test fails with one query more."""

from collections import Counter
from collections.abc import Mapping

import pytest

from gromit.core.environments.phases import Work
from gromit.core.environments.turns import DueRows
from gromit.core.time import Millis
from gromit.web.api.age_lines import LOOK_MS, AgeLines
from gromit.web.api.metrics import Metrics
from tests.fakes.store import MemoryStore


class CountedStore(MemoryStore):
    """A table that counts the queries of work."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = Counter[str]()

    def due(self, kind: str, now_ms: int, limit: int, claim_id: str | None = None) -> DueRows:
        """Count a query."""
        self.queries["due"] += 1
        return super().due(kind, now_ms, limit, claim_id)

    def unfinished(self, kind: str) -> Mapping[str, int]:
        """Count a query."""
        self.queries["unfinished"] += 1
        return super().unfinished(kind)


class Minutes:
    """A clock of minutes that are never quite a minute long."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> Millis:
        """Return the time."""
        return Millis(self.number * LOOK_MS + (self.number * 7919) % 1000)


def _queries(ages_ms: int, minutes: int) -> Counter[str]:
    store, clock = CountedStore(), Minutes()
    ages = AgeLines(Metrics(store, clock).log_ages, clock, ages_ms)
    for number in range(minutes):
        clock.number = number
        ages.look()
    return store.queries


@pytest.mark.parametrize(("ages_ms", "looks"), [(LOOK_MS, 60), (5 * LOOK_MS, 12), (0, 0)])
def test_an_idle_hour_has_the_queries_that_the_setting_asks_for(ages_ms: int, looks: int) -> None:
    assert _queries(ages_ms, 60) == Counter({"unfinished": looks * len(Work)} if looks else {})


def test_a_clock_that_was_set_back_keeps_no_line_back() -> None:
    store, clock = CountedStore(), Minutes()
    ages = AgeLines(Metrics(store, clock).log_ages, clock, LOOK_MS)
    for clock.number in (1_000, 1):
        ages.look()
    assert store.queries == {"unfinished": 2 * len(Work)}


def test_the_lines_that_alarms_rest_on_are_one_query_for_each_kind_of_work() -> None:
    store = CountedStore()
    Metrics(store, lambda: Millis(0)).log_ages()
    assert store.queries == {"unfinished": len(Work)}
