"""`gromit suspend` and `gromit resume`: stop and resume all processing."""

from dataclasses import asdict
from pathlib import Path

import click

from gromit.adapters.config_tree.suspension import Suspension
from gromit.bootstrap.config_root import config_root
from gromit.bootstrap.machine import now_ms, operator
from gromit.cli import CliContext, Command, pass_cli, render
from gromit.core.time import iso
from gromit.errors import InvalidInput
from gromit.log import get_logger

_log = get_logger(__name__)

_root = click.argument("root", required=False, type=click.Path(path_type=Path))


@click.command(cls=Command)
@_root
@click.option(
    "--reason", required=True, help="Reason, shown by `gromit suspend` and written to the log."
)
@pass_cli
def suspend(run: CliContext, root: Path | None, reason: str) -> None:
    """Stop all processing. sow, reap and chitragupta finish their runs and start no others.

    ROOT is the config root. Default: the setting `root`.
    """
    if not reason.strip():
        raise InvalidInput("the reason is empty", hint="give a short reason for others to read")
    suspension = Suspension(reason.strip(), by=operator(), at=iso(now_ms()))
    settings = (
        run.settings
    )  # read also with ROOT: this reports bad settings, and configures logging
    root = root or settings.root
    config_root(root).suspend(suspension)
    _log.info("processing.suspended", root=str(root), reason=suspension.reason, by=suspension.by)
    if run.output == "json":
        render.print_json(
            {
                "suspended": True,
                "reason": suspension.reason,
                "by": suspension.by,
                "at": suspension.at,
            }
        )
    else:
        click.echo(f"processing is {suspension}")


@click.command(cls=Command)
@_root
@click.option("--reason", default="", help="Reason, printed and written to the log.")
@pass_cli
def resume(run: CliContext, root: Path | None, reason: str) -> None:
    """Resume processing. ROOT is the config root. Default: the setting `root`."""
    settings = (
        run.settings
    )  # read also with ROOT: this reports bad settings, and configures logging
    root = root or settings.root
    ended, by = config_root(root).resume(), operator()
    reason = " ".join(reason.split())
    if ended is not None:
        _log.info("processing.resumed", root=str(root), reason=reason, by=by, was=str(ended))
    if run.output == "json":
        was = asdict(ended) if ended else None
        render.print_json(
            {
                "suspended": False,
                "was_suspended": ended is not None,
                "ended": was,
                "by": by,
                "reason": reason,
            }
        )
        return
    click.echo(
        "processing was not suspended"
        if ended is None
        else f"processing is resumed; it was {ended}"
    )
    if ended is not None:
        click.echo(f"resumed by {by}: {reason or 'no reason given'}")
