"""Calls that a claim and its outcome cost. A test fails with one call more."""

from collections import Counter

import pytest

from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Work
from gromit.core.environments.turns import DueRows
from gromit.core.stack.made import MadeStack
from gromit.services.leases import NoWorkAvailable
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
