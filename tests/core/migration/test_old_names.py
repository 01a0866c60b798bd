"""Records and states under names of gromit v1 that no environment can have."""

from collections.abc import Mapping
from typing import Any

import pytest

from gromit.core.dns.plan import RecordSet
from gromit.core.migration.old_names import (
    NewNames,
    OldRecord,
    OldState,
    find_new_names,
    plan_old_records,
    plan_old_states,
)
from gromit.core.migration.rows import Decision, MigrationFacts, RowStep, plan_row
from gromit.core.migration.steps import SkippedItem
from gromit.core.names import environment_name, reaping_name
from tests.core.migration.test_rows import CATALOGUE, TERMS

DOMAIN = "dev.example.com"
OLD = "TT-1234_fix"
NEW = environment_name(OLD)
RECORD = f"tyk.{OLD.lower()}.{DOMAIN}"


def a(name: str, **more: Any) -> RecordSet:
    return RecordSet(f"{name}.{DOMAIN}", "A", 60, frozenset({"9.9.9.9"}), **more)


def step(name: str, **facts: Any) -> RowStep:
    """Return the step of a flat row."""
    planned = plan_row(
        {"name": name, "state": "processed"}, MigrationFacts(protected=False, **facts), TERMS
    )
    assert planned is not None
    return planned


def row(name: str = NEW, want: str = "up", observed: int = 0) -> Mapping[str, Any]:
    """Return a row of gromit."""
    return {"name": name, "generation": 1, "want": want, "observed": observed}


def records(names: NewNames, *found: RecordSet) -> dict[str, bool]:
    """Return the records of old names, and whether each is removed."""
    steps = plan_old_records(names, found or (a(f"tyk.{OLD.lower()}"),), CATALOGUE, DOMAIN)
    return {
        s.record.name if isinstance(s, OldRecord) else s.name: isinstance(s, OldRecord)
        for s in steps
    }


def states(names: NewNames, *found: str) -> dict[str, bool]:
    """Return the states of old names, and whether each is set aside."""
    return {s.name: isinstance(s, OldState) for s in plan_old_states(names, found or (OLD,))}


REAPED = {"decision": Decision.REAP}


@pytest.mark.parametrize(
    ("rows", "steps", "is_replaced"),
    [
        ((), (step(OLD),), False),
        ((), (step(OLD, **REAPED),), True),
        ((row(),), (), False),
        ((row(observed=1),), (), True),
        ((row(want="gone"),), (), True),
        ((row(observed=1),), (step(OLD, is_taken=True, **REAPED),), True),
    ],
    ids=["adopted", "reaped", "not yet", "created", "destroyed", "second of two"],
)
def test_what_is_old_stays_until_gromit_has_replaced_it(
    rows: tuple[Mapping[str, Any], ...], steps: tuple[RowStep, ...], *, is_replaced: bool
) -> None:
    names = find_new_names(rows, steps)
    assert records(names) == {RECORD: is_replaced}
    assert states(names) == {OLD: is_replaced}


def test_it_says_what_the_name_has_become_and_what_removes_the_rest() -> None:
    waits = find_new_names((row(),), ())
    (record,) = plan_old_records(waits, (a(f"tyk.{OLD.lower()}"),), CATALOGUE, DOMAIN)
    (state,) = plan_old_states(waits, (OLD,))
    assert record == SkippedItem(
        RECORD,
        f"answers until sow has created {NEW}; then `gromit migrate --apply` removes it",
    )
    assert state == SkippedItem(
        OLD,
        f"is the way back until sow has created {NEW}; then `gromit migrate --apply` sets it aside",
    )
    done = find_new_names((row(observed=1),), ())
    assert plan_old_states(done, (OLD,)) == [OldState(OLD, f"nothing uses it: {OLD} is {NEW}")]


def test_rows_that_are_left_alone_keep_their_records_and_states() -> None:
    names = find_new_names((row(observed=1),), (step(OLD, is_taken=True),))
    assert (records(names), states(names)) == ({RECORD: False}, {})
    (record,) = plan_old_records(names, (a(f"tyk.{OLD.lower()}"),), CATALOGUE, DOMAIN)
    assert record.why == f"the row {OLD}, which is left alone, may have this record as well"
    alone = find_new_names((), (step(OLD, is_taken=True),))
    assert (records(alone), states(alone)) == ({}, {})


def test_a_record_stays_while_the_first_of_two_names_answers_at_it() -> None:
    names = find_new_names((row(),), (step(OLD, is_taken=True, **REAPED),))
    assert records(names) == {RECORD: False}


@pytest.mark.parametrize("second", ["adopted", "left alone"])
def test_a_record_that_two_names_share_stays_while_one_of_them_answers(second: str) -> None:
    """Names in DNS have no case, but the states of both are two."""
    shared = step("tt-1234_fix", is_taken=second == "left alone")
    names = find_new_names((), (step(OLD, is_taken=True, **REAPED), shared))
    assert True not in records(names).values()
    assert states(names)[OLD]


def test_the_second_of_two_names_is_destroyed_without_touching_the_first() -> None:
    """`App-Test` has the record of `app-test`, and a state of its own."""
    names = find_new_names((row("app-test"),), (step("App-Test", is_taken=True, **REAPED),))
    assert records(names, a("tyk.app-test")) == {}
    assert states(names, "App-Test") == {"App-Test": True}
    later = find_new_names((row("app-test"), row(reaping_name("App-Test"), want="gone")), ())
    assert states(later, "App-Test") == {"App-Test": False}, "it may be of the first as well"


@pytest.mark.parametrize(
    "other",
    [
        a(f"grafana.{OLD.lower()}"),
        a(f"pump.{OLD.lower()}"),
        a(f"tyk.{OLD.lower()}", routing="alias"),
        RecordSet(RECORD, "AAAA", 60, frozenset({"::1"})),
        RecordSet(RECORD, "CNAME", 60, frozenset({"elsewhere.example.com"})),
        RecordSet(f"tyk.{OLD.lower()}.example.org", "A", 60, frozenset({"9.9.9.9"})),
        a(f"tyk.x.{NEW}"),
        a("tyk.other_name"),
        a(f"tyk.{NEW}"),
        a("tyk"),
    ],
    ids=lambda record: f"{record.type} {record.name} {record.routing}",
)
def test_what_may_belong_to_others_is_not_listed(other: RecordSet) -> None:
    assert records(find_new_names((row(observed=1), row(f"x{NEW}", observed=1)), ()), other) == {}


def test_a_name_with_a_dot_is_an_old_one_only_if_its_row_says_so() -> None:
    name, record = "release-3.1", a("tyk.release-3.1")
    assert records(find_new_names((), (step(name, **REAPED),)), record) == {record.name: True}
    assert records(find_new_names((row("release-31", observed=1),), ()), record) == {}
    assert states(find_new_names((row("release-31", observed=1),), ()), name) == {name: True}
