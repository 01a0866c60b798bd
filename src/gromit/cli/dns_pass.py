"""One DNS pass, a watch or a dry run: `gromit chitragupta` and `gromit cluster expose`."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gromit.bootstrap.chitragupta import build_chitragupta, health_watch, watch_intervals
from gromit.bootstrap.clients import suspension_check, work_feed
from gromit.bootstrap.config_root import config_root
from gromit.bootstrap.passes import pass_reports
from gromit.bootstrap.public_components import configured_public_components
from gromit.cli import PARTLY, CliContext
from gromit.cli.render import print_rows
from gromit.cli.stopping import on_stop_signal
from gromit.core.environments.wakes import Watcher
from gromit.core.metrics.pass_report import PassPart
from gromit.errors import GromitError, InvalidInput
from gromit.services.chitragupta import Chitragupta, PassResult
from gromit.services.health import HealthFeed

_COLUMNS = ("action", "name", "type", "values", "why")
_ACTIONS = (
    ("create", "creates"),
    ("update", "upserts"),
    ("delete", "deletes"),
    ("blocked", "blocked"),
    ("left alone", "left_alone"),
)


def dns_pass_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ROOT, `--watch`, `--dry-run` and `--force` to a command."""
    for decorate in (
        click.option("--force", is_flag=True, help="Delete records without a limit."),
        click.option(
            "--dry-run", is_flag=True, help="Show each change and its reason; change nothing."
        ),
        click.option(
            "--watch", is_flag=True, help="Keep running, and react to changes within a second."
        ),
        click.argument("root", required=False, type=click.Path(path_type=Path)),
    ):
        command = decorate(command)
    return command


def expose(run: CliContext, root: Path | None, *, watch: bool, dry_run: bool, force: bool) -> int:
    """Run one pass, a watch or a dry run. Return the exit code."""
    if watch and (dry_run or force):
        raise InvalidInput(
            "--watch excludes --dry-run and --force",
            hint="review the plan with --dry-run, then force a single pass",
        )
    settings, known = run.settings, configured_public_components(run.settings)
    check = _guard(run, root)
    with pass_reports(settings, PassPart.CHITRAGUPTA, is_watch=watch) as passes:
        if watch:
            stop = threading.Event()
            with health_watch() as health, on_stop_signal(stop.set):
                build_chitragupta(settings, known, health, passes).watch(
                    HealthFeed(work_feed(settings, Watcher.CHITRAGUPTA), health),
                    check,
                    stop,
                    watch_intervals(settings, stop),
                )
            return 0
        keeper = build_chitragupta(settings, known, passes=passes)
        return _once(run, keeper, check, dry_run=dry_run, force=force)


def _once(
    run: CliContext,
    keeper: Chitragupta,
    check: Callable[[], None],
    *,
    dry_run: bool,
    force: bool,
) -> int:
    """Run a single pass, or show its plan. Return the exit code."""
    if dry_run:
        found = keeper.preview()
        _show(run, found)
        if not force:
            keeper.check(found)
    else:
        found = _pass(keeper, check, force=force)
        _show(run, found)
    return PARTLY if found.is_partial else 0


def _pass(keeper: Chitragupta, check: Callable[[], None], *, force: bool) -> PassResult:
    """Run one pass. Log its failure, for metrics, unless a person is at the terminal."""
    try:
        check()
        return keeper.run(_silent, force=force)
    except GromitError as error:
        if not sys.stderr.isatty():
            keeper.failed(error)
        raise


def _guard(run: CliContext, root: Path | None) -> Callable[[], None]:
    """Return the check before each pass: a suspension at serve or in the config root forbids it.

    Without a root, given or set, only serve can forbid a pass.
    """
    ask_serve = suspension_check(run.settings)
    if root is None and "root" not in run.loaded.origins:
        return ask_serve
    tree = config_root(root or run.settings.root)

    def check() -> None:
        tree.check()
        ask_serve()

    return check


def change_rows(found: PassResult) -> list[dict[str, Any]]:
    """Return a row for each change of a pass, with its reason."""
    return [
        {
            "action": action,
            "name": r.name,
            "type": r.type,
            "ttl": r.ttl,
            "values": sorted(r.values),
            "why": why,
        }
        for action, part in _ACTIONS
        for r, why in getattr(found.changes, part)
    ]


def _show(run: CliContext, found: PassResult) -> None:
    print_rows(change_rows(found), _COLUMNS, run.output, empty="nothing to change")
    if found.incomplete:
        click.echo(
            f"the list of tasks is incomplete, so nothing was deleted: {found.incomplete}", err=True
        )
    for name in found.unreadable:
        click.echo(
            f"the row of {name} cannot be read, so its records stay as they are: "
            f"gromit env get {name}",
            err=True,
        )


def _silent(_line: str) -> None:
    """Ignore progress: each write is logged, and shown at the end."""
