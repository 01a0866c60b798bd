"""`gromit serve`."""

import click

from gromit import bootstrap
from gromit.cli import Command, Run, pass_run


@click.command(cls=Command)
@pass_run
def serve(run: Run) -> None:
    """The mTLS API of environments, and the only writer of their table."""
    bootstrap.api_server(run.settings).run()
