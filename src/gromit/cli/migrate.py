"""`gromit migrate`: migrate from gromit v1."""

from dataclasses import asdict
from pathlib import Path

import click

from gromit.bootstrap.migrate import change_context, migration, prepare
from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.render import print_rows
from gromit.services.migration import Decisions


@click.command(cls=Command)
@click.option(
    "--apply", "do", is_flag=True, help="Migrate. Without this option only the plan is shown."
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="Config root that gets the marker. Default: the setting `root`.",
)
@click.option(
    "--keep",
    metavar="NAME",
    multiple=True,
    help="Keep the environment of this row, and create it again if nothing of it runs."
    " NAME may have `*`.",
)
@click.option(
    "--reap",
    metavar="NAME",
    multiple=True,
    help="Destroy the environment of this row after the grace period. NAME may have `*`.",
)
@pass_cli
def migrate(
    run: CliContext, do: bool, root: Path | None, keep: tuple[str, ...], reap: tuple[str, ...]
) -> None:
    """Migrate from gromit v1: the table's index and flat rows, the config root's marker, records.

    The command can be repeated. Stop the scheduled tasks of gromit v1 before `--apply`.
    """
    settings = run.settings
    folder = root or settings.root
    lines = [
        *prepare(settings, folder, _report, dry_run=not do),
        *migration(settings, folder, Decisions(keep, reap)).run(
            change_context("migrate"), _report, dry_run=not do
        ),
    ]
    print_rows(
        [asdict(line) for line in lines],
        ("what", "name", "action", "why"),
        run.output,
        empty="nothing is left to migrate",
    )
    if lines and not do:
        click.echo("nothing was changed; run `gromit migrate --apply` to migrate", err=True)


def _report(line: str) -> None:
    click.echo(line, err=True)
