"""What `gromit chitragupta` and `gromit cluster expose` share: they are one command under two names."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gromit.bootstrap.chitragupta import build_chitragupta, watch_intervals
from gromit.bootstrap.clients import change_feed
from gromit.bootstrap.config_root import config_root
from gromit.cli import PARTLY, CliContext
from gromit.cli.render import print_rows
from gromit.errors import InvalidInput
from gromit.services.chitragupta import PassResult

_COLUMNS = ("action", "name", "type", "values", "why")
_ACTIONS = (
    ("create", "creates"),
    ("update", "upserts"),
    ("delete", "deletes"),
    ("blocked", "blocked"),
    ("left alone", "left_alone"),
)


def dns_pass_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """ROOT, `--watch`, `--dry-run` and `--force`."""
    for decorate in (
        click.option("--force", is_flag=True, help="Delete however many records the plan says."),
        click.option(
            "--dry-run", is_flag=True, help="Show what would be changed, and why; change nothing."
        ),
        click.option("--watch", is_flag=True, help="Go on, reacting to changes within a second."),
        click.argument("root", required=False, type=click.Path(path_type=Path)),
    ):
        command = decorate(command)
    return command


def expose(run: CliContext, root: Path | None, *, watch: bool, dry_run: bool, force: bool) -> int:
    """One pass, a watch, or the plan of a pass. Gives the exit code."""
    if watch and (dry_run or force):
        raise InvalidInput(
            "--watch goes neither with --dry-run nor with --force",
            hint="force a single pass, after looking at its plan",
        )
    settings = run.settings
    keeper, check = build_chitragupta(settings), _guard(run, root)
    if watch:
        with _stopping() as stop:
            keeper.watch(
                change_feed(settings),
                check,
                stop,
                watch_intervals(settings, stop),
            )
        return 0
    if dry_run:
        found = keeper.preview()
        _show(run, found)
        if not force:
            keeper.check(found)
    else:
        check()
        found = keeper.run(_silent, force=force)
        _show(run, found)
    return PARTLY if found.is_partial else 0


def _guard(run: CliContext, root: Path | None) -> Callable[[], None]:
    """What forbids a pass: the suspension file of the root that was given, or set; without one, nothing does."""
    if root is None and "root" not in run.loaded.origins:
        return lambda: None
    check: Callable[[], None] = config_root(root or run.settings.root).check
    return check


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """A signal that SIGTERM and SIGINT set: the watch ends when the request that is under way has been answered."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(run: CliContext, found: PassResult) -> None:
    rows = [
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
    print_rows(rows, _COLUMNS, run.output, empty="nothing to change")
    if found.incomplete:
        click.echo(
            f"the tasks were not seen whole, so nothing was deleted: {found.incomplete}", err=True
        )


def _silent(_line: str) -> None:
    """What was written is logged, and shown at the end."""
