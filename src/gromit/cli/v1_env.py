"""`gromit env` as gromit v1 had it: the environment is an option, before or after the action.

    env -e NAME                        GET, prints the flat environment
    env -e NAME new|create|replace     PUT of the versions in -f, by default from standard input
    env -e NAME del|delete|rm          DELETE

A failure ends with 1, whatever it is. No help shows these forms.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import click

from gromit.cli import CliContext, Command, Group, pass_cli
from gromit.cli.env_versions import read_versions
from gromit.cli.help_pages import ENV_GROUPS
from gromit.cli.serve_requests import connected_serve, name_in_path
from gromit.errors import GromitError

ALIASES: Mapping[str, str] = {"new": "create", "del": "delete", "rm": "delete"}
"""Commands of `gromit env` by the words of gromit v1."""
V1_FORM = "v1"
"""Hidden command that all forms with `-e` become."""
_REPLACE = ("new", "create", "replace")
_DELETE = ("del", "delete", "rm")
_NAME_OPTION = re.compile(r"-[mt]*e.*|--envname(=.*)?")


class EnvGroup(Group):
    """The group `env`, which also takes the words and the options of gromit v1."""

    sections = ENV_GROUPS

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Give a command line with `-e` to the hidden command."""
        if any(_NAME_OPTION.fullmatch(word) for word in args):
            args = [V1_FORM, *args]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its own word, or by one of gromit v1."""
        if cmd_name == V1_FORM:
            return v1_form
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))


def _text(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Return the value of a short option without the `=` that gromit v1 takes before it."""
    return value.removeprefix("=")


@click.command(V1_FORM, cls=Command, hidden=True)
@click.option("-e", "--envname", "name", required=True, callback=_text, help="The environment.")
@click.option("-f", "--file", default="-", callback=_text, help="Versions; - for standard input.")
@click.option("-m", "--mtls", is_flag=True, help="Changes nothing: there is always mutual TLS.")
@click.argument("action", type=click.Choice([*_REPLACE, *_DELETE]), required=False)
@pass_cli
def v1_form(run: CliContext, /, name: str, file: str, action: str | None, **_ignored: bool) -> None:
    """Show, replace or delete an environment, as gromit v1 does."""
    with _failing_with_one():
        path = f"/env/{name_in_path(name)}"
        if action in _DELETE:
            connected_serve(run).call("DELETE", path)
            return
        if action in _REPLACE:
            answer = connected_serve(run).call("PUT", path, _versions(file))
        else:
            answer = connected_serve(run).call("GET", path)
        click.echo(answer.text.strip())


@contextmanager
def _failing_with_one() -> Iterator[None]:
    """Turn every error into one whose exit code is 1, as it is in gromit v1."""
    try:
        yield
    except GromitError as error:
        raise GromitError(error.message, hint=error.hint) from error


def _versions(file: str) -> Mapping[str, Any]:
    try:
        source: IO[bytes] = click.open_file(file, "rb")
        with source:
            return read_versions(source)
    except OSError as error:
        raise GromitError(f"cannot read {file}: {error.strerror}") from error
