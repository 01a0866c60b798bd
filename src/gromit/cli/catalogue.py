"""`gromit catalogue`: show the components of environments, and check a catalogue file."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gromit.bootstrap.catalogue import catalogue_report, configured_catalogue
from gromit.cli import EXIT_CODES, CliContext, Group, pass_cli, render
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.checks.check import CatalogueReport
from gromit.core.stack.checks.faults import CatalogueFault
from gromit.core.stack.contract import container_settings
from gromit.core.stack.health import HealthCheck
from gromit.errors import ConfigError

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
@click.option(
    "--env",
    "environment",
    help="Check the files of this environment in the config root, in place of rendered ones.",
)
@click.option("--strict", is_flag=True, help="Count a warning as a mistake.")
@pass_cli
def check(run: CliContext, file: Path | None, environment: str | None, *, strict: bool) -> int:
    """Check FILE, by default the configured catalogue.

    Every key is checked, and every template is rendered with sample values. Rendered files and
    variables are checked against what their programs accept; hosts, secrets and peers against what
    an environment has.

    Exits with 0 if nothing is wrong, and with 2 if something is. A warning is about something that
    may be right. With --env, the config files are those that people may have edited.
    """
    found = _load(run, file)
    report = catalogue_report(run.settings, found, environment)
    is_valid = not (report.faults if strict else report.mistakes)
    if run.output == "json":
        render.print_json(
            {
                "ok": is_valid,
                "components": len(found.components),
                "files": report.files,
                "findings": [_fault_row(fault) for fault in report.faults],
            }
        )
    else:
        _print_report(report, len(found.components), is_valid=is_valid)
    return 0 if is_valid else EXIT_CODES[ConfigError]


def _print_report(report: CatalogueReport, components: int, *, is_valid: bool) -> None:
    for fault in report.faults:
        place = f"component {fault.component}: {fault.subject}"
        render.print_line(f"{_severity(fault)}: {place}: {fault.reason}")
        render.print_line(f"  hint: {fault.remedy}")
    found = {"mistake": report.mistakes, "warning": report.warnings}
    counted = {"component": components, "config file": report.files}
    counted |= {word: number for word, number in found.items() if number}
    counts = [f"{number} {word}{'' if number == 1 else 's'}" for word, number in counted.items()]
    click.echo(f"the catalogue is {'valid' if is_valid else 'wrong'}: {', '.join(counts)}")


def _fault_row(fault: CatalogueFault) -> Mapping[str, Any]:
    return {
        "severity": _severity(fault),
        "component": fault.component,
        "kind": fault.kind,
        "subject": fault.subject,
        "reason": fault.reason,
        "remedy": fault.remedy,
    }


def _severity(fault: CatalogueFault) -> str:
    return "mistake" if fault.certain else "warning"


def _load(run: CliContext, file: Path | None) -> Catalogue:
    settings = run.settings
    return configured_catalogue(settings.copy_with(catalogue=file) if file else settings)


def _row(component: Component) -> Mapping[str, Any]:
    return {
        "repository": component.repository,
        "image": component.image,
        "program": component.program,
        "default_tag": component.default_tag if component.repository else None,
        **container_settings(component),
        "component": component.name,
        "files": sorted(component.templates),
        "health": _health(component.health) if component.health else None,
        "hooks": {kind.value: asdict(hook) for kind, hook in component.hooks.items()},
    }


def _health(check: HealthCheck) -> Mapping[str, Any]:
    """Return a health check with the keys that it has in a catalogue file."""
    found = asdict(check)
    grace = found.pop("grace_s")
    return {**found, "grace": grace}
