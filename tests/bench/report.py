"""The page of all laws, and one drawing for each."""

from collections.abc import Sequence
from pathlib import Path

from tests.bench.drawing import drawing
from tests.bench.law import Goal, LawResult, Table
from tests.bench.results import read_results

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "performance.md"
REPOSITORY = "../.."
"""Path from the page to the root of the repository."""

_HEAD = """# Performance

`make bench` measures these laws and writes this page; `LAWS="listing accepting"` chooses.
Calls are exact on any machine, and the tests that each law names hold them as well.
Times are of single processes before simulated parts of AWS that cost nothing themselves.
The exponent of growth says how a cost grows with the size: 0 is flat, 1 is in proportion.
"""
_SMALL = (
    "This is from a small run: its sizes are a tenth, and its times say little."
    " The machine had {cores} cores and a load of {load:.1f} before it.\n"
)
_WHOLE = "The machine had {cores} cores and a load of {load:.1f} before the run.\n"


def write_page(results: Sequence[LawResult] | None = None, page: Path = PAGE) -> list[Path]:
    """Write the page, and the drawings into the folder of its name; return what has changed.

    Without results those of the last runs are taken.
    """
    shown = read_results() if results is None else results
    drawings = page.with_suffix("")
    drawings.mkdir(exist_ok=True)
    texts = {drawings / f"{one.name}.svg": drawing(one.measured.curves) for one in shown}
    texts[page] = page_text(shown)
    changed = [path for path, text in texts.items() if _read(path) != text]
    for path in changed:
        path.write_text(texts[path], encoding="utf-8")
    return changed


def page_text(results: Sequence[LawResult]) -> str:
    """Return the text of the page."""
    return "\n".join([_HEAD, _summary(results), *map(_section, results)])


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _summary(results: Sequence[LawResult]) -> str:
    goals = [goal for one in results for goal in one.measured.all_goals if goal.limit is not None]
    missed = [
        f"| {_link(one)} | {goal.what} | {_limit(goal)} | {_figure(goal)} |"
        for one in results
        for goal in one.measured.all_goals
        if not goal.is_reached
    ]
    text = f"{len(goals) - len(missed)} of {len(goals)} goals are reached."
    if not missed:
        return f"{text}\n"
    head = "| law | figure | goal | measured |\n|---|---|---|---|\n"
    return f"{text} These are not:\n\n{head}" + "\n".join(missed) + "\n"


def _section(result: LawResult) -> str:
    measured = result.measured
    rows = "\n".join(_row(goal) for goal in measured.all_goals)
    names = " and ".join(dict.fromkeys(f"{c.cost} by {c.size}" for c in measured.curves))
    extent = (_SMALL if result.is_small else _WHOLE).format(cores=result.cores, load=result.load)
    return (
        f"## {_title(result).capitalize()}\n\n{result.claim}\n\n"
        f"| figure | goal | measured | reached |\n|---|---|---|---|\n{rows}\n\n"
        f"![{names}](performance/{result.name}.svg)\n\n"
        f"{''.join(map(_table, measured.tables))}{_tests(result)}{extent}"
    )


def _title(result: LawResult) -> str:
    return result.name.replace("_", " ")


def _link(result: LawResult) -> str:
    return f"[{_title(result)}](#{result.name.replace('_', '-')})"


def _tests(result: LawResult) -> str:
    if not result.held_by:
        return ""
    links = ", ".join(f"[{Path(path).name}]({REPOSITORY}/{path})" for path in result.held_by)
    return f"Tests that hold its counts: {links}.\n"


def _table(table: Table) -> str:
    lines = [table.head, tuple("---" for _ in table.head), *table.rows]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{table.title}\n\n{text.replace('| --- |', '|---|').replace(' --- |', '---|')}\n\n"


def _row(goal: Goal) -> str:
    if goal.limit is None:
        return f"| {goal.what} | | {_figure(goal)} | |"
    return (
        f"| {goal.what} | {_limit(goal)} | {_figure(goal)} | {'yes' if goal.is_reached else 'no'} |"
    )


def _limit(goal: Goal) -> str:
    if goal.limit is None:
        return ""
    return f"{'≥' if goal.is_least else '≤'} {goal.limit:,g} {goal.unit}".strip()


def _figure(goal: Goal) -> str:
    is_whole = goal.is_count and goal.measured == round(goal.measured)
    unit = f" {goal.unit}" if goal.limit is None else ""
    return (f"{goal.measured:,.0f}" if is_whole else f"{goal.measured:,.2f}") + unit
