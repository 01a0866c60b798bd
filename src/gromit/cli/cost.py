"""`gromit cost`: what environments cost, by environment, owner or repository."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.render import print_rows
from gromit.cli.serve_requests import connected_serve

_BY = ("environment", "owner", "repository")
_NOT_RUNNING = frozenset({"parked", "gone"})
_UNKNOWN = "not known"


@click.command(cls=Command)
@click.option(
    "--by",
    type=click.Choice(_BY),
    default="owner",
    show_default=True,
    help="Whom a cost is for. Repositories that have reported share one environment equally.",
)
@pass_cli
def cost(run: CliContext, by: str) -> None:
    """Show what environments cost a month, and so far, and who has which share.

    Costs are estimates in US dollars: tasks and public addresses, without traffic and storage. A
    parked environment costs nothing. Environments that are gone are not counted. What has been
    spent so far is counted at the sizes and prices of today, also if the catalogue had others.
    """
    found = [e for e in _environments(run) if e["phase"] != "gone" and e.get("cost")]
    rows = shares(found, by)
    columns = (by, "environments", "month", "so_far", "share")
    print_rows(rows, columns, run.output, empty="no environment costs anything")


def shares(found: Sequence[Mapping[str, Any]], by: str) -> list[dict[str, Any]]:
    """Return the rows of a table, the greatest monthly cost first."""
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for environment in found:
        payers = _payers(environment, by)
        month = 0.0 if environment["phase"] in _NOT_RUNNING else environment["cost"]["month"]
        for payer in payers:
            part = sums[payer]
            part[0] += 1
            part[1] += month / len(payers)
            part[2] += environment["cost"]["so_far"] / len(payers)
    whole = sum(month for _, month, _ in sums.values())
    return [
        {
            by: payer,
            "environments": count,
            "month": round(month, 2),
            "so_far": round(so_far, 2),
            "share": f"{100 * month / whole:.0f} %" if whole else None,
        }
        for payer, (count, month, so_far) in sorted(sums.items(), key=lambda s: (-s[1][1], s[0]))
    ]


def _payers(environment: Mapping[str, Any], by: str) -> Sequence[str]:
    if by == "environment":
        return (str(environment["name"]),)
    if by == "owner":
        return (str(environment["owner"] or _UNKNOWN),)
    return sorted(environment["versions"]) or (_UNKNOWN,)


def _environments(run: CliContext) -> Iterator[Mapping[str, Any]]:
    client, cursor = connected_serve(run), dict[str, str]()
    while True:
        page = client.get("/v1/overview", **cursor)
        yield from page["environments"]
        if page["next"] is None:
            return
        cursor = {"cursor": page["next"]}
