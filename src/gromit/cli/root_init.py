"""`gromit root init`: mark a folder as a config root, once for each volume."""

from pathlib import Path

import click

from gromit.cli import CliContext, Group, pass_cli, render


@click.group(cls=Group)
def root() -> None:
    """The config root."""


@root.command()
@click.argument("path", type=click.Path(path_type=Path))
@pass_cli
def init(run: CliContext, path: Path) -> None:
    """Mark PATH as a config root. The folder is created if it is missing.

    Run this on the mounted volume. Workers refuse a root without its marker: the volume may not be
    mounted.
    """
    # Help does not need the templates' language, which the config tree brings along.
    from gromit.adapters.config_tree.root import init_root  # noqa: PLC0415

    made = init_root(path)
    if run.output == "json":
        render.print_json({"root": str(path), "made": made})
    else:
        click.echo(f"{path} is now a config root" if made else f"{path} is already a config root")
