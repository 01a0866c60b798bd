"""`gromit config show`: every setting, its value and its origin."""

from datetime import timedelta
from functools import reduce
from typing import Any

import click

from gromit.cli import CliContext, Group, pass_cli, render
from gromit.config.fields import fields
from gromit.core.stack.terraform import is_secret_setting
from gromit.core.time import format_duration
from gromit.log import mask

_COLUMNS = ("setting", "value", "origin", "description")


@click.group(cls=Group)
def config() -> None:
    """Settings."""


@config.command()
@pass_cli
def show(run: CliContext) -> None:
    """Show the value and origin of every setting. Secrets are masked.

    A wrong value in the config file or in a variable is reported, and shown as if it were unset.
    """
    loaded, faults = run.load_usable()
    rows = [
        {
            "setting": doc.path,
            "value": _masked(
                reduce(getattr, doc.path.split("."), loaded.settings), secret=doc.secret
            ),
            "origin": loaded.origins.get(doc.path, "default"),
            "variable": doc.variable,
            "description": doc.field.description,
        }
        for doc in fields()
    ]
    render.print_rows(rows, _COLUMNS, run.output)
    for fault in faults:
        render.print_line(f"wrong: {fault.message}", err=True)


def _masked(value: Any, *, secret: bool) -> Any:
    """Return a value as text for a config file, with secrets masked."""
    match value:
        case None | bool() | int():
            return value
        case _ if secret:
            return "***"
        case timedelta():
            return format_duration(value)
        case tuple():
            return [_pair(item) for item in value]
        case _:
            return (
                "(PEM text)" if str(value).lstrip().startswith("-----BEGIN") else mask(str(value))
            )


def _pair(item: Any) -> str:
    """Return an item of a list. The value of a `key=value` is masked if its key names a secret."""
    key, equals, _ = str(item).partition("=")
    return f"{key}=***" if equals and is_secret_setting(key) else mask(str(item))
