"""`gromit env logs`: what the components of an environment wrote."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.completion import complete_components, environment_argument
from gromit.cli.render import print_json, print_line
from gromit.cli.serve_requests import connected_serve, name_in_path
from gromit.core.time import format_duration
from gromit.errors import InvalidInput, Temporary

POLL_S = 3.0
"""Pause between two requests of --follow.

CloudWatch allows ten searches a second in an account, so some twenty people can follow at once.
"""
LATE = timedelta(seconds=15)
"""CloudWatch shows a line up to some seconds late, so each request begins before the last line."""

Line = Mapping[str, Any]
AskOutput = Callable[[Mapping[str, str]], Iterator[Mapping[str, Any]]]


@click.command(cls=Command)
@environment_argument
@click.argument("component", required=False, shell_complete=complete_components)
@click.option("-f", "--follow", is_flag=True, help="Print new lines until Ctrl-C.")
@click.option(
    "--since", help="All lines of all tasks since a time, or for a duration such as 10m or 2h."
)
@click.option(
    "--previous", is_flag=True, help="Lines of the task before the newest one, such as a crash."
)
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="Newest lines of each component.",
)
@click.option(
    "--run",
    "number",
    is_flag=False,
    flag_value="1",
    type=click.IntRange(min=1),
    metavar="[N]",
    help="Output of Terraform in the last run; 2 is the one before it.",
)
@pass_cli
def logs(
    run: CliContext, /, name: str, component: str | None, since: str | None, **options: Any
) -> None:
    """Show what the components of an environment wrote, or one of them.

    Without --since these are the newest lines of each component's newest task. Times are in UTC.
    With --run it is what Terraform did in a run: resources, errors and times. With --follow also
    what it does in the runs after it.
    """
    query = _query(component, since, options)
    path = f"/v1/environments/{name_in_path(name)}/logs"
    client = connected_serve(run)
    chosen = {} if component is None else {"component": component}

    def ask(query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        cursor: str | None = None
        while True:
            more = {} if cursor is None else {"cursor": cursor}
            page = client.get(path, **chosen, **query, **more)
            yield page
            cursor = page["next"]
            if cursor is None:
                return

    has_one = component is not None or "run" in query
    if options["follow"]:
        _follow(run, ask, query, has_one=has_one)
    elif run.output == "json":
        print_json([line for page in ask(query) for line in page["lines"]])
    else:
        _print_all(ask(query), has_one=has_one)


def _query(
    component: str | None, since: str | None, options: Mapping[str, Any]
) -> Mapping[str, str]:
    """Return what to ask for. Raises `InvalidInput` for options that exclude each other."""
    if number := options["number"]:
        if component or since or options["previous"]:
            others = "a component, --since or --previous"
            raise InvalidInput(f"--run cannot be used with {others}")
        return {"run": str(number)}
    if options["previous"]:
        if since or options["follow"]:
            raise InvalidInput("--previous cannot be used with --since or --follow")
        return {"limit": str(options["lines"]), "previous": "true"}
    return {"since": since} if since else {"limit": str(options["lines"])}


def _print_all(pages: Iterator[Mapping[str, Any]], *, has_one: bool) -> None:
    is_empty = True
    for page in pages:
        if page["cut"]:
            click.echo("older lines are left out; --lines or --since shows more", err=True)
        for line in page["lines"]:
            is_empty = False
            print_line(_text(line, has_one=has_one))
    if is_empty:
        click.echo("no output", err=True)


def _follow(run: CliContext, ask: AskOutput, first: Mapping[str, str], *, has_one: bool) -> None:
    """Print lines, and new ones until the process is interrupted."""
    is_run = "run" in first
    printed = PrintedLines(is_complete=is_run or "since" in first)
    query = first
    while True:
        try:
            found = [line for page in ask(query) for line in page["lines"]]
        except Temporary as error:
            print_line(f"{error.message}; trying again", err=True)
            time.sleep(POLL_S)
            continue
        for line in printed.new(found):
            text = json.dumps(line) if run.output == "json" else _text(line, has_one=has_one)
            print_line(text)
        time.sleep(POLL_S)
        # The lines of a run come whole each time, and after it those of the next run.
        query = first if is_run else {"since": printed.next_start()}


class PrintedLines:
    """Lines that were printed, so that no line is printed twice and none is left out.

    Each answer begins before the newest line, because others may come late.
    """

    def __init__(self, *, is_complete: bool) -> None:
        """`is_complete`: the first answer has all lines from its start on, not only some."""
        self._counts: Counter[tuple[str, ...]] | None = Counter() if is_complete else None
        self._newest = ""
        self._is_first = True

    def new(self, found: Sequence[Line]) -> list[Line]:
        """Return the lines of an answer that are not printed yet, and count them as printed."""
        counts: Counter[tuple[str, ...]] = Counter()
        fresh = []
        for line in found:
            counts[_key(line)] += 1
            if self._is_new(line, counts[_key(line)]):
                fresh.append(line)
        if self._counts is not None or not self._is_first:
            self._counts = counts
        self._is_first = False
        self._newest = max([self._newest, *(line["at"] for line in found)])
        return fresh

    def next_start(self) -> str:
        """Return `since` of the next request: a time, or a duration if there was no line yet."""
        if not self._newest:
            return format_duration(LATE)
        return (datetime.fromisoformat(self._newest) - LATE).isoformat()

    def _is_new(self, line: Line, count: int) -> bool:
        if self._counts is not None:
            return count > self._counts[_key(line)]
        # Only the newest lines were printed. What is older than those was left out on purpose.
        return self._is_first or str(line["at"]) > self._newest


def _key(line: Line) -> tuple[str, ...]:
    return line["at"], line["component"], line["task"], line["text"]


def _text(line: Line, *, has_one: bool) -> str:
    source = "" if has_one else f"{line['component']}  "
    return f"{line['at']}  {source}{line['text']}".replace("\t", "    ")
