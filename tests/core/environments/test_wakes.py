"""Announcements wake those that a change makes work for, and all others sleep on."""

from typing import Any

import pytest
from hypothesis import given

from gromit.core.environments import desired_state, parking, protection, work
from gromit.core.environments.claims import Claimant
from gromit.core.environments.phases import Work
from gromit.core.environments.row_writes import Row, RowWrite, evaluate
from gromit.core.environments.wakes import Watcher, concerned_watchers
from gromit.core.stack.made import MadeStack
from tests.core.environments.lives import (
    BORN,
    TTL,
    after,
    announced_changes,
    born,
    build,
    claim,
    deleted,
    failed,
    fence_of,
    observed,
    sown,
    stamp,
)

SOW, REAP, CHITRAGUPTA = Watcher.SOW, Watcher.REAP, Watcher.CHITRAGUPTA
READY = sown(claim(born()))
RUNNING = claim(born())
NEWER = desired_state.report(build(version="sha-2"), stamp(BORN + 1))


def superseded(row: Row) -> RowWrite:
    return work.sown_superseded(fence_of(row), "n1", MadeStack("h1"), stamp())


@pytest.mark.parametrize(
    ("before", "now", "woken"),
    [
        pytest.param(None, born(), {SOW, CHITRAGUPTA}, id="created"),
        pytest.param(READY, after(READY, NEWER), {SOW}, id="build"),
        pytest.param(RUNNING, after(RUNNING, NEWER), set(), id="build during a run"),
        pytest.param(born(), claim(born()), set(), id="claimed"),
        pytest.param(RUNNING, sown(RUNNING), {CHITRAGUPTA}, id="sown"),
        pytest.param(
            after(RUNNING, NEWER),
            after(after(RUNNING, NEWER), superseded(RUNNING)),
            {SOW, CHITRAGUPTA},
            id="sown, superseded",
        ),
        pytest.param(RUNNING, failed(RUNNING), {SOW, CHITRAGUPTA}, id="failed"),
        pytest.param(
            RUNNING, after(RUNNING, work.release(fence_of(RUNNING))), {SOW}, id="released"
        ),
        pytest.param(READY, deleted(READY), {REAP, CHITRAGUPTA}, id="deleted"),
        pytest.param(READY, observed(READY, tyk="no task runs"), {SOW}, id="degraded"),
        pytest.param(READY, after(READY, parking.park(stamp())), {SOW, CHITRAGUPTA}, id="parked"),
        pytest.param(
            READY,
            after(READY, protection.protect(protected=True, stamp=stamp())),
            set(),
            id="protected",
        ),
        pytest.param(
            READY, after(READY, desired_state.record_sequence(build(sequence=9))), set(), id="order"
        ),
    ],
)
def test_a_change_wakes_those_that_it_makes_work_for(
    before: Row | None, now: Row, woken: set[Watcher]
) -> None:
    assert concerned_watchers(before, now) == woken


def _is_claimable(kind: Work, row: Row, at_ms: int) -> bool:
    conditions = work.claim(kind, Claimant("w", "another"), at_ms, TTL).conditions
    return all(evaluate(condition, row) for condition in conditions)


@given(announced_changes())
def test_work_that_becomes_claimable_wakes_its_worker(
    change: tuple[dict[str, Any], dict[str, Any], int],
) -> None:
    before, now, at_ms = change
    woken = concerned_watchers(before, now)
    for kind in Work:
        for instant in {at_ms, max(at_ms, now.get("due", at_ms))}:
            if _is_claimable(kind, now, instant) and not _is_claimable(kind, before, instant):
                assert Watcher(kind) in woken


@given(announced_changes())
def test_a_change_of_what_should_run_wakes_chitragupta(
    change: tuple[dict[str, Any], dict[str, Any], int],
) -> None:
    before, now, _ = change
    shown = [(r["want"], r.get("parked"), "gone_at" in r, r.get("made")) for r in (before, now)]
    if shown[0] != shown[1]:
        assert CHITRAGUPTA in concerned_watchers(before, now)


def test_a_damaged_row_wakes_no_worker() -> None:
    for damage in ({"work": "weed"}, {"due": "soon"}, {"due": True}):
        assert concerned_watchers(READY, {**READY, "work": "sow", "due": 5, **damage}) == set()
