"""Tables and lines for terminals, made with rich."""

import re
import time
from collections.abc import Sequence

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gromit.core.time import parse_iso, relative

UNBROKEN = frozenset(
    {
        *("name", "environment", "url", "urls", "address", "addresses", "at"),
        *("serial", "certificate", "key", "path", "file", "folder", "id", "token", "setting"),
    }
)
"""Columns whose words are copied into other commands: they are never broken."""

TIMES = frozenset({"at", "changed", "created", "due", "expires", "not_after", "since", "until"})
"""Columns of instants, which a terminal shows relative to now."""
_PHASE_STYLES = {
    "ready": "green",
    "pending": "yellow",
    "sowing": "yellow",
    "failed": "red",
    "degraded": "red",
    "unreadable": "red",
    "deleting": "magenta",
    "reaping": "magenta",
    "parked": "dim",
    "gone": "dim",
}

_FOLDED = 24
"""A longer word of another column may be broken.

A timestamp, or a version with its repository, is shorter.
"""

_NONE = "-"
"""Cell without a value."""
_GAP = 2
"""Blanks between two columns."""

_COMMIT = re.compile(r"\b[0-9a-f]{40}\b")
_SHORT = 8
"""Hexadecimal digits of a shortened commit id."""


def console() -> Console:
    """Return the console of results: as wide as the terminal, and unbounded on a pipe.

    So programs never read a cut line.
    """
    probe = Console(highlight=False)
    return probe if probe.is_terminal else Console(highlight=False, width=1000, no_color=True)


def phase_style(phase: str) -> str:
    """Return the style of a phase, which may have words after it."""
    return _PHASE_STYLES.get(phase.partition(" ")[0], "")


def relative_time(text: str) -> str:
    """Return an instant relative to now, and any other text as it is."""
    try:
        return relative(parse_iso(text), time.time_ns() // 1_000_000)
    except ValueError:
        return text


def print_table(cells: list[list[str]], columns: Sequence[str], heads: Sequence[str]) -> None:
    """Print cells as a table that fits the terminal.

    If the terminal is too narrow, full commit ids are shortened, columns without any value are left
    out, and words are folded. If a word that has to be copied would still be broken, each row is
    printed as lines of its own.
    """
    out, gaps = console(), _GAP * (len(columns) - 1)
    if not out.is_terminal:
        out.width = sum(_widths(cells, heads)) + gaps
    room, whole, every = out.width - gaps, cells, columns
    if out.is_terminal:
        cells = [_with_relative_times(row, columns) for row in cells]
    if sum(_widths(cells, heads)) > room:
        cells = [[_with_short_commits(cell) for cell in row] for row in cells]
    if out.is_terminal and sum(_widths(cells, heads)) > room:
        kept = [at for at, column in enumerate(zip(*cells, strict=True)) if set(column) != {_NONE}]
        cells = [[row[at] for at in kept] for row in cells]
        columns, heads = [columns[at] for at in kept], [heads[at] for at in kept]
        room = out.width - _GAP * (len(columns) - 1)
    least = [_least(*each) for each in zip(columns, heads, *cells, strict=True)]
    widths = _fitted(_widths(cells, heads), least, room)
    if widths is None:
        _print_records(whole, every)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head, width in zip(heads, widths, strict=True):
        table.add_column(head, width=width, overflow="fold")
    for row in cells:
        table.add_row(*(_styled(*cell) for cell in zip(columns, row, strict=True)))
    with out.capture() as captured:
        out.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _with_relative_times(row: list[str], columns: Sequence[str]) -> list[str]:
    return [
        relative_time(cell) if column in TIMES else cell
        for column, cell in zip(columns, row, strict=True)
    ]


def _styled(column: str, cell: str) -> Text:
    return Text(cell, style=phase_style(cell) if column == "phase" else "")


def _with_short_commits(cell: str) -> str:
    return _COMMIT.sub(lambda found: f"{found[0][:_SHORT]}…", cell)


def _print_records(cells: list[list[str]], columns: Sequence[str]) -> None:
    """Print each cell on a line of its own, unbroken.

    Where a terminal wraps such a line, what is copied from it is still whole.
    """
    names = [column.replace("_", " ") for column in columns]
    margin = max(map(len, names))
    records = (
        "\n".join(f"{name:<{margin}}  {cell}" for name, cell in zip(names, row, strict=True))
        for row in cells
    )
    click.echo("\n\n".join(records))


def _widths(cells: list[list[str]], heads: Sequence[str]) -> list[int]:
    """Return the width of each column if nothing is folded."""
    return [max(map(cell_len, column)) for column in zip(heads, *cells, strict=True)]


def _least(column: str, head: str, *cells: str) -> int:
    """Return the least width of a column.

    It is folded between words, and within long words that may be broken.
    """
    longest = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
    return max(cell_len(head), longest if column in UNBROKEN else min(longest, _FOLDED))


def _fitted(natural: list[int], least: list[int], room: int) -> list[int] | None:
    """Narrow columns until they fit into `room`, the widest first; None if they cannot fit."""
    widths = list(natural)
    while sum(widths) > room:
        spare = [width - bound for width, bound in zip(widths, least, strict=True)]
        if max(spare) <= 0:
            return None
        widest = max(range(len(widths)), key=lambda at: (spare[at] > 0, widths[at]))
        widths[widest] -= 1
    return widths
