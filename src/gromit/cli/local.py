"""`gromit local`: gromit and an emulated AWS on this machine."""

import os
import signal
from importlib.util import find_spec
from pathlib import Path

import click

from gromit.cli import FAILED, CliContext, Group, pass_cli
from gromit.cli.local_up import folder_option, say, up
from gromit.cli.render import print_json, print_rows
from gromit.core.names import environment_name, parse_repository
from gromit.core.time import iso
from gromit.errors import ConfigError, Conflict
from gromit.local.aws.failures import CRASH_S, SLOW_S, write_failure
from gromit.local.cloud import control
from gromit.local.cloud.layout import CloudState, require_state

_UP = "Run `gromit local up` to bring it up; --dir names its folder."
_AFTER_DEMO = """
The demo has removed its cloud. To have one of your own:
  gromit local up --detach
  eval "$(gromit local env)"
  gromit local push tyk app-test
  gromit env wait app-test"""


@click.group(cls=Group)
def local() -> None:
    """Run gromit and an emulated AWS on this machine. Linux only; needs no AWS account."""
    if missing := next(
        (name for name in ("moto", "flask", "dns") if find_spec(name) is None), None
    ):
        raise ConfigError(
            f"the local cloud needs the Python package {missing}",
            hint="Run `pip install 'gromit[local]'`.",
        )


@local.command()
@folder_option
@pass_cli
def down(run: CliContext, folder: Path) -> None:
    """Bring the cloud down, and keep its content. No process is left."""
    place = control.folder(folder)
    was_up = control.down(place, say)
    if was_up:
        say(f"the local cloud in {place.root} is down")
    else:
        say(f"no local cloud was up in {place.root}")
    if run.output == "json":
        print_json({"folder": str(place.root), "was_up": was_up})


@local.command()
@folder_option
@pass_cli
def status(run: CliContext, folder: Path) -> int:
    """Show the status of the parts. The exit code is 0 only if all run and the cloud is up."""
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
@folder_option
@click.option(
    "--login", is_flag=True, help="For a person who logs in, with neither certificate nor AWS."
)
@click.option(
    "--aws",
    "with_aws",
    is_flag=True,
    help="With --login: the person has AWS credentials as well, as `gromit env exec` needs them.",
)
@pass_cli
def env(run: CliContext, folder: Path, login: bool, with_aws: bool) -> None:
    """Print shell exports for the cloud.

    After `eval "$(gromit local env)"` every gromit command and the AWS CLI use the cloud. Commands
    run as an operator, but sow and reap as a worker. Variables of another installation, for example
    an AWS profile, are unset. With --login they run as the person of `gromit login`.
    """
    # boto3 is slow to import, and most commands of the cloud do not need it.
    from gromit.local.cloud import variables  # noqa: PLC0415

    place = control.folder(folder)
    facts = require_state(place)
    if login and not facts.people:
        raise Conflict(
            f"the local cloud in {place.root} has no login",
            hint="Run `gromit local down`, and `gromit local up --login`.",
        )
    exports = variables.user_variables(place, facts)
    if login:
        exports = variables.person_variables(place, facts, with_aws=with_aws)
    if not control.is_up(place):
        # A warning only: the exports are valid as soon as the cloud is up.
        say(f"gromit: the local cloud in {place.root} is down, so nothing answers")
        say(f"  hint: {_UP}")
    if run.output == "json":
        print_json(exports)
    else:
        click.echo(variables.shell_exports(exports, os.environ), nl=False)


@local.command()
@click.argument("environment", metavar="[ENV]", required=False)
@folder_option
@pass_cli
def urls(run: CliContext, environment: str | None, folder: Path) -> None:
    """List public names, addresses and curl commands.

    Stock curl cannot use the cloud's DNS server, so the commands contain the address.
    """
    # boto3 is slow to import, and most commands of the cloud do not need it.
    from gromit.local.cloud import parts  # noqa: PLC0415
    from gromit.local.demo import release  # noqa: PLC0415

    _, facts = run.settings, _running_cloud(folder)
    name = environment_name(environment) if environment else None
    found = release.addresses(facts, parts.cloud_catalogue(facts), name)
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
    print_rows(rows, ("url", "address"), run.output, empty="no public names resolve yet")
    if rows and run.output != "json":
        click.echo("\n" + "\n".join(a.curl for a in found))


