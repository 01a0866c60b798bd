"""`gromit chitragupta`."""

from pathlib import Path

import click

from gromit.cli import CliContext, LongRunningCommand, pass_cli
from gromit.cli.dns_pass import dns_pass_options, expose


@click.command(cls=LongRunningCommand)
@dns_pass_options
@pass_cli
def chitragupta(run: CliContext, root: Path | None, watch: bool, dry_run: bool, force: bool) -> int:
    """Keep the public DNS records of running environments: one pass, or --watch.

    With ROOT, the config root, nothing is changed while processing is suspended there.
    """
    return expose(run, root, watch=watch, dry_run=dry_run, force=force)
