"""Suspensions: what the reserved row says, and what that stops."""

from typing import Any

import pytest

from gromit.core.environments.row_writes import WriteAccepted, apply_write
from gromit.core.environments.suspensions import (
    EVERYTHING,
    FILE_REPORT_AGAIN_MS,
    FILE_REPORT_MS,
    NOTHING_SUSPENDED,
    SUSPENSION_ROW,
    ActiveSuspension,
    FileReport,
    ScopeKind,
    SuspensionScope,
    parse_suspensions,
    report_file,
    resume,
    suspend,
)
from gromit.core.names import is_environment_name

NOW = 1_000_000
APP = SuspensionScope(ScopeKind.ENVIRONMENT, "app")
TYK = SuspensionScope(ScopeKind.REPOSITORY, "tyk")


def new(scope: SuspensionScope = EVERYTHING, until_ms: int | None = None) -> ActiveSuspension:
    return ActiveSuspension(
        scope=scope, reason="mongo moves", by="operator:alice", since="T", until_ms=until_ms
    )


def row(*suspensions: ActiveSuspension) -> dict[str, Any]:
    """Return the reserved row with these suspensions."""
    found: dict[str, Any] | None = None
    for suspension in suspensions:
        outcome = apply_write(suspend(found, suspension, NOW), found, {"name": SUSPENSION_ROW})
        assert isinstance(outcome, WriteAccepted)
        found = dict(outcome.row)
    assert found is not None
    return found


def test_no_environment_can_have_the_name_of_the_row() -> None:
    assert not is_environment_name(SUSPENSION_ROW)


@pytest.mark.parametrize("scope", [EVERYTHING, APP, TYK])
@pytest.mark.parametrize("until_ms", [None, NOW + 1])
def test_a_suspension_is_read_as_it_was_written(
    scope: SuspensionScope, until_ms: int | None
) -> None:
    assert parse_suspensions(row(new(scope, until_ms)), NOW).found == (new(scope, until_ms),)


def test_it_ends_by_itself_at_its_instant_and_is_removed_with_the_next_change() -> None:
    kept = row(new(until_ms=NOW + 5))
    assert parse_suspensions(kept, NOW + 4).of_everything
    assert parse_suspensions(kept, NOW + 5) == NOTHING_SUSPENDED
    outcome = apply_write(suspend(kept, new(APP), NOW + 5), kept, {"name": SUSPENSION_ROW})
    assert sorted(outcome.row or {}) == ["environment:app", "name", "revision"]


@pytest.mark.parametrize(
    ("scope", "stopped"),
    [
        (EVERYTHING, ["app", "other", "third"]),
        (APP, ["app"]),
        (TYK, ["app", "other"]),
        (SuspensionScope(ScopeKind.REPOSITORY, "tyk-pump"), []),
    ],
)
def test_a_scope_stops_exactly_what_it_names(scope: SuspensionScope, stopped: list[str]) -> None:
    found = parse_suspensions(row(new(scope)), NOW)
    reported = {"app": {"tyk"}, "other": {"tyk", "tyk-sink"}, "third": set[str]()}
    assert [name for name, having in reported.items() if found.that_stops(name, having)] == stopped


def test_the_widest_suspension_is_named_first() -> None:
    found = parse_suspensions(row(new(TYK), new(APP), new()), NOW)
    for scope in (EVERYTHING, APP, TYK):
        stops = found.that_stops("app", {"tyk"})
        assert stops
        assert stops.scope == scope
        found = type(found)(tuple(s for s in found.found if s.scope != scope))


@pytest.mark.parametrize(
    "damage",
    [
        {"all": "yes"},
        {"all": None},
        {"all": {"reason": "x"}},
        {"all": {"reason": 1, "by": "x", "begun": "x"}},
        {"all": {"reason": "x", "by": "x", "begun": "x", "until": "tomorrow"}},
        {"cluster:a": {"reason": "x", "by": "x", "begun": "x"}},
        {"file": 7},
    ],
)
def test_what_cannot_be_read_counts_as_a_suspension_of_everything(damage: dict[str, Any]) -> None:
    found = parse_suspensions({"name": SUSPENSION_ROW, "revision": 1, **damage}, NOW)
    assert found.of_everything
    assert "cannot be read: remove it in the table" in found.of_everything.reason


def test_a_damaged_entry_of_one_environment_stops_only_that() -> None:
    found = parse_suspensions({"name": SUSPENSION_ROW, "environment:app": 1}, NOW)
    assert (found.of_everything, bool(found.that_stops("app", ()))) == (None, True)
    assert found.that_stops("other", ()) is None


@pytest.mark.parametrize(
    ("scope", "text", "hint"),
    [
        (EVERYTHING, "processing is suspended by operator:alice since T: mongo moves", ""),
        (APP, "environment app is suspended by operator:alice since T: mongo moves", " --env app"),
        (
            TYK,
            "repository tyk is suspended by operator:alice since T: mongo moves",
            " --repository tyk",
        ),
    ],
)
def test_the_refusal_says_who_since_when_why_and_how_to_continue(
    scope: SuspensionScope, text: str, hint: str
) -> None:
    error = new(scope).error()
    assert (error.message, error.hint) == (text, f"run `gromit resume{hint}` to continue")


def test_resuming_removes_only_its_scope() -> None:
    kept = row(new(), new(APP), new(TYK))
    outcome = apply_write(resume(kept, APP, NOW), kept, {"name": SUSPENSION_ROW})
    assert {s.scope for s in parse_suspensions(outcome.row, NOW).found} == {EVERYTHING, TYK}


def test_of_two_changes_at_once_only_one_is_accepted() -> None:
    first = suspend(None, new(), NOW)
    kept = apply_write(first, None, {"name": SUSPENSION_ROW}).row
    assert not isinstance(apply_write(first, kept, {"name": SUSPENSION_ROW}), WriteAccepted)


def test_a_report_of_the_file_is_shown_for_a_while_and_stops_nothing_at_serve() -> None:
    report = FileReport("mongo\nmoves", "alice@bastion", "T")
    write = report_file(None, report, NOW)
    assert write
    kept = apply_write(write, None, {"name": SUSPENSION_ROW}).row
    found = parse_suspensions(kept, NOW + FILE_REPORT_MS - 1)
    assert (found.of_everything, found.that_stops("app", ())) == (None, None)
    shown = found.shown_for("app", ())
    assert str(shown) == "suspended by alice@bastion since T: mongo moves"
    assert parse_suspensions(kept, NOW + FILE_REPORT_MS) == NOTHING_SUSPENDED
    assert report_file(kept, report, NOW + FILE_REPORT_AGAIN_MS - 1) is None
    assert report_file(kept, report, NOW + FILE_REPORT_AGAIN_MS) is not None
    assert report_file(kept, FileReport("other", "", ""), NOW) is not None
