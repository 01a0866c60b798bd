"""Writes as values: all conditions or nothing, and every value from the row as it was before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments.rows import (
    Absent,
    Accepted,
    AllOf,
    AnyOf,
    AtMost,
    Below,
    Condition,
    Exceeds,
    Is,
    IsNot,
    Present,
    Refused,
    Same,
    Shorter,
    Write,
    carry_out,
    holds,
)

ROW = {"name": "e", "n": 3, "m": 3, "k": 5, "t": "x", "b": False, "l": [1, 2]}
KEY = {"name": "e"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Present("n"), True),
        (Present("z"), False),
        (Absent("z"), True),
        (Absent("n"), False),
        (Is("n", 3), True),
        (Is("n", 4), False),
        (Is("t", "x"), True),
        (Is("b", value=False), True),
        (Is("z", 3), False),
        (IsNot("n", 4), True),
        (IsNot("n", 3), False),
        (IsNot("z", 3), False),
        (Below("n", 4), True),
        (Below("n", 3), False),
        (Below("z", 3), False),
        (AtMost("n", 3), True),
        (AtMost("n", 2), False),
        (AtMost("z", 3), False),
        (Same("n", "m"), True),
        (Same("n", "k"), False),
        (Same("n", "z"), False),
        (Same("z", "z"), False),
        (Exceeds("k", "n"), True),
        (Exceeds("n", "m"), False),
        (Exceeds("n", "k"), False),
        (Exceeds("n", "z"), False),
        (Shorter("l", 3), True),
        (Shorter("l", 2), False),
        (Shorter("z", 3), False),
        (AnyOf((Absent("n"), Is("n", 3))), True),
        (AnyOf((Absent("n"), Is("n", 4))), False),
        (AllOf((Present("n"), Is("n", 3))), True),
        (AllOf((Present("n"), Is("n", 4))), False),
        (AllOf((AnyOf((Absent("n"), Present("t"))), Present("k"))), True),
    ],
)
def test_a_condition_holds_only_for_what_is_there(condition: Condition, expected: bool) -> None:
    assert holds(condition, ROW) is expected


def test_a_write_changes_everything_it_names_and_nothing_else() -> None:
    write = Write(
        conditions=(Is("n", 3),),
        sets={"t": "y", "new": 1},
        copies={"seen": "n", "m": "k"},
        increments={"n": 2, "count": 1},
        appends={"l": (3,), "log": ("a", "b")},
        removes=frozenset({"b", "z"}),
    )
    after = {"name": "e", "n": 5, "m": 5, "k": 5, "t": "y", "l": [1, 2, 3], "new": 1, "seen": 3, "count": 1, "log": ["a", "b"]}
    assert carry_out(write, ROW, KEY) == Accepted(after)
    assert (ROW["n"], ROW["l"]) == (3, [1, 2])


def test_a_removed_attribute_can_still_be_copied_in_the_same_write() -> None:
    write = Write(conditions=(Present("n"),), copies={"observed": "n"}, removes=frozenset({"n"}))
    assert carry_out(write, {"name": "e", "n": 3}, KEY) == Accepted({"name": "e", "observed": 3})


def test_a_write_to_no_row_makes_one_under_its_key() -> None:
    assert carry_out(Write(conditions=(Absent("name"),), sets={"x": 1}), None, KEY) == Accepted({"name": "e", "x": 1})


def test_one_condition_that_does_not_hold_is_enough_to_refuse() -> None:
    write = Write(conditions=(Is("n", 3), Is("n", 4)), sets={"x": 1})
    assert carry_out(write, ROW, KEY) == Refused(ROW)
    assert carry_out(write, None, KEY) == Refused(None)


@given(st.dictionaries(st.sampled_from("abc"), st.integers(0, 3)), st.sampled_from("abc"), st.integers(0, 3))
def test_a_condition_and_its_opposite_split_the_rows_that_have_the_attribute(row: dict[str, int], a: str, value: int) -> None:
    assert holds(Is(a, value), row) + holds(IsNot(a, value), row) == (a in row)
    assert holds(Present(a), row) is not holds(Absent(a), row)
    assert holds(AtMost(a, value), row) is (holds(Below(a, value), row) or holds(Is(a, value), row))
