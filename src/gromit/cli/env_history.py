"""`gromit env history` and `gromit env diff`: what ran when, and what differs."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

import click

from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.completion import environment_argument
from gromit.cli.env_view import actor
from gromit.cli.render import print_json, print_rows
from gromit.cli.serve_requests import connected_serve, name_in_path

_DIGEST_SHOWN = 12
"""Characters of a digest that a table shows; JSON has all of them."""


@click.command(cls=Command)
@environment_argument
@pass_cli
def history(run: CliContext, name: str) -> None:
    """Show the history of an environment, oldest event first.

    Equal failures in a row are one line, at the time of the last one. JSON has all events.
    """
    events = connected_serve(run).get(f"/v1/environments/{name_in_path(name)}/events")["events"]
    if run.output != "json":
        events = [{**event, "actor": actor(event)} for event in folded(events)]
    print_rows(events, ("at", "kind", "actor", "text"), run.output, empty="no events yet")


def folded(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return events with equal failures in a row as one, which says how many they are."""
    lines: list[Mapping[str, Any]] = []
    for (kind, _), group in groupby(events, key=lambda event: (event["kind"], event["text"])):
        equal = list(group)
        if kind == "failed" and len(equal) > 1:
            last = equal[-1]
            since = f"{last['text']} (since {equal[0]['at']})"
            equal = [{**last, "kind": f"{kind} x{len(equal)}", "text": since}]
        lines += equal
    return lines


@click.command(cls=Command)
@environment_argument
@click.argument("other")
@click.option("--at", help="Moment of the environment NAME. Default: now.")
@pass_cli
def diff(run: CliContext, name: str, other: str, at: str | None) -> None:
    """Show what differs between two environments, or between two moments of one.

    OTHER is an environment, or a moment of NAME: 2h (ago) or a time such as 2026-01-31T08:15:00Z.
    """
    query = {"with": other, **({"at": at} if at else {})}
    found = connected_serve(run).get(f"/v1/environments/{name_in_path(name)}/diff", **query)
    if run.output == "json":
        print_json(found)
        return
    sides = [_side(found[side]) for side in ("left", "right")]
    if sides[0] == sides[1]:
        sides[1] += " "  # a table needs two names
    rows = [
        {
            "component": each["component"],
            sides[0]: _version(each, "left", "right"),
            sides[1]: _version(each, "right", "left"),
        }
        for each in found["differences"]
    ]
    print_rows(rows, ("component", *sides), run.output, empty="both run the same")


def _side(side: Mapping[str, Any]) -> str:
    return f"{side['name']} at {side['at']}" if side["at"] else str(side["name"])


def _version(difference: Mapping[str, Any], side: str, other: str) -> str | None:
    """Return the version of one side, with the digest if the tags are equal."""
    this, that = difference[side], difference[other]
    if this is None:
        return None
    if that is not None and this["version"] == that["version"]:
        return f"{this['version']} ({this['digest'].removeprefix('sha256:')[:_DIGEST_SHOWN]})"
    return str(this["version"])
