"""`gromit ui`: the page of all environments, for the caller's browser."""

import tempfile
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import click

from gromit.bootstrap.ui import local_page
from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.render import print_json

_SENT_ON = """<!doctype html>
<meta charset="utf-8"><title>gromit</title>
<meta http-equiv="refresh" content="0;url={url}">
<p><a href="{url}">Open gromit</a></p>
"""


@click.command(cls=Command)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port on 127.0.0.1. Default: a free one.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@pass_cli
def ui(run: CliContext, port: int, opens: bool) -> None:
    """Show all environments in a browser, with your own certificate or login.

    Prints an address of this machine that opens the page once. It ends with Ctrl-C.
    """
    page = local_page(run.settings, port)
    address = page.bind()
    if run.output == "json":
        print_json({"url": address})
    else:
        click.echo(address)
    with _opened(address) if opens else nullcontext():
        page.server.run()


@contextmanager
def _opened(address: str) -> Iterator[None]:
    """Open an address in a browser, without its key on a command line that every user can read."""
    with tempfile.TemporaryDirectory(prefix="gromit-ui-") as folder:  # only we can read it
        file = Path(folder) / "open.html"
        file.write_text(_SENT_ON.format(url=address), encoding="utf-8")
        if not webbrowser.open(file.as_uri()):
            click.echo("no browser was found: open the address above", err=True)
        yield
