"""The page of all laws, and one drawing for each."""

import math
from collections.abc import Sequence
from pathlib import Path

from tests.bench.law import Curve, Goal, LawResult

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "performance.md"
WIDTH, HEIGHT, MARGIN = 480, 240, 48

_HEAD = """# Performance

`make bench` measures these laws and writes this page; `LAWS="listing accepting"` chooses.
Calls are exact on any machine, and tests hold them as well.
Times are of serve's own process, before a table that answers at once.
"""
_SMALL = """This page is from a small run (`--small`) on a machine that did other work.
Its sizes are a tenth, and its times say little.
"""


def write_page(results: Sequence[LawResult], *, is_small: bool, page: Path = PAGE) -> None:
    """Write the page, and the drawings into the folder of its name."""
    drawings = page.with_suffix("")
    drawings.mkdir(exist_ok=True)
    text = [_HEAD + (_SMALL if is_small else "")]
    for result in results:
        curve = result.measured.curve
        (drawings / f"{result.name}.svg").write_text(drawing(curve), encoding="utf-8")
        rows = [_row(goal) for goal in result.measured.goals]
        text.append(
            f"## {result.name.capitalize()}\n\n{result.claim}\n\n"
            "| figure | goal | measured | reached |\n|---|---|---|---|\n"
            + "\n".join(rows)
            + f"\n\n![{curve.cost} by {curve.size}](performance/{result.name}.svg)\n\n"
            f"The exponent of growth is {curve.exponent:.2f}.\n"
        )
    page.write_text("\n".join(text), encoding="utf-8")


def _row(goal: Goal) -> str:
    reached = "yes" if goal.is_reached else "no"
    measured = f"{goal.measured:,.0f}" if goal.is_count else f"{goal.measured:,.2f}"
    return f"| {goal.what} | ≤ {goal.limit:,g} {goal.unit} | {measured} | {reached} |"


def drawing(curve: Curve) -> str:
    """Return a curve as SVG, both axes logarithmic."""
    xs = [math.log10(size) for size, _ in curve.points]
    ys = [math.log10(cost) for _, cost in curve.points]
    dots = [
        (_place(x, xs, MARGIN, WIDTH - MARGIN), _place(y, ys, HEIGHT - MARGIN, MARGIN))
        for x, y in zip(xs, ys, strict=True)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    labels = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        f'<text x="{x:.1f}" y="{y - 8:.1f}">{size:,g}: {cost:.3g}</text>'
        for (x, y), (size, cost) in zip(dots, curve.points, strict=True)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="11" text-anchor="middle">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
        f'<polyline points="{path}" fill="none" stroke="black"/>\n{labels}\n'
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}">{curve.size}</text>\n'
        f'<text x="{WIDTH / 2}" y="20">{curve.cost}</text>\n</svg>\n'
    )


def _place(value: float, values: Sequence[float], first: float, last: float) -> float:
    low, high = min(values), max(values)
    share = 0.5 if high == low else (value - low) / (high - low)
    return first + share * (last - first)
