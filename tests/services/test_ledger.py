"""Writes through the ledger: histories stay bounded, and accepted changes are announced."""

import pytest

from gromit.core.environments import desired_state
from gromit.core.environments.history import HISTORY_KEPT, HISTORY_MAX
from gromit.core.environments.row_writes import NotExists, RowWrite, WriteAccepted, WriteRefused
from gromit.errors import Temporary
from gromit.services.ledger import ATTEMPTS, Ledger
from tests.core.environments.lives import NAME, born, build, stamp
from tests.fakes.announcer import FakeAnnouncer
from tests.services.registry import MeddledStore, Registry

MAKE = RowWrite(conditions=(NotExists("name"),), sets={"x": 1})


def test_an_accepted_write_is_announced_and_a_refused_one_is_not() -> None:
    store, announcer = MeddledStore(), FakeAnnouncer()
    ledger = Ledger(store, announcer)
    assert ledger.write("a", MAKE, "created") == WriteAccepted({"name": "a", "x": 1})
    assert ledger.write("a", MAKE, "created") == WriteRefused({"name": "a", "x": 1})
    assert announcer.heard == [("a", "created")]
    assert ledger.read("a") == {"name": "a", "x": 1}


def with_a_full_history(store: MeddledStore) -> None:
    store.put(
        {
            **born(),
            "events": [
                {"at": i, "actor": "a", "kind": "k", "text": str(i)} for i in range(HISTORY_MAX)
            ],
        }
    )


def test_a_full_history_is_cut_and_the_write_carried_out() -> None:
    store, announcer = MeddledStore(), FakeAnnouncer()
    with_a_full_history(store)
    outcome = Ledger(store, announcer).write(
        NAME, desired_state.report(build(version="sha-2"), stamp()), "build"
    )
    assert isinstance(outcome, WriteAccepted)
    events = outcome.row["events"]
    assert (len(events), events[0]["text"], events[-1]["kind"]) == (
        HISTORY_KEPT + 1,
        str(HISTORY_MAX - HISTORY_KEPT),
        "build",
    )
    assert announcer.heard == [(NAME, "build")]
    assert store.writes == 3


def test_a_write_that_is_refused_for_another_reason_stays_refused_when_the_history_is_full() -> (
    None
):
    store, announcer = MeddledStore(), FakeAnnouncer()
    with_a_full_history(store)
    outcome = Ledger(store, announcer).write(NAME, desired_state.report(build(), stamp()), "build")
    assert isinstance(outcome, WriteRefused)
    assert announcer.heard == []


def test_a_history_that_others_fill_again_and_again_is_a_passing_trouble() -> None:
    store = MeddledStore()
    with_a_full_history(store)
    store.meddling = [lambda: with_a_full_history(store)] * (2 * ATTEMPTS)
    with pytest.raises(Temporary, match=f"{NAME} is being changed"):
        Ledger(store, FakeAnnouncer()).write(
            NAME, desired_state.report(build(version="sha-2"), stamp()), "build"
        )


def test_no_history_grows_beyond_its_bound_however_much_happens() -> None:
    registry = Registry()
    for i in range(5 * HISTORY_MAX):
        registry.report(version=f"sha-{i}")
        assert len(registry.environments.inspect("app-test").events) <= HISTORY_MAX
    events = registry.environments.inspect("app-test").events
    assert events[-1].text == f"tyk reported sha-{5 * HISTORY_MAX - 1} of app-test"
    assert len(events) >= HISTORY_KEPT