@local.command()
@click.argument("repo")
@click.argument("ref")
@click.option("--sha", help="Version of the build, an image tag; by default a random one.")
@click.option("--no-report", is_flag=True, help="Push the image, but do not report the build.")
@click.option(
    "--crash", is_flag=True, help=f"Its containers start, and end by a signal after {CRASH_S} s."
)
@click.option("--slow", is_flag=True, help=f"Its containers listen only after {SLOW_S} s.")
@click.option(
    "--exit",
    "exit_code",
    type=click.IntRange(0, 255),
    help="Its containers end at once with this exit code.",
)
@folder_option
@pass_cli
def push(
    run: CliContext,
    repo: str,
    ref: str,
    *,
    sha: str | None,
    no_report: bool,
    crash: bool,
    slow: bool,
    exit_code: int | None,
    folder: Path,
) -> None:
    """Push an image and report its build through the gateway.

    A release workflow of REPO does the same for the branch REF. --crash, --slow and --exit push an
    image that fails, to rehearse how an environment shows it.
    """
    if crash + slow + (exit_code is not None) > 1:
        raise click.UsageError("give only one of --crash, --slow and --exit")
    failure = write_failure(crash=crash, slow=slow, exit_code=exit_code)
    # boto3 is slow to import, and most commands of the cloud do not need it.
    from gromit.local.cloud import parts  # noqa: PLC0415
    from gromit.local.demo import release  # noqa: PLC0415

    place, facts = control.folder(folder), _running_cloud(folder)
    if not no_report:
        parts.cloud_catalogue(facts).require(parse_repository(repo))
    build = release.push(facts, repo, ref, sha, failure)
    answer = None if no_report else release.report(facts, place.token.read_text().strip(), build)
    row = {**build, "reported": answer is not None, "answer": answer}
    if run.output == "json":
        print_json(row)
    else:
        print_rows([row], ("repo", "sha", "environment", "reported"), run.output)


@local.command(name="age-images")
@click.argument("days", type=click.IntRange(1, 3650))
@folder_option
@pass_cli
def age_images(run: CliContext, days: int, folder: Path) -> None:
    """Let all images grow older by DAYS, and remove those that expire.

    The registries have the lifecycle policy of terraform/base.
    """
    # boto3 is slow to import, and most commands of the cloud do not need it.
    from gromit.local.cloud import parts, passing_weeks  # noqa: PLC0415

    account = parts.emulated_account(_running_cloud(folder))
    rows = [{"removed": image} for image in passing_weeks.age_images(account, days)]
    print_rows(rows, ("removed",), run.output, empty="no image expires")


@local.command(name="retire-tasks")
@click.argument("environment", metavar="[ENV]", required=False)
@folder_option
@pass_cli
def retire_tasks(run: CliContext, environment: str | None, folder: Path) -> None:
    """Stop the tasks of ENV, or of all environments, as AWS does every few weeks.

    ECS starts others in their place.
    """
    from gromit.local.cloud import parts, passing_weeks  # noqa: PLC0415

    account = parts.emulated_account(_running_cloud(folder))
    name = environment_name(environment) if environment else None
    rows = [{"task": task} for task in passing_weeks.retire_tasks(account, name)]
    print_rows(rows, ("task",), run.output, empty="no task runs")


@local.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of a cloud that is not up; by default a temporary one, removed after a success.",
)
@pass_cli
def demo(run: CliContext, folder: Path | None) -> None:
    """Take a tour of the product that verifies each step.

    Two repositories report builds of a branch, its environment starts, one reports a newer build,
    and the branch is deleted.
    """
    from gromit.local.demo import tour  # noqa: PLC0415
    from gromit.local.demo.progress import display  # noqa: PLC0415

    # Configure logging and report invalid settings now, not after minutes.
    _ = run.settings
    for number in (signal.SIGTERM, signal.SIGHUP):
        # As after Ctrl-C, the cloud goes down.
        signal.signal(number, signal.default_int_handler)
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
    click.echo(_AFTER_DEMO, err=True)


def _running_cloud(folder: Path) -> CloudState:
    """Return the state of a cloud that is up.

    Raises `Conflict` if the cloud is down, and `NotFound` if there is none.
    """
    place = control.folder(folder)
    facts = require_state(place)
    if not control.is_up(place):
        raise Conflict(f"the local cloud in {place.root} is down", hint=_UP)
    return facts


local.add_command(up)
