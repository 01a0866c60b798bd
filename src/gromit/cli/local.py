"""`gromit local`: the whole system on this machine."""
# ruff: noqa: PLC0415 - the local cloud is an extra: its libraries may not be there, and take long to import

import os
import signal
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gromit.cli import FAILED, CliContext, Group, pass_cli
from gromit.cli.render import print_json, print_rows
from gromit.core.names import environment_name, parse_repository
from gromit.errors import ConfigError, Conflict

if TYPE_CHECKING:
    from gromit.local.cloud.layout import CloudPaths, CloudState

_folder = click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".gromit/local"),
    show_default=True,
    help="Folder of the cloud.",
)
_UP = "`gromit local up` brings it up; --dir names its folder"
_PORTS = ("aws", "dns", "serve", "health", "gateway")


def _port_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name in reversed(_PORTS):
        text = f"Port of {name}; without it, the former or a free one."
        command = click.option(f"--{name}-port", type=click.IntRange(1, 65535), help=text)(command)
    return command


@click.group(cls=Group)
def local() -> None:
    """The whole system on this machine, without an AWS account. Linux only."""
    if missing := next(
        (name for name in ("moto", "flask", "dns") if find_spec(name) is None), None
    ):
        raise ConfigError(
            f"the local cloud needs the Python package {missing}",
            hint="pip install 'gromit[local]'",
        )


@local.command()
@_folder
@click.option("--detach", is_flag=True, help="Return when it is up, and leave it running.")
@click.option(
    "--domain", help="Domain of public names; dev.gromit.test if not given when the cloud is made."
)
@_port_options
@pass_cli
def up(
    run: CliContext, /, folder: Path, *, detach: bool, domain: str | None, **ports: int | None
) -> None:
    """Bring the cloud up; Ctrl-C brings it down.

    What it held before is there again, and its GROMIT_CATALOGUE and GROMIT_REPOS are as before unless they are set.
    """
    from gromit.local.cloud import control
    from gromit.local.cloud.layout import require_state

    place, _ = control.folder(folder), run.settings
    wanted = {name.removesuffix("_port"): port for name, port in ports.items() if port}
    if not detach:
        from gromit.local.cloud import cloud

        cloud.run_cloud(place, cloud.CloudOptions(domain=domain, ports=wanted), os.environ, _say)
        return
    started = not control.is_up(place)
    if started:
        options = [text for name, port in wanted.items() for text in (f"--{name}-port", str(port))]
        control.detach(
            place,
            ["--dir", str(place.root), *(["--domain", domain] if domain else []), *options],
            os.environ,
            _say,
        )
    else:
        _say(f"the local cloud in {place.root} is up already")
    if run.output == "json":
        facts = require_state(place)
        row = {
            "folder": str(place.root),
            "started": started,
            "domain": facts.domain,
            "region": facts.region,
        }
        print_json({**row, "ports": facts.ports})


@local.command()
@_folder
@pass_cli
def down(run: CliContext, folder: Path) -> None:
    """Bring the cloud down. What it holds is kept; no process is left."""
    from gromit.local.cloud import control

    place = control.folder(folder)
    was_up = control.down(place, _say)
    _say(
        f"the local cloud in {place.root} is down"
        if was_up
        else f"no local cloud was up in {place.root}"
    )
    if run.output == "json":
        print_json({"folder": str(place.root), "was_up": was_up})


@local.command()
@_folder
@pass_cli
def status(run: CliContext, folder: Path) -> int:
    """How the parts are. The exit code is 0 only if all run, and the cloud is up."""
    from gromit.core.time import iso
    from gromit.local.cloud import control

    place = control.folder(folder)
    rows = [{**row, "since": iso(int(row["since"] * 1000))} for row in control.status(place)]
    if run.output == "json":
        print_json(rows)
    else:
        short = [{**row, "address": str(row["address"] or "").rpartition("/")[2]} for row in rows]
        print_rows(
            short,
            ("part", "state", "pid", "since", "restarts", "address"),
            run.output,
            empty="there is no local cloud",
        )
        if rows:
            click.echo(f"\nlogs: {place.logs}")
    return 0 if control.is_up(place) and all(row["state"] == "running" for row in rows) else FAILED


