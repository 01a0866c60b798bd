"""`gromit serve`."""

import click

from gromit import bootstrap
from gromit.cli import Run, WorkingCommand, pass_run


@click.command(cls=WorkingCommand)
@pass_run
def serve(run: Run) -> None:
    """The mTLS API of environments, and the only writer of their table."""
    bootstrap.api_server(run.settings).run()
