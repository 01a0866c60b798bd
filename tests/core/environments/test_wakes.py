"""Announcements wake those that a change makes work for, and all others sleep on."""

from typing import Any

import pytest
from hypothesis import given

from gromit.core.environments import desired_state, parking, protection, work
from gromit.core.environments.claims import Claimant
from gromit.core.environments.phases import Work
from gromit.core.environments.row_writes import Row, RowWrite, evaluate
from gromit.core.environments.wakes import (
    CLAIMED,
    Announcement,
    HeardChanges,
    Watcher,
    concerned_watchers,
    parse_announcement,
)
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"name": "a", "kind": "build", "wakes": ["sow"], "more": 1}',
            Announcement("a", "build", frozenset({"sow"})),
        ),
        ('{"name": "a", "kind": "build", "wakes": []}', Announcement("a", "build", frozenset())),
        ('{"name": "a", "kind": "build"}', Announcement("a", "build")),
        ("{}", None),
        ("[]", None),
        ("no JSON", None),
        ('{"name": "a", "kind": "build", "wakes": 1}', None),
    ],
)
def test_announcements_are_read_from_the_stream(text: str, expected: Announcement | None) -> None:
    assert parse_announcement(text) == expected


def test_an_announcement_that_names_no_watcher_wakes_all() -> None:
    assert all(Announcement("a", "build").makes_work_for(watcher) for watcher in Watcher)
    assert not Announcement("a", "claimed", frozenset()).makes_work_for(SOW)


@pytest.mark.parametrize(
    ("change", "is_about"),
    [
        (Announcement("a", "claimed", frozenset()), True),
        (Announcement("b", "build"), False),
        (Announcement("*", "suspended"), True),
        (Announcement("tyk", "resumed"), True),
        (Announcement("*", "missed"), True),
    ],
)
def test_who_follows_one_environment_hears_of_it_and_of_suspensions(
    change: Announcement,
    is_about: bool,
) -> None:
    assert change.is_about({"a"}) is is_about


# ── work that is awaited ──────────────────────────────────────────────────────────────────────────

BUILD, TAKEN = (
    Announcement("a", "build", frozenset({"sow"})),
    Announcement("a", CLAIMED, frozenset()),
)


@pytest.fixture
def heard() -> HeardChanges:
    return HeardChanges(lambda change: change.makes_work_for(SOW))


def test_announced_work_is_awaited_until_it_is_claimed(heard: HeardChanges) -> None:
    assert not heard.is_awaited()
    assert heard.hear(BUILD)
    heard.end_wait()
    assert heard.is_awaited()
    assert not heard.hear(Announcement("b", CLAIMED, frozenset()))
    assert heard.is_awaited()
    assert not heard.hear(TAKEN)
    assert not heard.is_awaited()


def test_what_is_claimed_before_the_wait_ends_is_not_awaited(heard: HeardChanges) -> None:
    heard.hear(BUILD)
    heard.hear(TAKEN)
    heard.end_wait()
    assert not heard.is_awaited()


def test_forgetting_spares_what_has_ended_no_wait_yet(heard: HeardChanges) -> None:
    heard.hear(Announcement("old", "build", frozenset({"sow"})))
    heard.end_wait()
    heard.hear(BUILD)
    heard.forget()
    assert heard.is_awaited()
    heard.end_wait()
    heard.forget()
    assert not heard.is_awaited()


def test_what_may_have_changed_unheard_is_awaited_whatever_is_claimed(heard: HeardChanges) -> None:
    assert heard.hear(None)
    heard.end_wait()
    heard.hear(TAKEN)
    assert heard.is_awaited()


def test_a_claim_that_wakes_everything_is_awaited_like_any_other_change() -> None:
    """A serve of an earlier release names no watcher."""
    heard = HeardChanges(lambda change: change.makes_work_for(SOW))
    heard.hear(Announcement("a", "build"))
    assert heard.hear(Announcement("a", CLAIMED))
    heard.end_wait()
    assert heard.is_awaited()
