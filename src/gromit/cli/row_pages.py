"""Long lists, printed page by page: the first rows appear before the last ones are known."""

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from gromit.cli.render import print_row_page

ListedRow = Mapping[str, Any]


def print_json_pages(pages: Iterable[Sequence[ListedRow]]) -> None:
    """Print all rows as one array, the same text as that of the whole list.

    An error leaves the array without its end, so that no program takes it for complete.
    """
    begun = False
    for page in pages:
        for row in page:
            text = textwrap.indent(json.dumps(row, indent=2, default=str), "  ")
            click.echo(",\n" if begun else "[\n", nl=False)
            click.echo(text, nl=False)
            begun = True
    click.echo("\n]" if begun else "[]")


def print_table_pages(
    pages: Iterable[Sequence[ListedRow]], columns: Sequence[str], *, empty: str
) -> None:
    """Print all rows as a table.

    On a pipe it has one line of heads, and its columns only grow. A terminal shows a table for each
    page.
    """
    widths: Sequence[int] | None = None
    for page in pages:
        if page:
            widths = print_row_page(page, columns, widths)
    if widths is None:
        click.echo(empty)
