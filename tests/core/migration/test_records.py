"""Plans of `gromit migrate` for public records of gromit v1."""

from collections.abc import Mapping
from typing import Any

import pytest

from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import RecordSet, owner_record
from gromit.core.migration.records import RecordMigration, plan_records
from gromit.core.migration.steps import SkippedItem
from tests.core.migration.test_rows import CATALOGUE

DOMAIN = "dev.example.com"
NAMES = NameOwner(DOMAIN)


def a(name: str, *values: str, **more: Any) -> RecordSet:
    return RecordSet(f"{name}.{DOMAIN}", "A", 60, frozenset(values or {"9.9.9.9"}), **more)


def planned(
    *records: RecordSet, rows: Mapping[str, bool] | None = None
) -> list[RecordMigration | SkippedItem]:
    return plan_records(
        {"app": True, "old": False} if rows is None else rows, records, CATALOGUE, NAMES
    )


def test_the_records_of_an_environment_with_a_row_become_ours_by_one_record() -> None:
    assert planned(a("tyk.app"), a("dash.app", "1.1.1.1", "2.2.2.2")) == [
        RecordMigration(owner_record("app", DOMAIN), "takes over dash, tyk")
    ]


def test_those_of_a_deleted_environment_do_too_so_that_reap_can_remove_them() -> None:
    assert planned(a("tyk.old")) == [RecordMigration(owner_record("old", DOMAIN), "takes over tyk")]


def test_what_is_ours_already_needs_nothing() -> None:
    assert planned(a("tyk.app"), owner_record("app", DOMAIN)) == []


def test_the_name_of_the_installation_is_in_what_it_takes_over() -> None:
    found = plan_records({"app": True}, [a("tyk.app")], CATALOGUE, NameOwner(DOMAIN, "team-a"))
    assert found == [
        RecordMigration(owner_record("app", DOMAIN, "team-a"), "takes over tyk"),
    ]


def test_records_that_our_mark_lists_as_foreign_are_taken_over() -> None:
    mark = owner_record("app", DOMAIN, "", ["tyk", "hand"])
    assert planned(a("tyk.app"), a("dash.app"), a("hand.app"), mark) == [
        RecordMigration(owner_record("app", DOMAIN, "", ["hand"]), "takes over tyk", is_new=False)
    ]
    assert planned(a("tyk.app"), mark, rows={}) == []


def test_records_that_another_installation_lists_as_foreign_are_not() -> None:
    assert planned(a("tyk.app"), owner_record("app", DOMAIN, "team-b", ["tyk"])) == []


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (a("tyk.unknown"), "that environment has no row"),
    ],
)
def test_records_without_a_row_are_left_alone(record: RecordSet, why: str) -> None:
    assert planned(record) == [SkippedItem(record.name, why)]


@pytest.mark.parametrize(
    "other",
    [
        a("grafana.app"),
        a("pump.app"),
        a("dash.app", routing="alias"),
        RecordSet(f"dash.app.{DOMAIN}", "CNAME", 60, frozenset({"elsewhere.example.com"})),
        RecordSet(f"tyk.app.{DOMAIN}", "AAAA", 60, frozenset({"::1"})),
    ],
)
def test_an_environment_with_records_that_may_belong_to_someone_else_is_left_alone(
    other: RecordSet,
) -> None:
    step = planned(a("tyk.app"), other)
    assert step == [
        SkippedItem(
            f"tyk.app.{DOMAIN}",
            f"there is also {other.type} {other.name}, which may belong to someone else",
        )
    ]


def test_names_that_are_none_of_an_environments_components_are_not_looked_at() -> None:
    apex = RecordSet(DOMAIN, "SOA", 900, frozenset({"ns. hostmaster. 1 2 3 4 5"}))
    www = RecordSet(f"www.{DOMAIN}", "CNAME", 60, frozenset({"elsewhere.example.com"}))
    deep = a("a.tyk.app")
    foreign = RecordSet("tyk.app.example.org", "A", 60, frozenset({"9.9.9.9"}))
    assert planned(apex, www, deep, foreign, a("grafana.app")) == []
