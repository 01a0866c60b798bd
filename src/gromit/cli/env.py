"""`gromit env`: show environments and change their desired state, through serve."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import click

from gromit.cli import CliContext, pass_cli
from gromit.cli.completion import (
    complete_components,
    complete_environments,
    complete_phases,
    environment_argument,
)
from gromit.cli.env_exec import exec_
from gromit.cli.env_explain import explain
from gromit.cli.env_history import diff, history
from gromit.cli.env_logs import logs
from gromit.cli.env_open import open_
from gromit.cli.env_unlock import unlock
from gromit.cli.env_versions import copied_versions, given_versions
from gromit.cli.env_view import show_environment, summary, suspension_line
from gromit.cli.env_wait import wait, watch
from gromit.cli.render import print_line
from gromit.cli.row_pages import print_json_pages, print_table_pages
from gromit.cli.serve_requests import connected_serve, name_in_path
from gromit.cli.v1_env import EnvGroup
from gromit.errors import Conflict, NotFound

_LIST = ("name", "phase", "versions", "protected", "changed", "expires", "error")

_PAIRS = "REPO=VERSION…"


def _versions(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its versions: as words, or in a file."""
    option = click.option(
        "-f",
        "--file",
        "source",
        type=click.File("rb"),
        help="Versions by repository, as JSON or YAML; - for standard input.",
    )
    return click.argument("pairs", nargs=-1, metavar=f"[{_PAIRS}]")(option(command))


@click.group(cls=EnvGroup)
def env() -> None:
    """Environments: list, get, create, change, wait, delete."""


@env.command("list")
@click.option(
    "--phase",
    shell_complete=complete_phases,
    help="Phases, separated by commas, or all. Default: all but gone.",
)
@click.option(
    "--repo", "repository", help="Only environments with a reported version of this repository."
)
@click.option("--prefix", default="", help="Only names with this prefix.")
@pass_cli
def list_(run: CliContext, phase: str | None, repository: str | None, prefix: str) -> None:
    """List environments, page by page: those of a page by name."""
    query = {
        k: v for k, v in {"phase": phase, "repository": repository, "prefix": prefix}.items() if v
    }
    pages = connected_serve(run).sorted_pages(**query)
    if run.output == "json":
        print_json_pages(pages)
        return
    halts: set[str] = set()

    def shown() -> Iterator[list[Mapping[str, Any]]]:
        for page in pages:
            halts.update(suspension_line(e) for e in page if e.get("suspended"))
            yield [summary(e) for e in page]

    print_table_pages(shown(), _LIST, empty="no environments")
    for line in sorted(halts):
        click.echo(line, err=True)


@env.command()
@environment_argument
@pass_cli
def get(run: CliContext, name: str) -> None:
    """Show one environment: phase, URLs, and why each version."""
    show_environment(run, _detail(run, name))


@env.command()
@environment_argument
@_versions
@click.option(
    "--from",
    "origin",
    metavar="OTHER",
    shell_complete=complete_environments,
    help="Copy the versions of this environment; versions that are given replace its own.",
)
@pass_cli
def create(
    run: CliContext,
    name: str,
    pairs: tuple[str, ...],
    source: IO[bytes] | None,
    origin: str | None,
) -> None:
    """Create an environment with these versions, with those in a file, or with those of another.

    Repositories that are not named get their fallback versions. A copy follows its own branch: a
    build of branch NAME replaces a version, and builds of the other environment do not. Config
    files and data are not copied.
    """
    given = given_versions(pairs, source) if pairs or source or origin is None else {}
    copied = copied_versions(_detail(run, origin)) if origin is not None else {}
    versions = {**copied, **given}
    try:
        found = _detail(run, name)
    except NotFound:
        found = {"phase": "gone"}
    if found["phase"] != "gone":
        raise Conflict(
            f"{found['name']} exists already", hint="use `gromit env replace` or `gromit env set`"
        )
    _put(run, name, versions)


@env.command()
@environment_argument
@_versions
@pass_cli
def replace(run: CliContext, name: str, pairs: tuple[str, ...], source: IO[bytes] | None) -> None:
    """Replace all reported versions of an environment with these, or with those in a file."""
    _put(run, name, given_versions(pairs, source))


@env.command("set")
@environment_argument
@click.argument("versions", nargs=-1, required=True, metavar=_PAIRS)
@pass_cli
def set_(run: CliContext, name: str, versions: tuple[str, ...]) -> None:
    """Set the versions of some repositories."""
    path = f"/env/{name_in_path(name)}"
    connected_serve(run).call("PATCH", path, given_versions(versions, None))
    show_environment(run, _detail(run, name))


