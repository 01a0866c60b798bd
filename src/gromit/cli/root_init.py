"""`gromit root init`: make a folder a config root, once per volume."""

from pathlib import Path

import click

from gromit.adapters.config_tree.root import init_root
from gromit.cli import CliContext, Group, pass_cli, render


@click.group(cls=Group)
def root() -> None:
    """The tree of config files."""


@root.command()
@click.argument("path", type=click.Path(path_type=Path))
@pass_cli
def init(run: CliContext, path: Path) -> None:
    """Mark PATH as a config root, making the folder if need be. Without the mark nothing is processed.

    Do this on the mounted volume: the mark is how workers see that the volume is there.
    """
    made = init_root(path)
    if run.output == "json":
        render.print_json({"root": str(path), "made": made})
    else:
        click.echo(f"{path} is a config root now" if made else f"{path} was a config root already")
