"""`gromit env`: looking at environments and changing what is wanted of them, through serve."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from typing import IO, Any
from urllib.parse import quote

import click

from gromit.bootstrap.clients import change_feed, serve_client
from gromit.cli import FAILED, CliContext, Group, pass_cli
from gromit.cli.env_unlock import unlock
from gromit.cli.env_view import read_versions, show_environment, summary
from gromit.cli.render import print_json, print_rows
from gromit.core.names import parse_ref
from gromit.core.time import parse_duration
from gromit.errors import (
    ConfigError,
    Conflict,
    Denied,
    InvalidInput,
    NotFound,
    RolloutFailed,
    Temporary,
)
from gromit.web.clients.serve import ServeClient

POLL_S = 5.0
"""Look at an environment this often even if nothing was announced."""

_PERMANENT = frozenset(
    e.code for e in (ConfigError, Conflict, Denied, InvalidInput, NotFound, RolloutFailed)
) | {"bug"}
"""Kinds of failures that do not pass by themselves: docs/reference/errors.md."""

_LIST = ("name", "phase", "versions", "protected", "changed", "error")


@click.group(cls=Group)
def env() -> None:
    """Environments: list, get, change, wait for, delete."""


@env.command("list")
@click.option("--phase", help="Phases, separated by commas, or all. Without it: all but gone.")
@click.option("--repo", "repository", help="Only those with a reported version of this repository.")
@click.option("--prefix", default="", help="Only names that begin so.")
@pass_cli
def list_(run: CliContext, phase: str | None, repository: str | None, prefix: str) -> None:
    """List environments."""
    query = {
        k: v for k, v in {"phase": phase, "repository": repository, "prefix": prefix}.items() if v
    }
    found = sorted(_serve(run).pages(**query), key=lambda e: str(e["name"]))
    if run.output == "json":
        print_json(found)
    else:
        print_rows([summary(e) for e in found], _LIST, run.output, empty="no environments")


@env.command()
@click.argument("name")
@pass_cli
def get(run: CliContext, name: str) -> None:
    """Show one environment: phase, URLs, and why each version."""
    show_environment(run, _detail(run, name))


@env.command()
@click.argument("name")
@click.option(
    "-f",
    "--file",
    "source",
    type=click.File("rb"),
    required=True,
    help="Versions by repository, JSON or YAML; - for standard input.",
)
@pass_cli
def create(run: CliContext, name: str, source: IO[bytes]) -> None:
    """Create an environment with the versions in a file; the other repositories get their fallbacks."""
    try:
        found = _detail(run, name)
    except NotFound:
        found = {"phase": "gone"}
    if found["phase"] != "gone":
        raise Conflict(
            f"{found['name']} exists already", hint="use `gromit env replace` or `gromit env set`"
        )
    _put(run, name, source)


@env.command()
@click.argument("name")
@click.option(
    "-f",
    "--file",
    "source",
    type=click.File("rb"),
    required=True,
    help="Versions by repository, JSON or YAML; - for standard input.",
)
@pass_cli
def replace(run: CliContext, name: str, source: IO[bytes]) -> None:
    """Replace all reported versions of an environment by those in a file."""
    _put(run, name, source)


@env.command("set")
@click.argument("name")
@click.argument("versions", nargs=-1, required=True, metavar="REPO=VERSION…")
@pass_cli
def set_(run: CliContext, name: str, versions: tuple[str, ...]) -> None:
    """Set the versions of some repositories."""
    pairs = [v.partition("=") for v in versions]
    if wrong := next(
        (
            v
            for v, (_, equals, version) in zip(versions, pairs, strict=True)
            if not equals or not version
        ),
        None,
    ):
        raise InvalidInput(f"{wrong!r} is not REPO=VERSION", hint="for example tyk=sha-1234")
    given = {repo: version for repo, _, version in pairs}
    if len(given) < len(pairs):
        raise InvalidInput("a repository stands there twice", hint="give one version for each")
    _serve(run).call("PATCH", f"/env/{_in_path(name)}", given)
    show_environment(run, _detail(run, name))


@env.command()
@click.argument("name")
@pass_cli
def delete(run: CliContext, name: str) -> None:
    """Delete an environment. Within the grace a build of it, or `env set`, revives it."""
    try:
        _serve(run).call("DELETE", f"/env/{_in_path(name)}")
    except NotFound:
        if (
            _detail(run, name)["phase"] != "gone"
        ):  # it went meanwhile, as after a lost answer; raises if it was never there
            raise
    show_environment(run, _detail(run, name))


@env.command()
@click.argument("name")
@pass_cli
def protect(run: CliContext, name: str) -> None:
    """Refuse to delete it from now on."""
    _change(run, name, "protect")


@env.command()
@click.argument("name")
@pass_cli
def unprotect(run: CliContext, name: str) -> None:
    """Allow its deletion again."""
    _change(run, name, "unprotect")


@env.command()
@click.argument("name")
@click.argument("component", required=False)
@pass_cli
def redeploy(run: CliContext, name: str, component: str | None) -> None:
    """Roll one component, or all, over: a moved default branch and edited config files arrive with it."""
    # the request is sent again if its answer is lost: with its own mark it rolls over once even so
    _change(
        run,
        name,
        "redeploy",
        {"mark": secrets.token_hex(8), **({"component": component} if component else {})},
    )


@env.command()
@click.argument("name")
@pass_cli
def history(run: CliContext, name: str) -> None:
    """What happened to an environment, the oldest first."""
    events = _serve(run).get(f"/v1/environments/{_in_path(name)}/events")["events"]
    print_rows(events, ("at", "kind", "actor", "text"), run.output, empty="nothing has happened")


@env.command()
@click.argument("name")
@pass_cli
def watch(run: CliContext, name: str) -> None:
    """Follow an environment until it is gone; a line for everything that happens."""
    shown: set[str] = set()
    for found in _poll(run, name, None):
        try:
            events = _serve(run).get(f"/v1/environments/{_in_path(name)}/events")["events"]
        except Temporary as error:
            click.echo(f"{error.message}; trying again", err=True)
            continue  # also if it is gone: what happened at last is still to be told
        for event in events:
            line = f"{event['at']}  {event['kind']:<10} {event['actor']}  {event['text']}".rstrip()
            if line not in shown:
                shown.add(line)
                click.echo(json.dumps(event) if run.output == "json" else line)
        if found["phase"] == "gone":
            return


@env.command()
@click.argument("name")
@click.option(
    "--for",
    "goal",
    type=click.Choice(["ready", "gone"]),
    default="ready",
    show_default=True,
    help="What to wait for.",
)
@click.option(
    "--timeout", default="15m", show_default=True, help="Longest wait: seconds, or like 90s, 10m."
)
@click.option(
    "--keep-trying",
    is_flag=True,
    help="Wait on also where somebody has to report a build or mend something first.",
)
@pass_cli
def wait(run: CliContext, name: str, goal: str, timeout: str, *, keep_trying: bool) -> int:
    """Wait until an environment is ready, or gone. Exit code 1 if that does not happen in time.

    It ends at once, with 1 too, if nobody wants the environment, or if making it has failed and will again until somebody mends
    something: an image that is missing, a service that does not start, a wrong config, a right that is lacking. What may pass by
    itself is waited for.
    """
    seconds = parse_duration(timeout)
    if not isinstance(seconds, timedelta):
        raise InvalidInput(
            f"--timeout {timeout!r} is not a length of time", hint="for example 90s, 10m or 1h30m"
        )
    told = ""
    found: Mapping[str, Any] = {}
    for found in _poll(run, name, seconds.total_seconds()):
        state = _describe(found)
        if state != told:
            click.echo(f"{found['name']}: {state}", err=True)
            told = state
        if found["phase"] == goal:
            show_environment(run, found)
            return 0
        if goal == "ready" and not keep_trying and (remedy := _remedy(found)):
            click.echo(
                f"gromit: {found['name']} is not going to be {goal} by itself: {_describe(found)}",
                err=True,
            )
            click.echo(f"  hint: {remedy}; --keep-trying waits for it", err=True)
            return FAILED
    click.echo(f"gromit: {name} is not {goal} after {timeout}: it is {_describe(found)}", err=True)
    return FAILED


env.add_command(unlock)


def _poll(run: CliContext, name: str, seconds: float | None) -> Iterator[Mapping[str, Any]]:
    """The environment now and after each change of it, for so many seconds; one that does not exist counts as gone."""
    until = time.monotonic() + seconds if seconds is not None else None
    with closing(change_feed(run.settings)) as feed:
        while True:
            try:
                yield _serve(run).get(f"/v1/environments/{_in_path(name)}")
            except NotFound:
                yield {"name": name, "phase": "gone", "error": None}
            except Temporary as error:
                click.echo(f"{error.message}; trying again", err=True)
            left = POLL_S if until is None else min(POLL_S, until - time.monotonic())
            if left <= 0:
                return
            feed.wait(left)


def _serve(run: CliContext) -> ServeClient:
    """The client of serve: one for all of a command's requests, closed when the command ends."""
    context = click.get_current_context()
    if __name__ not in context.meta:
        context.meta[__name__] = context.with_resource(closing(serve_client(run.settings)))
    client: ServeClient = context.meta[__name__]
    return client


