"""Announcements as read from a stream, and the work that is awaited after them."""

import pytest

from gromit.core.environments.wakes import Watcher
from gromit.web.announcements import CLAIMED, Announcement, HeardChanges, parse_announcement

SOW = Watcher.SOW


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
