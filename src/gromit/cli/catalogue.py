"""`gromit catalogue`: the components of every environment, and whether a catalogue file is good."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gromit.bootstrap.catalogue import configured_catalogue
from gromit.cli import CliContext, Group, pass_cli, render
from gromit.core.stack import config_files
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.contract import container_settings

_COLUMNS = (
    "component",
    "repository",
    "default_tag",
    "image",
    "port",
    "public",
    "files",
    "cpu",
    "memory",
)

_file = click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)


@click.group(cls=Group)
def catalogue() -> None:
    """What environments consist of."""


@catalogue.command()
@_file
@pass_cli
def show(run: CliContext, file: Path | None) -> None:
    """Show the components of FILE (the catalogue in force, unless given)."""
    found = _load(run, file)
    rows = [_row(component) for component in found.components.values()]
    rows += [{"component": None, "repository": name} for name in sorted(found.known_only)]
    render.print_rows(rows, _COLUMNS, run.output)


@catalogue.command()
@_file
@pass_cli
def check(run: CliContext, file: Path | None) -> None:
    """Check FILE (the catalogue in force, unless given): every key, and every template with made-up values."""
    found = _load(run, file)
    rendered = config_files.render_files(found, config_files.sample_variables(found))
    files = sum(len(texts) for texts in rendered.values())
    if run.output == "json":
        render.print_json({"ok": True, "components": len(found.components), "files": files})
    else:
        click.echo(
            f"the catalogue is good: {len(found.components)} components, {files} config files"
        )


def _load(run: CliContext, file: Path | None) -> Catalogue:
    settings = run.settings
    return configured_catalogue(
        settings.model_copy(update={"catalogue": file}) if file else settings
    )


def _row(component: Component) -> Mapping[str, Any]:
    return {
        "repository": component.repository,
        "image": component.image,
        "default_tag": component.default_tag if component.repository else None,
        **container_settings(component),
        "component": component.name,
        "files": sorted(component.templates),
    }
