"""`gromit reap`."""

from pathlib import Path

import click

from gromit.cli import Run, WorkingCommand, pass_run
from gromit.cli.worker_pass import work, working_options
from gromit.core.environments.environment import Work


@click.command(cls=WorkingCommand)
@working_options
@pass_run
def reap(run: Run, root: Path | None, watch: bool, dry_run: bool) -> int:
    """Destroy what is no longer wanted, when its grace is over: one pass, or --watch."""
    return work(run, Work.REAP, root, watch=watch, dry_run=dry_run)
