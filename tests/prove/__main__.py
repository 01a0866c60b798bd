"""Run suites: `python -m tests.prove [SUITE ...]`, or `make prove`.

The exit code is 1 if a claim is violated.
"""

import gc
import os
import random
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import monotonic

import click
import structlog

from tests.prove import report
from tests.prove.suite import Effort, Finding, Suite, load_suite, run_suite, suite_names


@click.command(name="tests.prove")
@click.argument("suites", nargs=-1, metavar="[SUITE ...]")
@click.option("--quick", is_flag=True, help="Only the small part that `make test` runs.")
@click.option("--seed", type=int, help="Repeat the cases of an earlier run. [default: random]")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
@click.option("--list", "lists", is_flag=True, help="List the suites and their claims.")
def main(suites: tuple[str, ...], quick: bool, seed: int | None, output: str, lists: bool) -> None:
    """Search for cases that contradict the claims of SUITE; all suites by default."""
    try:
        chosen = {name: load_suite(name) for name in suites or suite_names()}
    except LookupError as error:
        raise click.UsageError(str(error)) from None
    if lists:
        for name, suite in chosen.items():
            click.echo(f"{name:<12}  {suite.claim}")
        return
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    click.echo(f"seed {seed}: repeat the same cases with --seed {seed}", err=True)
    findings = [_run(name, suite, quick=quick, seed=seed) for name, suite in chosen.items()]
    click.echo(report.table(findings) if output == "text" else report.as_json(findings, seed))
    sys.exit(0 if report.is_clean(findings) else 1)


def _run(name: str, suite: Suite, *, quick: bool, seed: int) -> Finding:
    with tempfile.TemporaryDirectory(prefix=f"prove-{name}-") as folder:
        say = partial(_say, name, monotonic())
        say(suite.claim)
        return run_suite(name, suite, Effort(quick, seed, Path(folder), say))


def _say(name: str, since: float, text: str) -> None:
    click.echo(f"{name} {monotonic() - since:7.1f} s  {text}", err=True)


if __name__ == "__main__":
    # As in tests/conftest.py: emulators of AWS make many objects, and no suite needs an image.
    gc.set_threshold(50_000, 20, 20)
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    # Logs of parts that run in this process would be among the results.
    structlog.configure(
        logger_factory=structlog.stdlib.LoggerFactory(), wrapper_class=structlog.stdlib.BoundLogger
    )
    main()
