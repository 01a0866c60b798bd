"""`gromit plan`: what sow, reap and chitragupta would do now."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.render import print_json, print_line, print_rows
from gromit.cli.serve_requests import connected_serve
from gromit.core.environments.pass_plan import plan_of_views
from gromit.core.environments.phases import Work
from gromit.core.time import Millis, parse_iso
from gromit.errors import GromitError, NotFound

if TYPE_CHECKING:
    from gromit.web.clients.serve import ServeClient

DNS = "chitragupta"
PARTS = (*map(str, Work), DNS)
_COLUMNS = ("part", "action", "name", "why")


@dataclass(frozen=True, slots=True)
class DnsPlan:
    """Changes of records, or the reason why they cannot be seen from this machine."""

    changes: Sequence[Mapping[str, Any]]
    unknown: str | None = None
    hint: str | None = None


@click.command(cls=Command)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(PARTS),
    help="Only this part; can be repeated. Default: all three.",
)
@click.option("--all", "is_all", is_flag=True, help="Also environments without an action, and why.")
@pass_cli
def plan(run: CliContext, parts: tuple[str, ...], is_all: bool) -> None:
    """Show what sow, reap and chitragupta would do now, and why; do nothing.

    For sow and reap, serve's view of the environments is enough, so it works on any machine. The
    order is that of claims; limits of one pass are left out. Records need AWS and the settings of
    chitragupta. Without them, the command says so.
    """
    chosen = [part for part in PARTS if not parts or part in parts]
    work = _work_plans(run, [Work(part) for part in chosen if part != DNS], is_all=is_all)
    dns = _dns_plan(run) if DNS in chosen else None
    if run.output == "json":
        print_json({**work, **({} if dns is None else {DNS: asdict(dns)})})
        return
    changes = [] if dns is None else dns.changes
    rows = [{"part": part, **row} for part, found in work.items() for row in found]
    rows += [{"part": DNS, **change} for change in changes]
    print_rows(rows, _COLUMNS, run.output, empty="nothing to do")
    if dns is not None and dns.unknown is not None:
        print_line(f"the plan of {DNS} cannot be seen from here: {dns.unknown}", err=True)
        if dns.hint:
            print_line(f"  hint: {dns.hint}", err=True)


def _work_plans(
    run: CliContext, kinds: Sequence[Work], *, is_all: bool
) -> dict[str, list[dict[str, str]]]:
    """Return the actions of sow and reap, by the rule of claims."""
    if not kinds:
        return {}
    serve = connected_serve(run)
    views, now = list(serve.pages()), _serve_time(serve)
    return {
        str(kind): [
            asdict(item)
            for item in plan_of_views(kind, views, now, None)
            if is_all or item.action != "none"
        ]
        for kind in kinds
    }


def _serve_time(serve: "ServeClient") -> Millis:
    """Return the time of serve, whose clock decides what is due."""
    try:
        return parse_iso(serve.get("/v1/platform")["now"])
    except NotFound:
        from gromit.bootstrap.machine import now_ms  # noqa: PLC0415 - serve is of an older release

        return now_ms()


def _dns_plan(run: CliContext) -> DnsPlan:
    """Return the changes of records that a pass of chitragupta would make."""
    # It brings the AWS SDK with it, which is slow to import.
    from gromit.bootstrap.chitragupta import build_chitragupta  # noqa: PLC0415
    from gromit.bootstrap.public_components import (  # noqa: PLC0415
        configured_public_components,
    )
    from gromit.cli.dns_pass import change_rows  # noqa: PLC0415

    try:
        found = build_chitragupta(
            run.settings, configured_public_components(run.settings)
        ).preview()
    except GromitError as error:
        return DnsPlan([], error.message, error.hint)
    missing = found.incomplete or None
    return DnsPlan(change_rows(found), missing and f"the list of tasks is incomplete: {missing}")
