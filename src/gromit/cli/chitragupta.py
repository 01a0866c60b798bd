"""`gromit chitragupta`."""

from pathlib import Path

import click

from gromit.cli import Run, WorkingCommand, pass_run
from gromit.cli.dns_pass import expose, exposing_options


@click.command(cls=WorkingCommand)
@exposing_options
@pass_run
def chitragupta(run: Run, root: Path | None, watch: bool, dry_run: bool, force: bool) -> int:
    """Keep the public DNS records of all that runs: one pass, or --watch.

    With ROOT, the config root, nothing is done while processing is suspended there.
    """
    return expose(run, root, watch=watch, dry_run=dry_run, force=force)
