"""Processes by identity: a pid with its start time, as pids are used again; and their children."""

import ctypes
import os
import signal
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from gromit.adapters.procfs import PROC, PROCESS_GONE, ProcessStat, read_stat

_PR_SET_CHILD_SUBREAPER = 36
_POLL = 0.05
"""Seconds between two checks of processes that should end."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """Identity of one process, which no other process ever has."""

    pid: int
    started: int
    """Clock ticks between boot and its start."""

    def alive(self) -> bool:
        """Whether the process exists and is not a zombie."""
        found = _stat(self.pid)
        return found is not None and found.started == self.started and not found.is_dead

    def signal(self, number: int) -> None:
        """Send the process a signal, if it is alive."""
        if self.alive():
            # The process may end between the check and the signal.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def process_id(pid: int) -> ProcessId | None:
    """Return the identity of the process with a pid; None if there is none."""
    found = _stat(pid)
    return None if found is None else ProcessId(pid, found.started)


def become_subreaper() -> None:
    """Adopt all descendants whose own parent ends, so that none escapes (Linux child subreaper)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[ProcessId]:
    """Return all living processes below `pid`, parents before children."""
    children: dict[int, list[ProcessId]] = {}
    for pid_folder in (entry for entry in PROC.iterdir() if entry.name.isdecimal()):
        found = _stat(int(pid_folder.name))
        if found is not None and not found.is_dead:
            child = ProcessId(int(pid_folder.name), found.started)
            children.setdefault(found.parent, []).append(child)
    below, ahead = [], [pid]
    while ahead:
        here = children.get(ahead.pop(), [])
        below += here
        ahead += [child.pid for child in here]
    return below


def reap_children(known: Iterable[int]) -> None:
    """Reap adopted children that have ended, but not the `known` pids, which others wait for."""
    ours = frozenset(known)
    for entry in (PROC / str(os.getpid()) / "task").iterdir():
        with suppress(*PROCESS_GONE):
            for pid in map(int, (entry / "children").read_text().split()):
                if pid not in ours:
                    with suppress(ChildProcessError):
                        os.waitpid(pid, os.WNOHANG)


def terminate(processes: Iterable[ProcessId], grace_s: float) -> list[ProcessId]:
    """Send SIGTERM, and SIGKILL after `grace_s` seconds; return the processes that were killed."""
    alive = [p for p in processes if p.alive()]
    for process in alive:
        process.signal(signal.SIGTERM)
    left = wait_for_exit(alive, grace_s)
    for process in left:
        process.signal(signal.SIGKILL)
    wait_for_exit(left, grace_s)
    return left


def wait_for_exit(processes: Iterable[ProcessId], seconds: float) -> list[ProcessId]:
    """Wait until all processes have ended, at most `seconds`; return those that have not."""
    left, deadline, pause = list(processes), time.monotonic() + seconds, threading.Event()
    while (left := [p for p in left if p.alive()]) and time.monotonic() < deadline:
        pause.wait(_POLL)
    return left


def _stat(pid: int) -> ProcessStat | None:
    try:
        return read_stat(PROC / str(pid))
    except PROCESS_GONE:
        return None
