"""What `gromit sow` and `gromit reap` share: options, live progress, the table at the end, and exit codes."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click

from gromit.bootstrap.clients import change_feed, serve_client, worker_settings
from gromit.bootstrap.config_root import config_root
from gromit.bootstrap.machine import now_ms
from gromit.bootstrap.workers import RunningPool, WorkerCallbacks, workers
from gromit.cli import FAILED, INTERRUPTED, PARTLY, CliContext
from gromit.cli.render import print_rows
from gromit.config.schema import Settings
from gromit.core.environments.environment import Phase, Work
from gromit.core.environments.plans import EnvironmentSummary, plan
from gromit.core.environments.protocol import RunEnding
from gromit.core.time import parse_iso
from gromit.errors import ConfigRootUnusable, GromitError, InvalidInput, Suspended
from gromit.log import get_logger
from gromit.ports import Progress
from gromit.services.workers import RunResult

log = get_logger(__name__)

_GOOD = frozenset({RunEnding.DONE, RunEnding.SUPERSEDED, RunEnding.FENCED})


def worker_pass_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """ROOT, `--watch` and `--dry-run`."""
    for decorate in (
        click.option(
            "--dry-run",
            is_flag=True,
            help="Show what would be done, and why, for every environment; do nothing.",
        ),
        click.option("--watch", is_flag=True, help="Go on, reacting to changes within a second."),
        click.argument("root", required=False, type=click.Path(path_type=Path)),
    ):
        command = decorate(command)
    return command


def work(run: CliContext, kind: Work, root: Path | None, *, watch: bool, dry_run: bool) -> int:
    """One pass, a watch, or the plan of a pass. Gives the exit code."""
    if watch and dry_run:
        raise InvalidInput("--watch and --dry-run exclude each other")
    settings = worker_settings(run.settings)
    if dry_run:
        return _show_plan(run, settings, kind, root or settings.root)
    stop, outcomes = threading.Event(), list[RunResult]()
    quiet = watch or not sys.stderr.isatty()

    def done(outcome: RunResult) -> None:
        if not watch:
            outcomes.append(outcome)
        if not quiet:
            click.echo(
                f"{outcome.name}: {outcome.ending}"
                + (f": {outcome.problem.message}" if outcome.problem else ""),
                err=True,
            )

    crew = workers(
        settings,
        kind,
        root or settings.root,
        WorkerCallbacks(stop, _progress(quiet=quiet), done),
    )
    with closing(crew), _stopping(stop, crew.interrupt):
        if watch:
            crew.pool.watch(change_feed(settings), settings.sow.backstop.total_seconds())
            return 0
        _pass(run, crew, outcomes)
    return INTERRUPTED if stop.is_set() else _exit_code(outcomes)


def _pass(run: CliContext, crew: RunningPool, outcomes: list[RunResult]) -> None:
    """One pass, and what came of it; also if it was halted, but then nothing else may say that nothing was due."""
    try:
        crew.pool.once()
    except GromitError:
        if outcomes:
            _show_outcomes(run, outcomes)
        raise
    _show_outcomes(run, outcomes)


def _progress(*, quiet: bool) -> Callable[[str], Progress]:
    def of(name: str) -> Progress:
        if quiet:
            return lambda text: log.info("run.progress", env=name, text=text)
        return lambda text: click.echo(f"{name}: {text}", err=True)

    return of


@contextmanager
def _stopping(stop: threading.Event, interrupt: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT end the work gently: nothing new begins, and a running terraform saves what it has done."""

    def handle(_number: int, _frame: object) -> None:
        stop.set()
        threading.Thread(target=interrupt, name="interrupt", daemon=True).start()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_outcomes(run: CliContext, outcomes: list[RunResult]) -> None:
    rows = [
        {
            "name": o.name,
            "ending": o.ending,
            "seconds": round(o.seconds, 1),
            "problem": o.problem and o.problem.message,
        }
        for o in sorted(outcomes, key=lambda o: o.name)
    ]
    print_rows(rows, ("name", "ending", "seconds", "problem"), run.output, empty="nothing was due")


def _exit_code(outcomes: list[RunResult]) -> int:
    """By how each environment has ended: the last of its runs counts."""
    good = [o.ending in _GOOD for o in {o.name: o for o in outcomes}.values()]
    if all(good):
        return 0
    return PARTLY if any(good) else FAILED


def _show_plan(run: CliContext, settings: Settings, kind: Work, root: Path) -> int:
    _report_what_halts(root)
    now = now_ms()
    with closing(serve_client(settings)) as serve:
        environments = [_plan_input(e, now) for e in serve.pages()]
    items = plan(kind, environments, settings.reap.limit if kind is Work.REAP else None)
    print_rows(
        [{"name": i.name, "action": i.action, "why": i.why} for i in items],
        ("name", "action", "why"),
        run.output,
        empty="no environments",
    )
    return 0


def _report_what_halts(root: Path) -> None:
    """Say on standard error why nothing of a plan would begin now, if that is so."""
    try:
        config_root(root).check()
    except (Suspended, ConfigRootUnusable) as error:
        click.echo(f"nothing would begin now: {error.message}", err=True)
        click.echo(f"  hint: {error.hint}", err=True)


def _plan_input(found: dict[str, Any], now_ms: int) -> EnvironmentSummary:
    return EnvironmentSummary(
        name=found["name"],
        phase=Phase(found["phase"]),
        generation=found["generation"],
        observed=found["observed"],
        due_in_s=(parse_iso(found["due"]) - now_ms) / 1000 if found["due"] else 0.0,
        protected=found["protected"],
        attempts=found["attempts"],
        holder=found["lease"]["holder"] if found["lease"] else None,
    )
