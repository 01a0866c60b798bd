"""`gromit gateway`."""

import click

from gromit.bootstrap.gateway import gateway_server
from gromit.cli import CliContext, LongRunningCommand, pass_cli


@click.command(cls=LongRunningCommand)
@pass_cli
def gateway(run: CliContext) -> None:
    """Where release workflows report builds and deleted branches: token in, mutual TLS to serve out."""
    gateway_server(run.settings).run()
