"""The frame of the laws: growth, goals and the page."""

from pathlib import Path

import pytest

from tests.bench.law import Curve, Extent, Goal, LawResult, Measured, law_names, load_law
from tests.bench.report import write_page
from tests.bench.sample_row import sample_item
from tests.bench.simulated_table import SimulatedTable, item_bytes


@pytest.mark.parametrize("power", [0, 1, 2])
def test_the_exponent_of_growth_is_found(power: int) -> None:
    points = tuple((float(size), 3.0 * size**power) for size in (10, 100, 1000))
    assert Curve("rows", "calls", points).exponent == pytest.approx(power)


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
    write_page(
        [LawResult("nothing", "It costs nothing.", Measured(goals, curve))],
        is_small=True,
        page=page,
    )
    text = page.read_text(encoding="utf-8")
    assert "| calls | ≤ 1 calls | 1 | yes |\n| time | ≤ 5 ms | 7.25 | no |" in text
    assert "small run" in text
    assert (tmp_path / "performance" / "nothing.svg").read_text(encoding="utf-8").count(
        "circle"
    ) == 2


def test_the_simulated_table_returns_each_row_once_in_pages_of_a_megabyte() -> None:
    table = SimulatedTable(sample_item(1), 1_500)
    names, more = [], dict[str, object]()
    while True:
        page = table.answer("Scan", {"Limit": 500, **more})
        names += [item["name"]["S"] for item in page["Items"]]
        assert sum(map(item_bytes, page["Items"])) <= 1 << 20
        if "LastEvaluatedKey" not in page:
            break
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert names == [f"e{number:05d}" for number in range(1_500)]
    assert table.answer("GetItem", {"Key": {"name": {"S": "new-1"}}}) == {}
