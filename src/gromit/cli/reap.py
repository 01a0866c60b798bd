"""`gromit reap`: destroy deleted environments."""

from pathlib import Path

import click

from gromit.cli import CliContext, LongRunningCommand, pass_cli
from gromit.cli.worker_pass import work, worker_pass_options
from gromit.core.environments.phases import Work


@click.command(cls=LongRunningCommand)
@worker_pass_options
@pass_cli
def reap(run: CliContext, root: Path | None, watch: bool, dry_run: bool) -> int:
    """Destroy deleted environments after their grace period: one pass, or --watch."""
    return work(run, Work.REAP, root, watch=watch, dry_run=dry_run)
