"""`gromit audit`: who did what to which environment, and when."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from gromit.cli import CliContext, Command, pass_cli
from gromit.cli.completion import complete_environments
from gromit.cli.render import print_rows
from gromit.cli.serve_requests import connected_serve

_COLUMNS = ("at", "who", "what", "environment", "why")
_LISTED = "entries"


@click.command(cls=Command)
@click.option(
    "--environment",
    shell_complete=complete_environments,
    help="Only this environment, also if it is gone.",
)
@click.option(
    "--by",
    metavar="TEXT",
    help="Only what was done by a person, token, job or serial whose name has this text.",
)
@click.option(
    "--since",
    default="1d",
    show_default=True,
    help="From a time on, or for a duration such as 12h or 30d.",
)
@click.option("--until", help="Up to a time, or up to a duration before now; default: now.")
@click.option("--workers", is_flag=True, help="Also what workers did: runs, and their results.")
@pass_cli
def audit(run: CliContext, /, *, workers: bool, **chosen: str | None) -> None:
    """Search who did what to which environment, and when; also who was refused.

    The search is in serve's own log, so it also finds environments that are gone. Only operators
    may search. Times are in UTC.
    """
    query = {name: value for name, value in chosen.items() if value is not None}
    if workers:
        query["workers"] = "true"
    client = connected_serve(run)

    def pages() -> Iterator[Mapping[str, Any]]:
        cursor: str | None = None
        while True:
            more = {} if cursor is None else {"cursor": cursor}
            page = client.get("/v1/audit", **query, **more)
            yield page
            cursor = page["next"]
            if cursor is None:
                return

    found = sorted((entry for page in pages() for entry in page[_LISTED]), key=_at)
    rows = found if run.output == "json" else [{**e, "who": _who(e)} for e in found]
    print_rows(rows, _COLUMNS, run.output, empty="no entries")


def _at(entry: Mapping[str, Any]) -> str:
    return str(entry["at"])


def _who(entry: Mapping[str, Any]) -> str:
    """Return who did it, with the job or token behind the gateway."""
    behind = entry["run"] or entry["requester"]
    return f"{entry['by']} ({behind})" if behind and entry["by"] else str(entry["by"])
