"""`gromit sow`: bring environments to their desired state."""

from pathlib import Path

import click

from gromit.cli import CliContext, LongRunningCommand, pass_cli
from gromit.cli.worker_pass import work, worker_pass_options
from gromit.core.environments.phases import Work


@click.command(cls=LongRunningCommand)
@worker_pass_options
@pass_cli
def sow(run: CliContext, root: Path | None, watch: bool, dry_run: bool) -> int:
    """Bring every environment to its desired state: one pass, or --watch."""
    return work(run, Work.SOW, root, watch=watch, dry_run=dry_run)
