"""Client of serve that the commands of `gromit env` share, and names in its paths."""

from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from gromit.cli import CliContext
from gromit.core.names import parse_ref

# The settings and the client of serve are slow to import, and --help does not need them.
if TYPE_CHECKING:
    from gromit.web.clients.serve import ServeClient


def connected_serve(run: CliContext) -> "ServeClient":
    """Client of serve for all requests of a command. It is closed when the command ends."""
    from gromit.bootstrap.clients import serve_client  # noqa: PLC0415

    context = click.get_current_context()
    if __name__ not in context.meta:
        context.meta[__name__] = context.with_resource(closing(serve_client(run.settings)))
    client: ServeClient = context.meta[__name__]
    return client


def name_in_path(name: str) -> str:
    """Return the name of an environment, or the leaf of a branch, as one element of a path."""
    return quote(parse_ref(name).leaf, safe="")
