"""Workers in processes of their own, whose runs wait as those on AWS do."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from gromit.core.security.roles import Role
from tests.bench.law import Curve, Extent, Goal, Law, Measured
from tests.bench.sample_row import sample_item
from tests.bench.served import MeasuredServe, measured_serve
from tests.bench.waiting_worker import MARK

PENDING = 16
WORKERS = 4
QUIET = 2
"""Pending environments of the repository that has few; all others are of another one."""
WAIT_S, SMALL_WAIT_S, SMALLEST_WAIT_S = 4.0, 2.0, 0.1
LEAST_SPEEDUP = 3.5


@dataclass(frozen=True, slots=True)
class _Work:
    seconds: float
    order: tuple[str, ...]
    """Environments in the order in which their runs began."""


def _measure(extent: Extent) -> Measured:
    wait_s = extent.pick(whole=WAIT_S, small=SMALL_WAIT_S, smallest=SMALLEST_WAIT_S)
    done = {}
    for workers in (1, WORKERS):
        extent.say(f"{PENDING} pending environments, {workers} workers, runs of {wait_s} s")
        folder = extent.folder / str(workers)
        folder.mkdir(mode=0o700)
        done[workers] = _work_off(folder, workers, wait_s)
    assert all(len(set(work.order)) == len(work.order) == PENDING for work in done.values())
    alone, together = done[1], done[WORKERS]
    return Measured(
        (
            Goal(
                what=f"speed of {WORKERS} workers beside that of one",
                unit="times",
                limit=LEAST_SPEEDUP,
                measured=alone.seconds / together.seconds,
                is_least=True,
            ),
            Goal(
                what=f"runs of a flood of {PENDING - QUIET} before the last one of {QUIET} later"
                " builds of another repository, one worker",
                unit="runs",
                limit=QUIET,
                measured=_flood_before_last(alone.order),
                is_count=True,
            ),
            Goal(
                what="the same with all workers",
                unit="runs",
                limit=QUIET + WORKERS,
                measured=_flood_before_last(together.order),
                is_count=True,
            ),
        ),
        Curve(
            "workers",
            f"time until {PENDING} environments are done, s",
            tuple((float(workers), work.seconds) for workers, work in done.items()),
        ),
    )


def _flood_before_last(order: Sequence[str]) -> int:
    last = max(place for place, name in enumerate(order) if name.startswith("quiet"))
    return sum(name.startswith("flood") for name in order[:last])


def _work_off(folder: Path, workers: int, wait_s: float) -> _Work:
    """Report builds, then let workers begin at once."""
    with measured_serve(folder, 0, row=sample_item(1)) as serve, ExitStack() as ends:
        running = [ends.enter_context(_worker(serve, wait_s)) for _ in range(workers)]
        for worker in running:
            assert worker.stdout is not None
            next(line for line in worker.stdout if line.startswith(MARK))
        for number in range(PENDING - QUIET):
            _build(serve, "tyk", f"flood-{number}")
        for number in range(QUIET):
            _build(serve, "tyk-analytics", f"quiet-{number}")
        lines = [
            line
            for worker in _start_together(running)
            for line in worker.communicate()[0].splitlines()
        ]
    said = [line.removeprefix(MARK).split() for line in lines if line.startswith(MARK)]
    events = sorted((int(at), text) for at, text in said)
    order = tuple(text for _, text in events if text != "end")
    return _Work((events[-1][0] - events[0][0]) / 1e9, order)


def _start_together(
    workers: Sequence["subprocess.Popen[str]"],
) -> Sequence["subprocess.Popen[str]"]:
    """Let all workers begin before one of them is waited for."""
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return workers


def _build(serve: MeasuredServe, repository: str, branch: str) -> None:
    body = {"repo": repository, "ref": f"refs/heads/{branch}", "sha": "0" * 40}
    serve.client.post("/newbuild", json=body).raise_for_status()


def _worker(serve: MeasuredServe, wait_s: float) -> "subprocess.Popen[str]":
    files = serve.certificates.of(Role.WORKER)
    arguments = (
        f"https://{serve.address}",
        files.cert,
        files.key,
        serve.certificates.ca,
        str(wait_s),
    )
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.waiting_worker", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


LAW = Law(
    "Four workers do the work of one in little more than a quarter of its time, and repositories"
    " take turns.",
    _measure,
    held_by=("tests/services/test_turns.py", "tests/core/environments/test_turns.py"),
)
