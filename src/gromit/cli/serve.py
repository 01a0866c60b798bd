"""`gromit serve`: the API of environments."""

import gc

import click

from gromit import log
from gromit.bootstrap.serve import build_serve
from gromit.cli import CliContext, LongRunningCommand, pass_cli


@click.command(cls=LongRunningCommand)
@pass_cli
def serve(run: CliContext) -> None:
    """Run the mTLS API of environments, the only writer of their table."""
    log.keep_audit()
    server = build_serve(run.settings)
    # What exists now stays. A listing creates enough objects to have all of it looked through.
    gc.freeze()
    server.run()
