"""Drawings of curves as SVG, both axes logarithmic. Curves of the same size and cost share one."""

import math
from collections.abc import Sequence
from html import escape

from tests.bench.law import Curve

WIDTH, HEIGHT, MARGIN = 480, 240, 48
_STYLES = ("", "6 3", "2 3", "8 2 2 2")
"""Dashes of the lines: curves differ without colours."""


def drawing(curves: Sequence[Curve]) -> str:
    """Return the curves, one panel below the other."""
    panels: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        panels.setdefault((curve.size, curve.cost), []).append(curve)
    parts = [
        f'<g transform="translate(0 {number * HEIGHT})">\n{_panel(panel)}</g>\n'
        for number, panel in enumerate(panels.values())
    ]
    height = HEIGHT * len(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="sans-serif" font-size="11" text-anchor="middle">\n'
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n{"".join(parts)}</svg>\n'
    )


def _panel(curves: Sequence[Curve]) -> str:
    xs = [_log(size) for curve in curves for size, _ in curve.points]
    ys = [_log(cost) for curve in curves for _, cost in curve.points]
    lines = "".join(_line(curve, number, xs, ys) for number, curve in enumerate(curves))
    return (
        f'{lines}<text x="{WIDTH / 2}" y="{HEIGHT - 12}">{escape(curves[0].size)}</text>\n'
        f'<text x="{WIDTH / 2}" y="16">{escape(curves[0].cost)}</text>\n'
    )


def _line(curve: Curve, number: int, xs: Sequence[float], ys: Sequence[float]) -> str:
    dots = [
        (
            _place(_log(size), xs, MARGIN, WIDTH - MARGIN),
            _place(_log(cost), ys, HEIGHT - MARGIN, MARGIN),
        )
        for size, cost in curve.points
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
    dashes = f' stroke-dasharray="{_STYLES[number % len(_STYLES)]}"' if number else ""
    name = f"{curve.label} " if curve.label else ""
    labels = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
        f'<text x="{x:.1f}" y="{y - 8:.1f}">{escape(name)}{size:,g}: {cost:.3g}</text>\n'
        for (x, y), (size, cost) in zip(dots, curve.points, strict=True)
    )
    return f'<polyline points="{path}" fill="none" stroke="black"{dashes}/>\n{labels}'


def _log(value: float) -> float:
    return math.log10(max(value, 1e-9))


def _place(value: float, values: Sequence[float], first: float, last: float) -> float:
    low, high = min(values), max(values)
    share = 0.5 if high == low else (value - low) / (high - low)
    return first + share * (last - first)
