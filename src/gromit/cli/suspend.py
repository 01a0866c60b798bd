"""`gromit suspend` and `gromit resume`: stop and resume processing, through serve or by a file."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from gromit.adapters.config_tree.suspension import Suspension
from gromit.bootstrap.clients import has_serve, serve_client
from gromit.bootstrap.config_root import config_root
from gromit.bootstrap.machine import now_ms, operator
from gromit.cli import CliContext, Command, pass_cli, render
from gromit.core.time import iso, parse_duration
from gromit.errors import ConfigRootUnusable, InvalidInput, Temporary
from gromit.log import get_logger

_log = get_logger(__name__)

_SHOW = ("list", "status")
"""Words in place of ROOT that show what is suspended."""
_FROM_ANYWHERE = (
    "with serve.url and an operator's certificate, `gromit suspend --reason …`"
    " without a folder works from everywhere"
)
_COLUMNS = ("scope", "target", "via", "by", "since", "until", "reason")


def _where(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ROOT, `--env` and `--repository` to a command."""
    for decorate in (
        click.option("--repository", help="Only environments that this repository has built for."),
        click.option("--env", "environment", help="Only this environment."),
        click.argument("root", required=False, type=click.Path(path_type=Path)),
    ):
        command = decorate(command)
    return command


@click.command(cls=Command)
@_where
@click.option("--reason", help="Reason, shown to all who wait, and written to the log.")
@click.option("--until", help="End: a duration like 2h, or a time like 2026-01-31T08:15:00Z.")
@pass_cli
def suspend(
    run: CliContext,
    root: Path | None,
    *,
    environment: str | None,
    repository: str | None,
    reason: str | None,
    until: str | None,
) -> None:
    """Stop processing, through serve. What runs is finished, and builds are still accepted.

    With the config root ROOT, or without an address of serve, the file `noprocess` stops
    everything. `gromit suspend list` shows what is suspended.
    """
    settings = run.settings  # read also with ROOT: this reports bad settings
    if str(root) in _SHOW and reason is None:
        _show(run)
        return
    if not reason or not reason.strip():
        raise InvalidInput(
            "--reason is missing or empty", hint="give a short reason for others to read"
        )
    body = _scope(environment, repository)
    if root is None and has_serve(settings):
        _suspend_at_serve(run, {**body, "reason": reason.strip(), **_end(until)})
        return
    if body["scope"] != "all" or until is not None:
        raise InvalidInput(
            "the file in a config root suspends everything, without an end",
            hint="leave out the folder, and set serve.url, to suspend through serve",
        )
    _suspend_by_file(run, root or settings.root, reason.strip())


@click.command(cls=Command)
@_where
@click.option("--reason", default="", help="Reason, printed and written to the log.")
@pass_cli
def resume(
    run: CliContext,
    root: Path | None,
    environment: str | None,
    repository: str | None,
    reason: str,
) -> None:
    """Resume processing, through serve, and by the file in the config root if it is mounted here.

    With ROOT only the file in that config root is removed.
    """
    settings = run.settings  # read also with ROOT: this reports bad settings
    body, reason = _scope(environment, repository), " ".join(reason.split())
    if root is None and has_serve(settings):
        _resume_at_serve(run, {**body, "reason": reason})
        return
    if body["scope"] != "all":
        raise InvalidInput(
            "the file in a config root suspends everything",
            hint="leave out the folder, and set serve.url, to resume through serve",
        )
    _resume_by_file(run, root or settings.root, reason)


def _suspend_at_serve(run: CliContext, body: Mapping[str, Any]) -> None:
    try:
        with closing(serve_client(run.settings)) as serve:
            found = serve.post("/v1/suspensions", body)
    except Temporary as error:
        raise Temporary(
            error.message,
            hint="where the config volume is mounted, `gromit suspend /config --reason …`"
            " stops everything without serve",
        ) from error
    if run.output == "json":
        render.print_json({"suspended": True, "at": found["since"], **found})
    else:
        click.echo(f"{_name(found)} is {found['text']}")


