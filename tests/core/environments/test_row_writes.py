"""Writes as values: all conditions or nothing, and every value from the row as it was before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments.row_writes import (
    AllOf,
    AnyOf,
    AtMost,
    AttributeGreater,
    AttributesEqual,
    Condition,
    Equals,
    Exists,
    LessThan,
    NotEquals,
    NotExists,
    RowWrite,
    ShorterThan,
    WriteAccepted,
    WriteRefused,
    apply_write,
    evaluate,
    undo_write,
)

ROW = {"name": "e", "n": 3, "m": 3, "k": 5, "t": "x", "b": False, "l": [1, 2]}
KEY = {"name": "e"}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Exists("n"), True),
        (Exists("z"), False),
        (NotExists("z"), True),
        (NotExists("n"), False),
        (Equals("n", 3), True),
        (Equals("n", 4), False),
        (Equals("t", "x"), True),
        (Equals("b", value=False), True),
        (Equals("z", 3), False),
        (NotEquals("n", 4), True),
        (NotEquals("n", 3), False),
        (NotEquals("z", 3), False),
        (LessThan("n", 4), True),
        (LessThan("n", 3), False),
        (LessThan("z", 3), False),
        (AtMost("n", 3), True),
        (AtMost("n", 2), False),
        (AtMost("z", 3), False),
        (AttributesEqual("n", "m"), True),
        (AttributesEqual("n", "k"), False),
        (AttributesEqual("n", "z"), False),
        (AttributesEqual("z", "z"), False),
        (AttributeGreater("k", "n"), True),
        (AttributeGreater("n", "m"), False),
        (AttributeGreater("n", "k"), False),
        (AttributeGreater("n", "z"), False),
        (ShorterThan("l", 3), True),
        (ShorterThan("l", 2), False),
        (ShorterThan("z", 3), False),
        (AnyOf((NotExists("n"), Equals("n", 3))), True),
        (AnyOf((NotExists("n"), Equals("n", 4))), False),
        (AllOf((Exists("n"), Equals("n", 3))), True),
        (AllOf((Exists("n"), Equals("n", 4))), False),
        (AllOf((AnyOf((NotExists("n"), Exists("t"))), Exists("k"))), True),
    ],
)
def test_a_condition_holds_only_for_what_is_there(condition: Condition, expected: bool) -> None:
    assert evaluate(condition, ROW) is expected


def test_a_write_changes_everything_it_names_and_nothing_else() -> None:
    write = RowWrite(
        conditions=(Equals("n", 3),),
        sets={"t": "y", "new": 1},
        copies={"seen": "n", "m": "k"},
        increments={"n": 2, "count": 1},
        appends={"l": (3,), "log": ("a", "b")},
        removes=frozenset({"b", "z"}),
    )
    after = {
        "name": "e",
        "n": 5,
        "m": 5,
        "k": 5,
        "t": "y",
        "l": [1, 2, 3],
        "new": 1,
        "seen": 3,
        "count": 1,
        "log": ["a", "b"],
    }
    assert apply_write(write, ROW, KEY) == WriteAccepted(after)
    assert (ROW["n"], ROW["l"]) == (3, [1, 2])


def test_a_removed_attribute_can_still_be_copied_in_the_same_write() -> None:
    write = RowWrite(conditions=(Exists("n"),), copies={"observed": "n"}, removes=frozenset({"n"}))
    assert apply_write(write, {"name": "e", "n": 3}, KEY) == WriteAccepted(
        {"name": "e", "observed": 3}
    )


def test_a_write_to_no_row_makes_one_under_its_key() -> None:
    assert apply_write(
        RowWrite(conditions=(NotExists("name"),), sets={"x": 1}), None, KEY
    ) == WriteAccepted({"name": "e", "x": 1})


def test_one_condition_that_does_not_hold_is_enough_to_refuse() -> None:
    write = RowWrite(conditions=(Equals("n", 3), Equals("n", 4)), sets={"x": 1})
    assert apply_write(write, ROW, KEY) == WriteRefused(ROW)
    assert apply_write(write, None, KEY) == WriteRefused(None)


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 3)),
    st.sampled_from("abc"),
    st.integers(0, 3),
)
def test_a_condition_and_its_opposite_split_the_rows_that_have_the_attribute(
    row: dict[str, int], a: str, value: int
) -> None:
    assert evaluate(Equals(a, value), row) + evaluate(NotEquals(a, value), row) == (a in row)
    assert evaluate(Exists(a), row) is not evaluate(NotExists(a), row)
    assert evaluate(AtMost(a, value), row) is (
        evaluate(LessThan(a, value), row) or evaluate(Equals(a, value), row)
    )


@pytest.mark.parametrize("value", ["two", None, True, [1], {"n": 1}])
@pytest.mark.parametrize("condition", [LessThan("x", 5), AtMost("x", 5), ShorterThan("x", 0)])
def test_values_of_other_types_compare_as_neither_less_nor_greater(
    condition: Condition, value: object
) -> None:
    """So it is in DynamoDB; the emulator fails for such rows."""
    assert not evaluate(condition, {"name": "e", "x": value})


def test_a_default_counts_only_for_what_is_missing() -> None:
    write = RowWrite(
        conditions=(),
        defaults={"n": 1, "new": 2, "l": [0], "events": [1]},
        appends={"l": (3,), "events": (2,)},
    )
    outcome = apply_write(write, ROW, KEY)
    assert isinstance(outcome, WriteAccepted)
    assert outcome.row == {**ROW, "new": 2, "l": [1, 2, 3], "events": [1, 2]}
    assert outcome.before == ROW


def test_an_undone_write_leaves_the_row_as_it_was_unless_another_came_after_it() -> None:
    write = RowWrite(
        conditions=(), sets={"t": "y", "new": 1}, increments={"n": 1}, removes=frozenset({"b"})
    )
    accepted = apply_write(write, ROW, KEY)
    assert isinstance(accepted, WriteAccepted)
    undone = apply_write(undo_write(accepted, "n"), accepted.row, KEY)
    assert isinstance(undone, WriteAccepted)
    assert undone.row == ROW
    later = {**accepted.row, "n": 5}
    assert apply_write(undo_write(accepted, "n"), later, KEY) == WriteRefused(later)
