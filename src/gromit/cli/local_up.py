"""`gromit local up`: the local cloud comes up, and keeps its former options."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.render import print_json
from gromit.errors import Conflict
from gromit.local.aws.programs import parse_programs
from gromit.local.cloud import control, variables
from gromit.local.cloud.layout import CloudPaths, CloudState, require_state
from gromit.local.login.made_up import parse_people

folder_option = click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".gromit/local"),
    show_default=True,
    help="Folder of the local cloud.",
)
_PORTS = ("aws", "dns", "names", "serve", "health", "gateway", "login")


def say(line: str) -> None:
    """Print a line beside the output."""
    click.echo(line, err=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedCloud:
    """A cloud as its user wants it; what is not said stays as it was."""

    domain: str | None
    programs: Sequence[str]
    login: bool | None
    people: Sequence[str]
    ports: Mapping[str, int]
    grace: str | None = None
    """The setting `reap.grace`."""

    @property
    def persons(self) -> Mapping[str, str]:
        """Role by name. Raises `InvalidInput`."""
        return parse_people(self.people)

    def arguments(self, place: CloudPaths) -> list[str]:
        """Return the arguments of `gromit local up`."""
        found = ["--dir", str(place.root)]
        if self.domain:
            found += ["--domain", self.domain]
        if self.login is not None:
            found.append("--login" if self.login else "--no-login")
        if self.grace:
            found += ["--set", f"reap.grace={self.grace}"]
        for name, port in self.ports.items():
            found += [f"--{name}-port", str(port)]
        for program in self.programs:
            found += ["--program", program]
        for person in self.people:
            found += ["--person", person]
        return found

    def check_running(self, place: CloudPaths) -> None:
        """Raise `Conflict` if a cloud that is up differs: an option would be ignored."""
        facts = require_state(place)
        different = next(iter(self._differences(facts)), None)
        if different is None:
            return
        raise Conflict(
            f"the local cloud in {place.root} is already up, and {different}",
            hint="Run `gromit local down`, and bring it up with these options.",
        )

    def _differences(self, facts: CloudState) -> list[str]:
        has_login = bool(facts.people)
        found = {
            "programs start with it": bool(self.programs),
            f"has the domain {facts.domain}": self.domain not in {None, facts.domain},
            "has a login" if has_login else "has no login": self.login not in {None, has_login},
            "has other people": bool(self.people) and self.persons != facts.people,
            f"has reap.grace {facts.grace}": self.grace not in {None, facts.grace},
        }
        for name, port in self.ports.items():
            had = facts.ports.get(name)
            found[f"has port {had} for {name}"] = port != had
        return [text for text, differs in found.items() if differs]


def _port_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name in reversed(_PORTS):
        text = f"Port of {name}; by default the former one, or a free one."
        command = click.option(f"--{name}-port", type=click.IntRange(1, 65535), help=text)(command)
    return command


@click.command(cls=Command)
@folder_option
@click.option("--detach", is_flag=True, help="Return when the cloud is up, and leave it running.")
@click.option(
    "--domain",
    help="Domain of public names, for a new cloud; by default dev.gromit.test.",
)
@click.option(
    "--program",
    "programs",
    metavar="COMPONENT=COMMAND",
    multiple=True,
    help="Run a program of this machine in place of a component, until the cloud is down:"
    " NAME=VALUE…, its path, and arguments, with {address} for the address of the task.",
)
@click.option(
    "--login/--no-login",
    default=None,
    help="Let people log in at the gateway, without a password: alice (developer), bob (viewer)"
    " and olga (operator), who are made up. By default as before.",
)
@click.option(
    "--person",
    "people",
    metavar="NAME=ROLE",
    multiple=True,
    help="Person with a login, in place of those of --login. Can be repeated.",
)
@_port_options
@pass_cli
def up(
    run: CliContext,
    /,
    folder: Path,
    *,
    detach: bool,
    domain: str | None,
    programs: tuple[str, ...],
    login: bool | None,
    people: tuple[str, ...],
    **ports: int | None,
) -> None:
    """Bring the cloud up; Ctrl-C brings it down.

    The cloud keeps its former content. GROMIT_CATALOGUE and GROMIT_REPOS keep their former values
    unless they are set.
    """
    if people and login is False:
        raise click.UsageError("--no-login contradicts --person")
    given = {name.removesuffix("_port"): port for name, port in ports.items() if port}
    requested = RequestedCloud(
        domain=domain,
        programs=programs,
        login=_wants_login(login, people),
        people=people,
        ports=given,
        grace=run.flags.get("reap.grace"),
    )
    parsed, persons = parse_programs(programs, os.environ), requested.persons
    place, _ = control.folder(folder), run.settings
    environ = variables.with_settings(os.environ, _by_variable(run.flags))
    if not detach:
        # boto3 is slow to import, and most commands of the cloud do not need it.
        from gromit.local.cloud import cloud  # noqa: PLC0415

        options = cloud.CloudOptions(
            domain=domain, ports=given, programs=parsed, login=requested.login, people=persons
        )
        cloud.run_cloud(place, options, environ, say)
        return
    started = not control.is_up(place)
    if started:
        control.detach(place, requested.arguments(place), environ, say)
    else:
        requested.check_running(place)
        say(f"the local cloud in {place.root} is already up")
    if run.output == "json":
        _print_cloud(place, started=started)


def _by_variable(flags: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of `--set` by variable, as a cloud inherits them."""
    if not flags:
        return {}
    # The settings are slow to import, and most calls need none.
    from gromit.config.fields import fields  # noqa: PLC0415

    return {doc.variable: flags[doc.path] for doc in fields() if doc.path in flags}


def _wants_login(login: bool | None, people: Sequence[str]) -> bool | None:
    return True if people else login


def _print_cloud(place: CloudPaths, *, started: bool) -> None:
    facts = require_state(place)
    row = {
        "folder": str(place.root),
        "started": started,
        "domain": facts.domain,
        "region": facts.region,
        "ports": facts.ports,
        "people": facts.people,
    }
    print_json(row)
