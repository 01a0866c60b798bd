"""Queries of a serve that has no requests. A test fails with one query more."""

from collections import Counter
from collections.abc import Mapping

from gromit.core.environments.phases import Work
from gromit.core.environments.turns import DueRows
from gromit.core.time import Millis
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


def test_the_lines_that_alarms_rest_on_are_one_query_for_each_kind_of_work() -> None:
    store = CountedStore()
    Metrics(store, lambda: Millis(0)).log_ages()
    assert store.queries == {"unfinished": len(Work)}
