"""Results on standard output: tables for people, JSON for programs."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

WHOLE = frozenset({"name", "environment", "url", "urls", "address", "addresses", "at"})
"""Columns whose words are copied into other commands: they are never broken."""

_FOLDED = 24
"""A word of another column that is longer than this may be broken: enough for a timestamp, or a version with its repository."""

_GAP = 2
"""Blanks between two columns."""

_COMMIT = re.compile(r"\b[0-9a-f]{40}\b")
_SHORT = 8
"""Hexadecimal digits that are left of a commit id."""


def print_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    output: str,
    *,
    empty: str = "nothing to show",
) -> None:
    """Print rows: as a table of the given columns, or all of each row as JSON.

    Where a terminal is too narrow, full commit ids are shortened, and what consists of words is folded. If what has to be
    copied would not stay whole even so, each row is printed as lines of its own.
    """
    if output == "json":
        print_json(rows)
    elif not rows:
        click.echo(empty)
    else:
        _show_table([[_cell(row.get(column)) for column in columns] for row in rows], columns)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, default=str))


def console() -> Console:
    """The console of results: as wide as the terminal, unbounded on a pipe, so that programs never see a cut line."""
    probe = Console(highlight=False)
    return probe if probe.is_terminal else Console(highlight=False, width=1000, no_color=True)


def _show_table(cells: list[list[str]], columns: Sequence[str]) -> None:
    out, gaps = console(), _GAP * (len(columns) - 1)
    heads = [column.replace("_", " ").upper() for column in columns]
    if not out.is_terminal:
        out.width = sum(_widths(cells, heads)) + gaps
    room, whole = out.width - gaps, cells
    if sum(_widths(cells, heads)) > room:
        cells = [
            [_COMMIT.sub(lambda found: f"{found[0][:_SHORT]}…", cell) for cell in row]
            for row in cells
        ]
    widths = _fitted(
        _widths(cells, heads),
        [_least(*each) for each in zip(columns, heads, *cells, strict=True)],
        room,
    )
    if widths is None:
        _show_records(whole, columns)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head, width in zip(heads, widths, strict=True):
        table.add_column(head, width=width, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    with out.capture() as captured:
        out.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _show_records(cells: list[list[str]], columns: Sequence[str]) -> None:
    """Each cell in a line that is as long as it is: a terminal breaks it where it shows it, and not where it is copied."""
    margin = max(map(len, columns))
    records = (
        "\n".join(
            f"{c.replace('_', ' '):<{margin}}  {cell}" for c, cell in zip(columns, row, strict=True)
        )
        for row in cells
    )
    click.echo("\n\n".join(records))


def _widths(cells: list[list[str]], heads: list[str]) -> list[int]:
    """How wide each column is if nothing is folded."""
    return [max(map(cell_len, column)) for column in zip(heads, *cells, strict=True)]


def _least(column: str, head: str, *cells: str) -> int:
    """How narrow a column may become: folded between words, and within those that are long and need not be whole."""
    longest = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
    return max(cell_len(head), longest if column in WHOLE else min(longest, _FOLDED))


def _fitted(wanted: list[int], least: list[int], room: int) -> list[int] | None:
    """The widths of columns for so much room, the widest made narrower first; None if it is not enough."""
    widths = list(wanted)
    while sum(widths) > room:
        spare = [width - bound for width, bound in zip(widths, least, strict=True)]
        if max(spare) <= 0:
            return None
        widest = max(range(len(widths)), key=lambda at: (spare[at] > 0, widths[at]))
        widths[widest] -= 1
    return widths


def _cell(value: Any) -> str:
    match value:
        case None | "" | [] | ():
            return "-"
        case bool():
            return "yes" if value else "no"
        case dict():
            return " ".join(f"{k}={v}" for k, v in value.items())
        case list() | tuple():
            return " ".join(str(v) for v in value)
        case _:
            return str(value)
