"""`gromit env wait` and `gromit env watch`: follow an environment until it is as desired."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import Any

import click

from gromit.cli import FAILED, CliContext, Command, pass_cli
from gromit.cli.completion import environment_argument
from gromit.cli.env_state import (
    action_of_person,
    describe_state,
    report_failure,
    why_not_ready,
)
from gromit.cli.env_view import actor, progress_text, queue_text, show_environment
from gromit.cli.live_lines import LiveLines
from gromit.cli.render import print_line
from gromit.cli.serve_requests import connected_serve, name_in_path
from gromit.core.environments.readiness import unhealthy_components, unpublished_names
from gromit.core.time import format_duration, parse_duration
from gromit.errors import InvalidInput, NotFound, Temporary

POLL_S = 5.0
"""Longest pause between two requests, also if no change is announced."""


@click.command(cls=Command)
@environment_argument
@pass_cli
def watch(run: CliContext, name: str) -> None:
    """Print each event of an environment, and the progress of its runs, until it is gone."""
    shown: set[str] = set()
    for found in _poll(run, name, None, partial(print_line, err=True)):
        try:
            events = connected_serve(run).get(f"/v1/environments/{name_in_path(name)}/events")[
                "events"
            ]
        except Temporary as error:
            print_line(f"{error.message}; trying again", err=True)
            continue  # also if it is gone: its last events are still to be printed
        for event in (*events, *_progress_events(found)):
            line = f"{event['at']}  {event['kind']:<10} {actor(event)}  {event['text']}".rstrip()
            if line not in shown:
                shown.add(line)
                print_line(json.dumps(event) if run.output == "json" else line)
        if found["phase"] == "gone":
            return


def _progress_events(found: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the progress of a run in the form of an event. A history has none."""
    if found.get("progress") and found["lease"]:
        yield {
            "at": found["progress"]["at"],
            "actor": found["lease"]["holder"],
            "kind": "progress",
            "text": progress_text(found),
            "origin": None,
        }


@click.command(cls=Command)
@environment_argument
@click.option(
    "--for",
    "goal",
    type=click.Choice(["ready", "gone"]),
    default="ready",
    show_default=True,
    help="Phase to wait for.",
)
@click.option(
    "--timeout", default="15m", show_default=True, help="Longest wait, in seconds or like 90s, 10m."
)
@click.option(
    "--keep-trying",
    is_flag=True,
    help="Wait on even if a person has to act first.",
)
@click.option(
    "--dns/--no-dns",
    default=True,
    help="Wait for the public DNS names and healthy programs too. Default.",
)
@pass_cli
def wait(run: CliContext, /, name: str, goal: str, timeout: str, **flags: bool) -> int:
    """Wait until an environment is ready, published and healthy, or until it is gone.

    Exits with 1 on a timeout. Exits with 1 at once if the environment was deleted, if a name is
    blocked, or after an error that retrying cannot fix: a missing image, a service that does not
    start, a wrong config or a missing permission.
    """
    seconds = parse_duration(timeout)
    if not isinstance(seconds, timedelta):
        raise InvalidInput(
            f"--timeout {timeout!r} is not a duration", hint="for example 90s, 10m or 1h30m"
        )
    lines, state = LiveLines(), ""
    found: Mapping[str, Any] = {}
    for found in _poll(run, name, seconds.total_seconds(), lines.message):
        is_reachable = flags["dns"] and found["phase"] == "ready"
        names = unpublished_names(found) if is_reachable else {}
        unhealthy = unhealthy_components(found) if is_reachable else {}
        state = describe_state(found, names, unhealthy)
        progress = progress_text(found) or queue_text(found)
        lines.state(f"{found['name']}: {state}")
        lines.progress(f"{found['name']}: {progress}" if progress else "")
        if found["phase"] == goal and (goal == "gone" or not (names or unhealthy)):
            lines.clear()
            show_environment(run, found)
            return 0
        action = action_of_person(found, names)
        if goal == "ready" and action and not flags["keep_trying"]:
            lines.clear()
            remedy = f"{action}; or wait with --keep-trying"
            if "generation" in found:
                report_failure(why_not_ready(found, names), remedy)
            else:
                report_failure(f"there is no environment {name}", f"check the name, or {remedy}")
            return FAILED
    waited = format_duration(seconds)
    lines.message(f"gromit: {name} is not {goal} after {waited}: it is {state}")
    return FAILED


def _poll(
    run: CliContext, name: str, seconds: float | None, report: Callable[[str], None]
) -> Iterator[Mapping[str, Any]]:
    """Yield the environment now and after each change, for `seconds` (None: without an end).

    An environment that does not exist counts as gone. Lost connections are reported.
    """
    from gromit.bootstrap.clients import environment_feed  # noqa: PLC0415

    until = time.monotonic() + seconds if seconds is not None else None
    with closing(environment_feed(run.settings, name)) as feed:
        while True:
            try:
                yield connected_serve(run).get(f"/v1/environments/{name_in_path(name)}")
            except NotFound:
                yield {"name": name, "phase": "gone", "error": None}
            except Temporary as error:
                report(f"{error.message}; trying again")
            left = POLL_S if until is None else min(POLL_S, until - time.monotonic())
            if left <= 0:
                return
            feed.wait(left)