def _describe(found: Mapping[str, Any]) -> str:
    error = found.get("error")
    return f"{found.get('phase', 'unknown')}" + (f" ({error['message']})" if error else "")


def _remedy(found: Mapping[str, Any]) -> str | None:
    """What somebody has to do first if an environment is to be ready; None if it may become so by itself."""
    if found["phase"] in {"gone", "deleting", "reaping"}:
        return "report a build of the branch"
    if found["phase"] == "failed" and found["error"] and found["error"]["kind"] in _PERMANENT:
        return "mend it, and report the build again"
    return None


def _detail(run: CliContext, name: str) -> dict[str, Any]:
    found: dict[str, Any] = _serve(run).get(f"/v1/environments/{_in_path(name)}")
    return found


def _put(run: CliContext, name: str, source: IO[bytes]) -> None:
    _serve(run).call("PUT", f"/env/{_in_path(name)}", read_versions(source))
    show_environment(run, _detail(run, name))


def _change(run: CliContext, name: str, what: str, body: Mapping[str, Any] | None = None) -> None:
    show_environment(run, _serve(run).post(f"/v1/environments/{_in_path(name)}/{what}", body or {}))


def _in_path(name: str) -> str:
    """What stands for a name, or for a branch that was given instead, in a path: one element, whatever characters it has."""
    return quote(parse_ref(name).leaf, safe="")
