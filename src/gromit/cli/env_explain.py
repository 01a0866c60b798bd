"""`gromit env explain`: reasons of an environment's state, next steps, and possible changes."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.completion import environment_argument
from gromit.cli.env_view import queue_text
from gromit.cli.render import print_json, print_line
from gromit.cli.serve_requests import connected_serve, name_in_path


@click.command(cls=Command)
@environment_argument
@pass_cli
def explain(run: CliContext, name: str) -> None:
    """Explain why an environment is in its state, what happens next, and what would change it."""
    found = connected_serve(run).get(f"/v1/environments/{name_in_path(name)}/explanation")
    if run.output == "json":
        print_json(found)
        return
    for line in _lines(found):
        print_line(line)


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{found['name']} is {found['phase']}, at {found['at']}"
    yield from _part("why", found["why"])
    steps = [_step(step) for step in found["next"]]
    if queue := queue_text(found):
        steps.insert(0, queue)
    yield from _part("next", steps or ["nothing, until something changes"])
    yield from _part("what would change it", [_change(change) for change in found["changes"]])


def _part(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield f"{title}:"
        yield from (f"  - {line}" for line in lines)


def _step(step: Mapping[str, Any]) -> str:
    return f"{step['at']}: {step['text']}" if step["at"] else str(step["text"])


def _change(change: Mapping[str, Any]) -> str:
    return f"{change['text']}: `{change['command']}`" if change["command"] else str(change["text"])
