"""`gromit catalogue`: show the components of environments, and check a catalogue file."""

from collections.abc import Mapping
from dataclasses import asdict
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
    """Components of environments."""


@catalogue.command()
@_file
@pass_cli
def show(run: CliContext, file: Path | None) -> None:
    """Show the components of FILE, by default of the configured catalogue."""
    found = _load(run, file)
    rows = [_row(component) for component in found.components.values()]
    rows += [{"component": None, "repository": name} for name in sorted(found.known_only)]
    render.print_rows(rows, _COLUMNS, run.output)


@catalogue.command()
@_file
@pass_cli
def check(run: CliContext, file: Path | None) -> None:
    """Check FILE, by default the configured catalogue.

    Every key is checked, and every template is rendered with sample values.
    """
    found = _load(run, file)
    rendered = config_files.render_files(found, config_files.sample_variables(found))
    files = sum(len(texts) for texts in rendered.values())
    if run.output == "json":
        render.print_json({"ok": True, "components": len(found.components), "files": files})
    else:
        click.echo(
            f"the catalogue is valid: {len(found.components)} components, {files} config files"
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
        "hooks": {kind.value: asdict(hook) for kind, hook in component.hooks.items()},
    }
