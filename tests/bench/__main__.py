"""Measure laws: `python -m tests.bench [LAW ...]`, or `make bench`.

The exit code is 1 if a count is above its goal, and with `--strict` also if a time is; 2 if a law
cannot be measured. Each law that was measured is in the page, also if another one ends the run.
"""

import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import monotonic

import click
import structlog

from tests.bench.law import Extent, Law, LawResult, law_names, load_law
from tests.bench.report import write_page
from tests.bench.results import keep_result


@click.command(name="tests.bench")
@click.argument("laws", nargs=-1, metavar="[LAW ...]")
@click.option("--small", is_flag=True, help="Small sizes, to see that the laws can be measured.")
@click.option("--strict", is_flag=True, help="Fail for times too: on a machine that does no more.")
@click.option("--page/--no-page", default=True, help="Write docs/reference/performance.md.")
def main(laws: tuple[str, ...], *, small: bool, strict: bool, page: bool) -> None:
    """Measure LAW; all laws by default."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # the emulator starts in half the time
    try:
        chosen = {name: load_law(name) for name in laws or law_names()}
    except LookupError as error:
        raise click.UsageError(str(error)) from None
    results, failed = [], []
    for name, law in chosen.items():
        try:
            result = _measured(name, law, is_small=small)
        except Exception:  # noqa: BLE001 - the other laws are measured all the same
            traceback.print_exc()
            failed.append(name)
            continue
        _print_goals(result)
        results.append(result)
        if page:
            keep_result(result)
            write_page()
    for name in failed:
        click.echo(f"FAIL {name} could not be measured: see above")
    sys.exit(2 if failed else int(_is_missed(results, is_strict=strict)))


def _measured(name: str, law: Law, *, is_small: bool) -> LawResult:
    load, cores = round(os.getloadavg()[0], 1), os.cpu_count() or 0
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
        extent = Extent(is_small, Path(folder), partial(_say, name, monotonic()))
        extent.say(law.claim)
        measured = law.measure(extent)
    return LawResult(name, law.claim, measured, law.held_by, is_small, load, cores)


def _print_goals(result: LawResult) -> None:
    for goal in result.measured.all_goals:
        if goal.limit is None:
            mark, limit = "    ", ""
        else:
            mark = "ok  " if goal.is_reached else "MISS"
            limit = f" ({'≥' if goal.is_least else '≤'} {goal.limit:g})"
        click.echo(f"{mark} {result.name}: {goal.what}: {goal.measured:.2f}{limit} {goal.unit}")


def _is_missed(results: Sequence[LawResult], *, is_strict: bool) -> bool:
    goals = [goal for result in results for goal in result.measured.all_goals]
    return any(not goal.is_reached and (goal.is_count or is_strict) for goal in goals)


def _say(name: str, since: float, text: str) -> None:
    click.echo(f"{name} {monotonic() - since:7.1f} s  {text}", err=True)


if __name__ == "__main__":
    main()
