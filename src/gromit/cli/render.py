"""Results on standard output: tables for people, JSON for programs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], output: str, *, empty: str = "nothing to show") -> None:
    """Print rows: as a table of the given columns, or all of each row as JSON."""
    if output == "json":
        show_json(rows)
    elif not rows:
        click.echo(empty)
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column.replace("_", " ").upper(), overflow="fold")
        for row in rows:
            table.add_row(*(Text(_cell(row.get(column))) for column in columns))
        _print(table)


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, default=str))


def console() -> Console:
    """The console of results: as wide as the terminal, unbounded on a pipe, so that programs never see a cut line."""
    probe = Console(highlight=False)
    return probe if probe.is_terminal else Console(highlight=False, width=1000, no_color=True)


def _print(table: Table) -> None:
    out = console()
    with out.capture() as captured:
        out.print(table)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


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