@env.command()
@environment_argument
@pass_cli
def delete(run: CliContext, name: str) -> None:
    """Delete an environment. A new build, or `env set`, revives it during the grace period."""
    try:
        connected_serve(run).call("DELETE", f"/v1/environments/{name_in_path(name)}")
    except NotFound:
        # A repeated request, or another one, may have deleted it already. This raises again if
        # the environment never existed.
        if _detail(run, name)["phase"] != "gone":
            raise
    found = _detail(run, name)
    show_environment(run, found)
    if found["want"] == "gone" and found["error"] and found["phase"] == "deleting":
        message = found["error"]["message"]
        print_line(f"gromit: destroying {found['name']} failed: {message}", err=True)
        click.echo(f"  hint: `gromit env retry {found['name']}` tries again now", err=True)


@env.command()
@environment_argument
@pass_cli
def retry(run: CliContext, name: str) -> None:
    """Retry failed work at once, also a failed deletion."""
    _change(run, name, "retry")


@env.command()
@environment_argument
@click.argument("duration")
@pass_cli
def extend(run: CliContext, name: str, duration: str) -> None:
    """Keep an environment for DURATION at least, counted from now: 12h, 3d.

    As every action on an environment, this also starts its idle time again.
    """
    _change(run, name, "extend", {"duration": duration})


@env.command()
@environment_argument
@pass_cli
def protect(run: CliContext, name: str) -> None:
    """Protect an environment from deletion."""
    _change(run, name, "protect")


@env.command()
@environment_argument
@pass_cli
def unprotect(run: CliContext, name: str) -> None:
    """Allow the deletion of an environment again."""
    _change(run, name, "unprotect")


@env.command()
@environment_argument
@pass_cli
def park(run: CliContext, name: str) -> None:
    """Stop all tasks of an environment, and keep its row, config and data.

    It costs nothing in Fargate then. Builds are recorded, and start nothing.
    """
    _change(run, name, "park")


@env.command()
@environment_argument
@pass_cli
def unpark(run: CliContext, name: str) -> None:
    """Start the newest versions of a parked environment."""
    _change(run, name, "unpark")


@env.command()
@environment_argument
@pass_cli
def wake(run: CliContext, name: str) -> None:
    """Wake an environment that sleeps, or is parked: start its newest versions.

    The setting `environments.sleep` has the hours outside of which environments sleep.
    """
    _change(run, name, "unpark")


@env.command()
@environment_argument
@click.argument("component", required=False, shell_complete=complete_components)
@pass_cli
def redeploy(run: CliContext, name: str, component: str | None) -> None:
    """Redeploy one or all components.

    They pick up default-branch updates and edited config files.
    """
    # The client repeats a request whose response is lost; the mark makes it count only once.
    _change(
        run,
        name,
        "redeploy",
        {"mark": secrets.token_hex(8), **({"component": component} if component else {})},
    )


@env.command()
@environment_argument
@click.argument("to", required=False)
@click.option(
    "--component",
    shell_complete=complete_components,
    help="Only the version of this component.",
)
@pass_cli
def rollback(run: CliContext, name: str, to: str | None, component: str | None) -> None:
    """Bring back versions that ran before, until newer builds arrive.

    TO is a version that ran, or a moment: 2h (ago) or a time such as 2026-01-31T08:15:00Z. Without
    it, the versions before the last change come back. `gromit env history` shows what ran.
    """
    given = {"to": to, "component": component, "mark": secrets.token_hex(8)}
    _change(run, name, "rollback", {k: v for k, v in given.items() if v is not None})


for command in (diff, exec_, explain, history, logs, open_, unlock, wait, watch):
    env.add_command(command)


def _detail(run: CliContext, name: str) -> dict[str, Any]:
    found: dict[str, Any] = connected_serve(run).get(f"/v1/environments/{name_in_path(name)}")
    return found


def _put(run: CliContext, name: str, versions: Mapping[str, str]) -> None:
    connected_serve(run).call("PUT", f"/env/{name_in_path(name)}", versions)
    show_environment(run, _detail(run, name))


def _change(run: CliContext, name: str, what: str, body: Mapping[str, Any] | None = None) -> None:
    show_environment(
        run, connected_serve(run).post(f"/v1/environments/{name_in_path(name)}/{what}", body or {})
    )
