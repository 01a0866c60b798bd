"""`help` and `version`, as gromit v1 had them. No help lists them."""

import platform
from importlib.metadata import version as installed_version

import click

from gromit.cli import Command, root


@click.command("help", cls=Command, hidden=True)
@click.argument("words", nargs=-1, metavar="[COMMAND]…")
@click.pass_context
def help_(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show the usage of gromit, or of one command."""
    command: click.Command = root
    found = click.Context(root, info_name="gromit", **root.context_settings)
    for word in words:
        inner = command.get_command(found, word) if isinstance(command, click.Group) else None
        if inner is None:
            ctx.fail(f"there is no command {' '.join(words)!r}")
        command = inner
        found = click.Context(command, info_name=word, parent=found)
    click.echo(command.get_help(found))


@click.command("version", cls=Command, hidden=True)
@click.option("-f", "--full", is_flag=True, help="Add Python and the system.")
def version(full: bool) -> None:
    """Show the version of gromit."""
    click.echo(installed_version("gromit"))
    if full:
        click.echo(f"Python {platform.python_version()} on {platform.platform()}")
