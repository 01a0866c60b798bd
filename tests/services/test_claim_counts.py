"""Calls that a claim and its outcome cost. A test fails with one call more."""

from collections import Counter

import pytest

from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Work
from gromit.core.environments.turns import DueRows
from gromit.core.stack.made import MadeStack
from gromit.services.leases import Leases, NoWorkAvailable
from gromit.services.ledger import Ledger
from tests.services.registry import CountedStore, Registry


class CountedTable(CountedStore):
    """A table that counts looks for work, too."""

    def due(self, kind: str, now_ms: int, limit: int, claim_id: str | None = None) -> DueRows:
        """Count a look for work."""
        self.calls["look"] += 1
        return super().due(kind, now_ms, limit, claim_id)


@pytest.fixture
def counted() -> tuple[Registry, Counter[str]]:
    """Return a registry with three environments that are due, and the counter of its calls."""
    store = CountedTable()
    registry = Registry(store=store)
    for name in ("a", "b", "c"):
        registry.report(ref=name)
    store.calls.clear()
    return registry, store.calls


def claim(registry: Registry, nonce: str = "n1") -> Environment | NoWorkAvailable:
    return registry.leases.claim(Work.SOW, Claimant("w1", nonce), registry.now_ms)


def test_a_claim_is_one_look_one_write_and_two_reads(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, calls = counted
    assert isinstance(claim(registry), Environment)
    assert calls == {"look": 1, "read": 2, "write": 1}  # of the row, and of what is suspended


def test_a_look_in_vain_is_one_look_and_one_read(counted: tuple[Registry, Counter[str]]) -> None:
    registry, calls = counted
    for number in range(3):
        claim(registry, f"n{number}")
    calls.clear()
    assert isinstance(claim(registry, "n4"), NoWorkAvailable)
    assert calls == {"look": 1, "read": 1}


def test_an_outcome_is_one_read_and_one_write(counted: tuple[Registry, Counter[str]]) -> None:
    registry, calls = counted
    found = claim(registry)
    assert isinstance(found, Environment)
    calls.clear()
    made = MadeStack("h", "r", (), "")
    registry.leases.sown(found.name, registry.fence(found), "n1", made, registry.stamp())
    assert calls == {"read": 1, "write": 1}


def drained(store: CountedTable, entries: int, *, workers: int, ms: int) -> Counter[str]:
    """Return the calls of workers that claim and finish everything; each run takes `ms`."""
    registry = Registry(store=store)
    for number in range(entries):
        registry.report(repository=("tyk", "tyk-pump")[number % 10 == 0], ref=f"e{number:04}")
    registry.now_ms += 1
    store.calls.clear()
    running: list[Environment] = []
    made = MadeStack("h", "r", (), "")
    given: list[str] = []
    for number in range(entries + workers):
        if len(running) == workers or number >= entries:
            done = running.pop(0)
            registry.leases.sown(done.name, registry.fence(done), "", made, registry.stamp())
        if number < entries:
            found = claim(registry, f"n{number}")
            assert isinstance(found, Environment)
            running.append(found)
            given.append(found.name)
        registry.now_ms += ms // workers
    assert len(set(given)) == entries
    few = entries // 10  # of them are of the other repository, and turns alternate meanwhile
    assert [name[-1] == "0" for name in given[: 2 * few]] == [True, False] * few
    return store.calls


@pytest.mark.parametrize(
    ("entries", "ms", "looks"), [(1000, 40, 14), (200, 400, 20), (100, 40_000, 100)]
)
def test_workers_that_drain_a_queue_make_a_look_a_second_at_most(
    entries: int, ms: int, looks: int
) -> None:
    calls = drained(CountedTable(), entries, workers=4, ms=ms)
    assert calls["look"] == looks  # of 1000, the repositories of 488 are asked for, 100 a look
    assert calls["write"] == 2 * entries


def test_a_look_follows_work_that_was_made_or_taken_meanwhile(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, calls = counted
    claim(registry, "n1")
    calls.clear()
    assert isinstance(claim(registry, "n2"), Environment)
    assert calls["look"] == 0
    registry.report(ref="d")
    calls.clear()
    assert isinstance(claim(registry, "n3"), Environment)
    assert calls["look"] == 1
    other = Leases(Ledger(registry.store, registry.announcer), registry.leases.policy, lambda: 1.0)
    found = other.claim(Work.SOW, Claimant("w2", "n4"), registry.now_ms)
    assert isinstance(found, Environment)
    calls.clear()
    assert isinstance(claim(registry, "n5"), NoWorkAvailable)
    assert calls["look"] == 1


def test_a_claim_whose_answer_was_lost_gets_its_work_again_while_an_order_is_kept(
    counted: tuple[Registry, Counter[str]],
) -> None:
    registry, _ = counted
    first = claim(registry, "n1")
    assert isinstance(first, Environment)
    again = claim(registry, "n1")
    assert isinstance(again, Environment)
    assert again.name == first.name
