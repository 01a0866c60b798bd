"""The frame of the laws: growth, goals and the page."""

import json
from pathlib import Path

import pytest

from tests.bench.law import (
    LINEAR,
    Curve,
    Extent,
    Goal,
    LawResult,
    Measured,
    Table,
    law_names,
    load_law,
)
from tests.bench.report import PAGE, page_text, write_page
from tests.bench.results import keep_result, read_results
from tests.bench.sample_row import sample_item
from tests.bench.simulated_table import Refused, SimulatedTables, item_bytes

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("power", [0, 1, 2])
def test_the_exponent_of_growth_is_found(power: int) -> None:
    points = tuple((float(size), 3.0 * size**power) for size in (10, 100, 1000))
    assert Curve("rows", "calls", points).exponent == pytest.approx(power)


@pytest.mark.parametrize("constant", [0.0, 10.0, 1_000.0])
def test_a_quadratic_is_found_also_behind_a_constant(constant: float) -> None:
    points = tuple((float(size), constant + 0.001 * size**2) for size in (100, 1_000, 10_000))
    assert not Curve("rows", "s", points, most=LINEAR).goals[0].is_reached


@pytest.mark.parametrize("constant", [0.0, 10.0, 1_000.0])
def test_what_is_in_proportion_reaches_its_goal(constant: float) -> None:
    points = tuple((float(size), constant + 0.5 * size) for size in (100, 1_000, 10_000))
    assert Curve("rows", "s", points, most=LINEAR).goals[0].is_reached


def test_a_quadratic_in_code_is_found_by_its_counts() -> None:
    def compares(size: int, *, is_sorted: bool) -> float:
        """Count the comparisons of looks into a list, and of looks at its end."""
        return float(sum(1 if is_sorted else place + 1 for place in range(size)))

    for is_sorted in (True, False):
        points = tuple((float(n), compares(n, is_sorted=is_sorted)) for n in (10, 100, 1_000))
        (goal,) = Curve("rows", "comparisons", points, most=LINEAR, is_count=True).goals
        assert goal.is_reached is is_sorted


def test_one_size_shows_no_growth() -> None:
    assert Curve("rows", "s", ((10.0, 3.0),), most=LINEAR).goals == ()


def test_a_small_run_measures_at_a_tenth_of_each_size() -> None:
    small, whole = (Extent(is_small, Path(), print) for is_small in (True, False))
    assert (small.sizes(5, 100), whole.sizes(5, 100)) == ((1, 10), (5, 100))


def test_laws_are_found_by_the_names_of_their_modules() -> None:
    assert {"accepting", "listing"} <= set(law_names())
    assert all(load_law(name).claim.endswith(".") for name in law_names())
    for name in ("nothing", "law", "../law"):
        with pytest.raises(LookupError):
            load_law(name)


def test_the_page_says_which_goals_are_reached(tmp_path: Path) -> None:
    goals = (
        Goal(what="calls", unit="calls", limit=1, measured=1, is_count=True),
        Goal(what="time", unit="ms", limit=5, measured=7.25),
    )
    curve = Curve("rows", "calls", ((10.0, 1.0), (100.0, 1.0)))
    page = tmp_path / "performance.md"
    held = ("tests/bench/test_bench.py",)
    measured = Measured(goals, curve)
    result = LawResult("nothing", "It costs nothing.", measured, held, is_small=True)
    write_page([result], page)
    text = page.read_text(encoding="utf-8")
    assert "| calls | ≤ 1 calls | 1 | yes |\n| time | ≤ 5 ms | 7.25 | no |" in text
    assert "1 of 2 goals are reached." in text
    assert "| [nothing](#nothing) | time | ≤ 5 ms | 7.25 |" in text
    assert "small run" in text
    assert "[test_bench.py](../../tests/bench/test_bench.py)" in text
    assert (tmp_path / "performance" / "nothing.svg").read_text(encoding="utf-8").count(
        "circle"
    ) == 2


def test_goals_may_be_least_values_or_only_be_shown() -> None:
    least, none = (
        Goal(what="rate", unit="/s", limit=limit, measured=150, is_least=True)
        for limit in (200, None)
    )
    assert (least.is_reached, none.is_reached) == (False, True)
    text = page_text([LawResult("x", "X.", Measured((least, none), Curve("a", "b", ((1, 1),))))])
    assert "| rate | ≥ 200 /s | 150.00 | no |\n| rate | | 150.00 /s | |" in text


def test_results_are_kept_and_read_as_they_were(tmp_path: Path) -> None:
    curves = (
        Curve("rows", "calls", ((1.0, 2.0), (3.0, 4.0)), most=LINEAR, label="x", is_count=True),
        Curve("rows", "s", ((1.0, 2.0),)),
    )
    goal = Goal(what="calls", unit="calls", limit=None, measured=1)
    table = Table("Others:", ("program", "calls"), (("x", "1"), ("y", "2")))
    measured = Measured((goal,), curves[0], curves[1:], (table,))
    kept = LawResult("some", "It is so.", measured, ("tests/x.py",), True, 0.5, 2)
    keep_result(kept, tmp_path)
    assert read_results(tmp_path) == [kept]


def test_the_page_is_made_of_the_last_results_of_laws_that_exist() -> None:
    results = read_results()
    assert {one.name for one in results} <= set(law_names())
    assert PAGE.read_text(encoding="utf-8") == page_text(results), "run: make docs"


def test_the_tests_that_hold_counts_exist() -> None:
    laws = {name: load_law(name) for name in law_names()}
    missing = [
        (name, path)
        for name, law in laws.items()
        for path in law.held_by
        if not (ROOT / path).exists()
    ]
    assert missing == []


def test_the_simulated_table_returns_each_row_once_in_pages_of_a_megabyte() -> None:
    tables = SimulatedTables()
    tables.create(sample_item(1), 1_500)
    names, more = [], dict[str, object]()
    while True:
        page = json.loads(
            tables.answer("Scan", {"TableName": "environments", "Limit": 500, **more})
        )
        names += [item["name"]["S"] for item in page["Items"]]
        assert sum(map(item_bytes, page["Items"])) <= 1 << 20
        if "LastEvaluatedKey" not in page:
            break
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert names == [f"e{number:05d}" for number in range(1_500)]


def test_the_simulated_table_says_what_it_does_not_know() -> None:
    tables = SimulatedTables()
    tables.create(sample_item(1), 1)
    key = {"TableName": "environments", "Key": {"name": {"S": "a"}}}
    for update in ("SET #x = :a - :a", "DELETE #x", "SET #x", "SET x = :a"):
        asked = {"UpdateExpression": update, "ExpressionAttributeNames": {"#x": "x"}}
        with pytest.raises(Refused):
            tables.answer("UpdateItem", {**key, **asked})
    for operation, body in (("BatchWriteItem", {}), ("GetItem", {**key, "TableName": "other"})):
        with pytest.raises(Refused):
            tables.answer(operation, body)


def test_a_law_with_counts_names_the_tests_that_hold_them() -> None:
    counting = {
        one.name
        for one in read_results()
        for goal in one.measured.all_goals
        if goal.is_count and goal.limit is not None
    }
    assert [name for name in sorted(counting) if not load_law(name).held_by] == []
