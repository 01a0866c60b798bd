"""`gromit migrate`."""

from dataclasses import asdict
from pathlib import Path

import click

from gromit.bootstrap.migrate import change_context, migration, prepare_config_root, prepare_table
from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.render import print_rows


@click.command(cls=Command)
@click.option(
    "--apply", "do", is_flag=True, help="Do it. Without this, only what would be done is shown."
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    help="Config root that gets the marker; without it the setting `root`.",
)
@pass_cli
def migrate(run: CliContext, do: bool, root: Path | None) -> None:
    """Take over from the earlier system: the table's index, its flat rows, the config root's marker, and public records.

    May be repeated. Stop the earlier system's scheduled tasks before `--apply`.
    """
    settings = run.settings
    lines = [
        *prepare_table(settings, _report, dry_run=not do),
        *prepare_config_root(root or settings.root, dry_run=not do),
        *migration(settings).run(change_context("migrate"), _report, dry_run=not do),
    ]
    print_rows(
        [asdict(line) for line in lines],
        ("what", "name", "action", "why"),
        run.output,
        empty="nothing is left to be migrated",
    )
    if lines and not do:
        click.echo("nothing was changed; `gromit migrate --apply` does it", err=True)


def _report(line: str) -> None:
    click.echo(line, err=True)
