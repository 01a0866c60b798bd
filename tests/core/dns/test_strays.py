"""Address records that people made below the names of environments."""

from collections.abc import Mapping, Sequence

import pytest

from gromit.core.dns.plan import RecordSet, ZoneChanges, owner_record, plan
from gromit.core.dns.strays import STRAY, RecordForm, report_strays, without_strays
from tests.core.dns.test_plan import DOMAIN, NAMES, OWNER, TYK, UP, a, apply, done

FORM = RecordForm(DOMAIN, frozenset({"tyk", "tyk-analytics"}), 10)
HAND = a(f"hand.app-test.{DOMAIN}", "9.9.9.9", ttl=300)


def planned(
    desired: Sequence[RecordSet], actual: Sequence[RecordSet], wanted: Mapping[str, bool]
) -> ZoneChanges:
    changes = plan(desired, without_strays(actual, FORM), NAMES, wanted)
    return report_strays(changes, actual, FORM)


@pytest.mark.parametrize("wanted", [UP, {"app-test": False}, {}])
def test_a_name_that_no_component_has_is_left_alone_and_reported(
    wanted: Mapping[str, bool],
) -> None:
    actual = [OWNER, a(TYK, "1.1.1.1"), HAND]
    changes = planned([], actual, wanted)
    assert changes.left_alone == ((HAND, STRAY),)
    assert apply(changes, actual) == (HAND,)
    assert not planned([], [HAND], wanted)


def test_names_are_published_beside_one_that_no_component_has() -> None:
    after = apply(planned([a(TYK, "1.1.1.1")], [HAND], UP), [HAND])
    assert set(after) == {OWNER, a(TYK, "1.1.1.1"), HAND}
    assert not planned([a(TYK, "1.1.1.1")], after, UP)


def test_a_component_that_left_the_catalogue_leaves_no_name() -> None:
    left = a(f"tyk-sink.app-test.{DOMAIN}", "1.1.1.1")
    changes = planned([], [OWNER, left], UP)
    assert done(changes) == {"deletes": [left.name, OWNER.name]}


def test_a_name_of_a_component_is_ours_with_any_ttl() -> None:
    aged = a(TYK, "1.1.1.1", ttl=300)
    changes = planned([], [OWNER, aged], UP)
    assert done(changes) == {"deletes": [TYK, OWNER.name]}


@pytest.mark.parametrize(
    "record",
    [
        RecordSet(HAND.name, "CNAME", 300, frozenset({"x.example.com"})),
        a(HAND.name, "9.9.9.9", ttl=300, routing="weighted"),
        a(f"www.{DOMAIN}", "9.9.9.9", ttl=300),
        owner_record("app-test", DOMAIN),
    ],
    ids=lambda record: f"{record.type} {record.name}",
)
def test_records_of_other_kinds_and_places_are_judged_by_the_plan(record: RecordSet) -> None:
    assert without_strays([record], FORM) == (record,)
