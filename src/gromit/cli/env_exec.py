"""`gromit env exec`: run a program in the container of a component."""

from collections.abc import Mapping
from typing import Any

import click

from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.completion import complete_components, environment_argument
from gromit.cli.render import print_json
from gromit.cli.serve_requests import connected_serve, name_in_path
from gromit.errors import ConfigError, NotFound

SHELL = ("/bin/sh",)
"""Program without another one."""


@click.command("exec", cls=Command)
@environment_argument
@click.argument("component", shell_complete=complete_components)
@click.argument("command", nargs=-1, metavar="[-- COMMAND…]", type=click.UNPROCESSED)
@click.pass_context
@pass_cli
def exec_(
    run: CliContext, ctx: click.Context, name: str, component: str, command: tuple[str, ...]
) -> None:
    """Run a program in the container of a component, by default a shell.

    The catalogue must say `exec: true` for the component. serve records who asks, and AWS opens
    the session with your own AWS credentials; `session-manager-plugin` must be installed. The
    command ends with the exit code of the session, and Ctrl-C goes to the program. With -o json it
    only shows the container, and runs nothing.
    """
    if run.output == "json":
        print_json(_container(run, name, component))
        return
    # boto3 is slow to import, and the page of --help does not need it.
    from gromit.bootstrap.exec_sessions import container_sessions, session_target  # noqa: PLC0415
    from gromit.local.aws.exec_client import is_local_session, run_local_session  # noqa: PLC0415

    sessions = container_sessions()  # before serve is asked, which records the access
    target = session_target(_container(run, name, component))
    session = sessions.open(target, command or SHELL)
    if is_local_session(session.stream_url):
        code = run_local_session(session.stream_url, session.token)
    else:
        code = sessions.join(session, target)
    ctx.exit(code)


def _container(run: CliContext, name: str, component: str) -> Mapping[str, Any]:
    """Ask serve for the container. Raises `Conflict` if no program may or can run there."""
    client, path = connected_serve(run), f"/v1/environments/{name_in_path(name)}"
    try:
        found: Mapping[str, Any] = client.post(f"{path}/exec", {"component": component})
    except NotFound:
        client.get(path)  # raises again if there is no such environment
        raise ConfigError(
            "serve is of an earlier release, which names no containers", hint="upgrade serve"
        ) from None
    return found
