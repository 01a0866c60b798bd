"""Measure laws: `python -m tests.bench [LAW ...]`, or `make bench`.

The exit code is 1 if a count is above its goal, and with `--strict` also if a time is.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path
from time import monotonic

import click

from tests.bench.law import Extent, LawResult, law_names, load_law
from tests.bench.report import write_page


@click.command(name="tests.bench")
@click.argument("laws", nargs=-1, metavar="[LAW ...]")
@click.option("--small", is_flag=True, help="Small sizes, to see that the laws can be measured.")
@click.option("--strict", is_flag=True, help="Fail for times too: on a machine that does no more.")
@click.option("--page/--no-page", default=True, help="Write docs/reference/performance.md.")
def main(laws: tuple[str, ...], *, small: bool, strict: bool, page: bool) -> None:
    """Measure LAW; all laws by default."""
    try:
        chosen = {name: load_law(name) for name in laws or law_names()}
    except LookupError as error:
        raise click.UsageError(str(error)) from None
    results = []
    for name, law in chosen.items():
        with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
            extent = Extent(small, Path(folder), partial(_say, name, monotonic()))
            extent.say(law.claim)
            results.append(LawResult(name, law.claim, law.measure(extent)))
    goals = [(result.name, goal) for result in results for goal in result.measured.goals]
    for name, goal in goals:
        mark = "ok  " if goal.is_reached else "MISS"
        click.echo(
            f"{mark} {name}: {goal.what}: {goal.measured:.2f} (≤ {goal.limit:g} {goal.unit})"
        )
    if page:
        write_page(results, is_small=small)
    missed = [goal for _, goal in goals if not goal.is_reached and (goal.is_count or strict)]
    sys.exit(1 if missed else 0)


def _say(name: str, since: float, text: str) -> None:
    click.echo(f"{name} {monotonic() - since:7.1f} s  {text}", err=True)


if __name__ == "__main__":
    main()
