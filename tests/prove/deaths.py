"""The three ways in which a worker's Terraform dies."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum

from gromit.adapters.procfs import PROC, read_stat
from gromit.local.cloud.processes import descendants
from tests.contracts.terraform.worlds import under
from tests.prove.strike_proxy import Request, StrikeOutcome

LockOf = Callable[[], str | None]
"""Id of the environment's Terraform lock, if there is one."""


class Manner(StrEnum):
    """Processes that are killed with SIGKILL."""

    ALL = "worker, terraform and provider at one blow"
    TERRAFORM = "terraform alone"
    WORKER = "worker alone"


def strike(manner: Manner, worker: int, lock_of: LockOf, request: Request) -> StrikeOutcome:
    """Kill processes of a worker that runs."""
    if manner is Manner.ALL:
        return _kill_all(worker)
    if manner is Manner.WORKER:
        os.kill(worker, signal.SIGKILL)
        lives = request.by_terraform
        return StrikeOutcome.SENDER_LIVES if lives else StrikeOutcome.SENDER_DIES
    lock = lock_of()
    terraform = next(_terraforms(lock), None) if lock else None
    if terraform is None:
        return StrikeOutcome.MISSED
    os.kill(terraform, signal.SIGKILL)
    return StrikeOutcome.SENDER_DIES


def survivors(worker: int, lock: str | None) -> list[int]:
    """Return the processes that are left of a worker."""
    left = under(lock) if lock else []
    return [*left, worker] if _lives(worker) else left


def _kill_all(worker: int) -> StrikeOutcome:
    """Stop all processes first, so that none sees another one die and saves its state."""
    os.kill(worker, signal.SIGSTOP)
    stopped: set[int] = set()
    while new := {one.pid for one in descendants(worker)} - stopped:
        for pid in new:
            _signal(pid, signal.SIGSTOP)
        stopped |= new
    for pid in (worker, *stopped):
        _signal(pid, signal.SIGKILL)
    return StrikeOutcome.SENDER_DIES


def _terraforms(lock: str) -> Iterator[int]:
    """Yield the terraform under a lock: the child of its guard, which leads the session."""
    pids = under(lock)
    guards = {pid for pid in pids if _is_leader(pid)}
    for pid in pids:
        with suppress(OSError):
            if read_stat(PROC / str(pid)).parent in guards:
                yield pid


def _is_leader(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def _lives(pid: int) -> bool:
    try:
        return not read_stat(PROC / str(pid)).is_dead
    except OSError:
        return False


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
