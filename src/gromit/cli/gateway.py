"""`gromit gateway`."""

import click

from gromit import bootstrap
from gromit.cli import Run, WorkingCommand, pass_run


@click.command(cls=WorkingCommand)
@pass_run
def gateway(run: Run) -> None:
    """Where release workflows report builds and deleted branches: token in, mutual TLS to serve out."""
    bootstrap.gateway_server(run.settings).run()
