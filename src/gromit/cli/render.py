"""Results on standard output: tables for people, JSON for programs."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from gromit.core.text import visible

_GAP = "  "
"""Blanks between two columns."""


def print_rows(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    output: str,
    *,
    empty: str = "nothing to show",
) -> None:
    """Print rows: as a table of the given columns, or all of each row as JSON."""
    if output == "json":
        print_json(rows)
    elif not rows:
        click.echo(empty)
    else:
        _print_table([[_cell(row.get(column)) for column in columns] for row in rows], columns)


def print_row_page(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], widths: Sequence[int] | None
) -> Sequence[int]:
    """Print a page of a table. Return the widths of its columns, for the next page.

    `widths` are those of the pages before it; None for the first one.
    """
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    heads = _heads(columns)
    if not _is_plain(cells):
        _print_table(cells, columns)
        return widths or [0] * len(columns)
    shown = cells if widths else [heads, *cells]
    grown = column_widths(shown, widths)
    click.echo(plain_table(shown, grown))
    return grown


def print_line(text: str, *, err: bool = False) -> None:
    """Print one line that may quote what others wrote."""
    click.echo(visible(text), err=err)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, default=str))


def _print_table(cells: list[list[str]], columns: Sequence[str]) -> None:
    heads = _heads(columns)
    if _is_plain(cells):
        click.echo(plain_table([heads, *cells]))
        return
    # rich is slow to import, and a script that reads a pipe needs none of it.
    from gromit.cli.terminal import print_table  # noqa: PLC0415

    print_table(cells, columns, heads)


def _heads(columns: Sequence[str]) -> list[str]:
    return [column.replace("_", " ").upper() for column in columns]


def _is_plain(cells: list[list[str]]) -> bool:
    """Whether nothing has to fit a terminal, and each character is one column wide."""
    # rich takes these variables as "this is a terminal".
    forced = any(os.environ.get(name) for name in ("FORCE_COLOR", "TTY_COMPATIBLE"))
    if forced or sys.stdout.isatty():
        return False
    return all(cell.isascii() and cell.isprintable() for row in cells for cell in row)


def column_widths(
    rows: Sequence[Sequence[str]], least: Sequence[int] | None = None
) -> Sequence[int]:
    """Return the widths of columns: of their widest cells, or their least widths."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [max(pair) for pair in zip(widths, least, strict=True)] if least else widths


def plain_table(rows: Sequence[Sequence[str]], widths: Sequence[int] | None = None) -> str:
    """Return rows with their columns aligned, each as wide as its widest cell."""
    widths = widths or column_widths(rows)
    lines = (
        _GAP.join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: Any) -> str:
    return visible(_words(value))


def _words(value: Any) -> str:
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