@local.command()
@_folder
@pass_cli
def env(run: CliContext, folder: Path) -> None:
    """Print shell exports for the cloud.

    After `eval "$(gromit local env)"` every gromit command and the AWS CLI work on it: as an operator, but sow and
    reap as a worker. What the shell holds of another installation, for example a profile of AWS, is unset.
    """
    from gromit.local.cloud import control, variables
    from gromit.local.cloud.layout import require_state

    place = _place(folder)
    told = variables.user_variables(place, require_state(place))
    if not control.is_up(place):
        _say(
            f"gromit: the local cloud in {place.root} is down: nothing answers before it is up\n  hint: {_UP}"
        )
    if run.output == "json":
        print_json(told)
    else:
        click.echo(variables.shell_exports(told, os.environ), nl=False)


@local.command()
@click.argument("environment", metavar="[ENV]", required=False)
@_folder
@pass_cli
def urls(run: CliContext, environment: str | None, folder: Path) -> None:
    """Public names, addresses and curl lines.

    Stock curl cannot be told to ask the cloud's DNS server; the lines give it the address.
    """
    from gromit.local.cloud import parts as assembly
    from gromit.local.demo import release

    _, facts = run.settings, _facts_of_one_up(folder)
    wanted = environment_name(environment) if environment else None
    found = release.addresses(facts, assembly.cloud_catalogue(facts), wanted)
    rows = [
        {
            "environment": a.environment,
            "component": a.component,
            "url": a.url,
            "address": a.address,
            "curl": a.curl,
        }
        for a in found
    ]
    print_rows(rows, ("url", "address"), run.output, empty="no public name resolves yet")
    if rows and run.output != "json":
        click.echo("\n" + "\n".join(a.curl for a in found))


@local.command()
@click.argument("repo")
@click.argument("ref")
@click.option("--sha", help="Version of the build, an image tag; a random one if not given.")
@click.option("--no-report", is_flag=True, help="Only push the image.")
@_folder
@pass_cli
def push(
    run: CliContext, repo: str, ref: str, *, sha: str | None, no_report: bool, folder: Path
) -> None:
    """Push an image and report its build.

    That is what a release workflow of REPO does for the branch REF. The build is reported through the gateway.
    """
    from gromit.local.cloud import parts as assembly
    from gromit.local.demo import release

    place, facts = _place(folder), _facts_of_one_up(folder)
    if not no_report:
        assembly.cloud_catalogue(facts).require(parse_repository(repo))
    build = release.push(facts, repo, ref, sha)
    answer = None if no_report else release.report(facts, place.token.read_text().strip(), build)
    row = {**build, "reported": answer is not None, "answer": answer}
    if run.output == "json":
        print_json(row)
    else:
        print_rows([row], ("repo", "sha", "environment", "reported"), run.output)


@local.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of a cloud that is not up; a fresh one if not given, removed if all went well.",
)
@pass_cli
def demo(run: CliContext, folder: Path | None) -> None:
    """The tour of the product, every step verified.

    Two repositories report builds of a branch, its environment comes up, a newer build comes, the branch goes.
    """
    from gromit.local.demo import tour
    from gromit.local.demo.progress import display

    _ = run.settings  # logs are set up, and wrong settings said, before minutes have passed
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # the cloud goes down then, too
    outcome = tour.run_demo(folder, os.environ, display())
    rows = [
        {"step": s.name, "seconds": round(s.seconds, 1), "verified": s.verified, "seen": s.detail}
        for s in outcome.steps
    ]
    total = {
        "step": "all together",
        "seconds": round(sum(s.seconds for s in outcome.steps), 1),
        "verified": outcome.error is None,
    }
    print_rows([*rows, total], ("step", "seconds", "verified", "seen"), run.output)
    if outcome.error:
        raise outcome.error


def _place(folder: Path) -> "CloudPaths":
    from gromit.local.cloud import control

    return control.folder(folder)


def _facts_of_one_up(folder: Path) -> "CloudState":
    """The facts of a cloud that is up. Raises `Conflict` if it is not, and `NotFound` if it has never been."""
    from gromit.local.cloud import control
    from gromit.local.cloud.layout import require_state

    place = control.folder(folder)
    facts = require_state(place)
    if not control.is_up(place):
        raise Conflict(f"the local cloud in {place.root} is down", hint=_UP)
    return facts


def _say(line: str) -> None:
    click.echo(line, err=True)
