"""`gromit sow`."""

from pathlib import Path

import click

from gromit.cli import Run, WorkingCommand, pass_run
from gromit.cli.worker_pass import work, working_options
from gromit.core.environments.environment import Work


@click.command(cls=WorkingCommand)
@working_options
@pass_run
def sow(run: Run, root: Path | None, watch: bool, dry_run: bool) -> int:
    """Make every environment as it is wanted: one pass, or --watch."""
    return work(run, Work.SOW, root, watch=watch, dry_run=dry_run)