def _resume_at_serve(run: CliContext, body: Mapping[str, Any]) -> None:
    with closing(serve_client(run.settings)) as serve:
        receipt = serve.post("/v1/suspensions/resume", body)
    removed = _remove_file(run) if body["scope"] == "all" else None
    ended, by = receipt["ended"], operator()
    left = [s for s in receipt["left"] if s["via"] != "file" or removed is None]
    was = ended["text"] if ended else removed and str(removed)
    if run.output == "json":
        render.print_json(
            {
                "suspended": bool(left),
                "was_suspended": was is not None,
                "ended": ended or (removed and asdict(removed)),
                "by": by,
                "reason": body["reason"],
                "left": left,
            }
        )
        return
    name = _name({"target": body.get("target"), "scope": body["scope"]})
    if was is None:
        click.echo(f"{name} was not suspended")
    else:
        click.echo(f"{name} is resumed; it was {was}")
        click.echo(f"resumed by {by}: {body['reason'] or 'no reason given'}")
    for suspension in left:
        click.echo(f"{_name(suspension)} is still {suspension['text']}", err=True)
        click.echo(f"  hint: {suspension['remedy']}", err=True)


def _remove_file(run: CliContext) -> Suspension | None:
    """Remove the file in the config root of the settings, if that is mounted here."""
    if "root" not in run.loaded.origins:
        return None
    try:
        return config_root(run.settings.root).resume()
    except ConfigRootUnusable:
        return None


def _show(run: CliContext) -> None:
    with closing(serve_client(run.settings)) as serve:
        found = serve.get("/v1/suspensions")["suspensions"]
    render.print_rows(found, _COLUMNS, run.output, empty="nothing is suspended")


def _suspend_by_file(run: CliContext, root: Path, reason: str) -> None:
    suspension = Suspension(reason, by=operator(), at=iso(now_ms()))
    try:
        config_root(root).suspend(suspension)
    except ConfigRootUnusable as error:
        raise ConfigRootUnusable(
            error.message, hint=f"nothing was suspended: {error.hint}; {_FROM_ANYWHERE}"
        ) from error
    _log.info("processing.suspended", root=str(root), reason=suspension.reason, by=suspension.by)
    if run.output == "json":
        render.print_json({"suspended": True, **asdict(suspension)})
    else:
        click.echo(f"processing is {suspension}")


def _resume_by_file(run: CliContext, root: Path, reason: str) -> None:
    ended, by = config_root(root).resume(), operator()
    if ended is not None:
        _log.info("processing.resumed", root=str(root), reason=reason, by=by, was=str(ended))
    if run.output == "json":
        render.print_json(
            {
                "suspended": False,
                "was_suspended": ended is not None,
                "ended": asdict(ended) if ended else None,
                "by": by,
                "reason": reason,
            }
        )
        return
    if ended is None:
        click.echo("processing was not suspended")
        return
    click.echo(f"processing is resumed; it was {ended}")
    click.echo(f"resumed by {by}: {reason or 'no reason given'}")


def _scope(environment: str | None, repository: str | None) -> dict[str, Any]:
    """Return what to suspend or resume, as serve gets it."""
    if environment and repository:
        raise InvalidInput("--env and --repository exclude each other", hint="run it twice")
    if environment:
        return {"scope": "environment", "target": environment}
    if repository:
        return {"scope": "repository", "target": repository}
    return {"scope": "all"}


def _end(until: str | None) -> dict[str, Any]:
    """Return when a suspension ends, as serve gets it: serve's clock decides."""
    if until is None:
        return {}
    length = parse_duration(until)
    if isinstance(length, timedelta):
        return {"for_s": int(length.total_seconds())}
    return {"until": until}


def _name(suspension: Mapping[str, Any]) -> str:
    target = suspension["target"]
    return f"{suspension['scope']} {target}" if target else "processing"
