"""`gromit migrate`: migrate from gromit v1."""

from dataclasses import asdict
from pathlib import Path

import click

from gromit.bootstrap.migrate import change_context, going_back, migration, prepare
from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.render import print_rows
from gromit.errors import InvalidInput
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
@click.option(
    "--back",
    is_flag=True,
    help="Go back to gromit v1: make rows flat again, unless sow or reap has worked on them.",
)
@pass_cli
def migrate(
    run: CliContext, /, do: bool, root: Path | None, back: bool, **names: tuple[str, ...]
) -> None:
    """Migrate from gromit v1: the table's index and flat rows, the config root's marker, records.

    The command can be repeated. Stop the scheduled tasks of gromit v1 before `--apply`.
    """
    settings = run.settings
    folder = root or settings.root
    decisions = Decisions(names["keep"], names["reap"])
    if back:
        if names["keep"] or names["reap"]:
            raise InvalidInput("--back excludes --keep and --reap", hint="give --back alone")
        lines = list(going_back(settings).run(dry_run=not do))
    else:
        lines = [
            *prepare(settings, folder, _report, dry_run=not do),
            *migration(settings, folder, decisions).run(
                change_context("migrate"), _report, dry_run=not do
            ),
        ]
    print_rows(
        [asdict(line) for line in lines],
        ("what", "name", "action", "why"),
        run.output,
        empty="no row is left to return" if back else "nothing is left to migrate",
    )
    if lines and not do:
        again = "gromit migrate --back --apply" if back else "gromit migrate --apply"
        purpose = "go back" if back else "migrate"
        click.echo(f"nothing was changed; run `{again}` to {purpose}", err=True)


def _report(line: str) -> None:
    click.echo(line, err=True)
