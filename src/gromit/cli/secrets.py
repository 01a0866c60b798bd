"""`gromit secrets`: secrets of environments, whose values are in Secrets Manager."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from gromit.bootstrap.secrets import secret_maker
from gromit.cli import PARTLY, CliContext, Group, pass_cli, render
from gromit.errors import ConfigError, InvalidInput
from gromit.services.secret_values import SecretReport

_COLUMNS = ("name", "made", "status", "used_by")
_RESULTS = ("name", "made", "status", "result")


@click.group(cls=Group)
def secrets() -> None:
    """Secrets of environments, as the catalogue names them. No value is ever shown."""


@secrets.command("list")
@pass_cli
def list_(run: CliContext) -> None:
    """List the named secrets that components use, their status, and their users."""
    reports = secret_maker(run.settings).reports()
    _print(run, reports, _COLUMNS)


@secrets.command()
@click.option(
    "--from",
    "sources",
    metavar="NAME=FILE",
    multiple=True,
    help="File with the value of a secret; `-` for standard input. Repeatable.",
)
@pass_cli
def make(run: CliContext, sources: tuple[str, ...]) -> int:
    """Give every secret without a value one: draw random ones, and ask for bought ones.

    Existing values stay. Without a terminal, bought ones come from `--from` only. Exit code 4 means
    that a secret still has no value.
    """
    given = dict(_given(source) for source in sources)
    reports = secret_maker(run.settings).make(given, _ask)
    _print(run, reports, _RESULTS)
    return 0 if all(report.is_usable for report in reports) else PARTLY


@secrets.command()
@click.argument("name")
@click.option(
    "--from",
    "source",
    metavar="FILE",
    help="File with the new value; `-` for standard input. Default: draw it, or ask for it.",
)
@pass_cli
def replace(run: CliContext, name: str, source: str | None) -> None:
    """Give the secret NAME another value. Environments get it with their next redeployment."""
    value = None if source is None else _read(source)
    report = secret_maker(run.settings).replace(name, value, _ask)
    _print(run, [report], _RESULTS)
    click.echo(
        "environments keep the old value until `gromit env redeploy` of each of them", err=True
    )


def _print(run: CliContext, reports: Sequence[SecretReport], columns: tuple[str, ...]) -> None:
    rows = [
        {
            "name": report.name,
            "secret": report.id,
            "made": str(report.made),
            "status": str(report.status),
            "used_by": list(dict.fromkeys(user.split()[0] for user in report.users)),
            "variables": list(report.users),
            "result": report.result,
        }
        for report in reports
    ]
    if run.output == "json" and "result" not in columns:
        rows = [{key: row[key] for key in row if key != "result"} for row in rows]
    render.print_rows(rows, columns, run.output, empty="the catalogue names no secrets")


def _ask(name: str) -> str | None:
    if not sys.stdin.isatty():
        return None
    return str(click.prompt(f"Value of {name}", hide_input=True, err=True))


def _given(source: str) -> tuple[str, str]:
    name, equals, file = source.partition("=")
    if not equals or not name or not file:
        # The text is not quoted: it may be a secret.
        raise InvalidInput("--from is not NAME=FILE", hint="name a file, not the value itself")
    return name, _read(file)


def _read(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(
            f"cannot read the value of a secret from its file: {reason}",
            hint="name a readable file that contains the value and nothing else",
        ) from None
