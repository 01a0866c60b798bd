"""One pass, a watch or a dry run of workers: `gromit sow` and `gromit reap`."""

import sys
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import click

from gromit.bootstrap.clients import serve_client, work_feed, worker_settings
from gromit.bootstrap.config_root import config_root
from gromit.bootstrap.machine import now_ms
from gromit.bootstrap.passes import pass_reports
from gromit.bootstrap.workers import RunningPool, WorkerCallbacks, workers
from gromit.cli import FAILED, INTERRUPTED, PARTLY, CliContext
from gromit.cli.render import print_rows
from gromit.cli.stopping import on_stop_signal
from gromit.config.schema import Settings
from gromit.core.environments.phases import Work
from gromit.core.environments.wakes import Watcher
from gromit.core.environments.worker_protocol import RunEnding
from gromit.core.metrics.pass_report import PassPart
from gromit.errors import ConfigRootUnusable, GromitError, InvalidInput, Suspended
from gromit.log import get_logger
from gromit.ports import Progress
from gromit.services.workers import RunResult

log = get_logger(__name__)

_GOOD = frozenset({RunEnding.DONE, RunEnding.SUPERSEDED, RunEnding.FENCED})


def worker_pass_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ROOT, `--watch` and `--dry-run` to a command."""
    for decorate in (
        click.option(
            "--dry-run",
            is_flag=True,
            help="Show the action and its reason for every environment; do nothing.",
        ),
        click.option(
            "--watch", is_flag=True, help="Keep running, and react to changes within a second."
        ),
        click.argument("root", required=False, type=click.Path(path_type=Path)),
    ):
        command = decorate(command)
    return command


def work(run: CliContext, kind: Work, root: Path | None, *, watch: bool, dry_run: bool) -> int:
    """Run one pass, a watch or a dry run. Return the exit code."""
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

    with pass_reports(settings, PassPart(kind), is_watch=watch) as passes:
        reporting = WorkerCallbacks(stop, _progress(quiet=quiet), done, passes=passes)
        running = workers(settings, kind, root or settings.root, reporting)
        with closing(running), on_stop_signal(partial(_stop_gently, stop, running.interrupt)):
            if watch:
                feed = work_feed(settings, Watcher(kind))
                running.pool.watch(feed, settings.sow.backstop.total_seconds())
                return 0
            _pass(run, running, outcomes)
    return INTERRUPTED if stop.is_set() else _exit_code(outcomes)


def _pass(run: CliContext, running: RunningPool, outcomes: list[RunResult]) -> None:
    """Run one pass and print its results.

    A pass that fails also prints them, but not that nothing was due.
    """
    try:
        running.pool.once()
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


def _stop_gently(stop: threading.Event, interrupt: Callable[[], None]) -> None:
    """Start nothing new, and let a running terraform save its state."""
    stop.set()
    # Waiting for terraform would block the main thread, which has to end the pass.
    threading.Thread(target=interrupt, name="interrupt", daemon=True).start()


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
    """Return the exit code for the last run of each environment."""
    good = [o.ending in _GOOD for o in {o.name: o for o in outcomes}.values()]
    if all(good):
        return 0
    return PARTLY if any(good) else FAILED


def _show_plan(run: CliContext, settings: Settings, kind: Work, root: Path) -> int:
    # A pass needs no phases.
    from gromit.core.environments.pass_plan import plan_of_views  # noqa: PLC0415

    _warn_of_halt(root)
    now = now_ms()
    with closing(serve_client(settings)) as serve:
        listed = list(serve.pages())
    items = plan_of_views(kind, listed, now, settings.reap.limit if kind is Work.REAP else None)
    print_rows(
        [{"name": i.name, "action": i.action, "why": i.why} for i in items],
        ("name", "action", "why"),
        run.output,
        empty="no environments",
    )
    return 0


def _warn_of_halt(root: Path) -> None:
    """Warn if suspension or an unusable config root would keep the plan from starting."""
    try:
        config_root(root).check()
    except (Suspended, ConfigRootUnusable) as error:
        click.echo(f"nothing would start now: {error.message}", err=True)
        click.echo(f"  hint: {error.hint}", err=True)
