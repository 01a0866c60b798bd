"""`gromit gateway`."""

import click

from gromit import log
from gromit.bootstrap.gateway import gateway_server
from gromit.cli import CliContext, LongRunningCommand, pass_cli


@click.command(cls=LongRunningCommand)
@pass_cli
def gateway(run: CliContext) -> None:
    """Run the gateway.

    Release workflows report builds and deleted branches to it with a token. It passes them on to
    serve over mutual TLS.
    """
    log.keep_audit()
    gateway_server(run.settings).run()
