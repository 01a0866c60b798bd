"""Processes by identity: a pid together with its start time, since pids are used again; and the children of one."""

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
_LOOK = 0.05
"""Seconds between two looks at processes that are to end."""


@dataclass(frozen=True, slots=True)
class ProcessId:
    """One process, and never another one."""

    pid: int
    started: int
    """Clock ticks between boot and its start."""

    def alive(self) -> bool:
        """Whether it is there and not a zombie."""
        found = _stat(self.pid)
        return found is not None and found.started == self.started and not found.is_dead

    def signal(self, number: int) -> None:
        """Send it a signal, if it is alive."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def process_id(pid: int) -> ProcessId | None:
    """Who has a pid now; None if nobody has."""
    found = _stat(pid)
    return None if found is None else ProcessId(pid, found.started)


def become_subreaper() -> None:
    """Become the parent of all descendants whose own parent ends, so that none escapes (Linux' child subreaper)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[ProcessId]:
    """All processes below `pid` that are alive, parents before children."""
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
    """Take leave of adopted children that have ended, leaving the `known` pids to those who started them."""
    ours = frozenset(known)
    for entry in (PROC / str(os.getpid()) / "task").iterdir():
        with suppress(*PROCESS_GONE):
            for pid in map(int, (entry / "children").read_text().split()):
                if pid not in ours:
                    with suppress(ChildProcessError):
                        os.waitpid(pid, os.WNOHANG)


def terminate(processes: Iterable[ProcessId], patience: float) -> list[ProcessId]:
    """Ask processes to end, and after `patience` seconds make them; gives those that had to be made."""
    asked = [p for p in processes if p.alive()]
    for process in asked:
        process.signal(signal.SIGTERM)
    stubborn = wait_for_exit(asked, patience)
    for process in stubborn:
        process.signal(signal.SIGKILL)
    wait_for_exit(stubborn, patience)
    return stubborn


def wait_for_exit(processes: Iterable[ProcessId], seconds: float) -> list[ProcessId]:
    """Wait until all have ended, at most so many seconds; gives those that have not."""
    left, deadline, pause = list(processes), time.monotonic() + seconds, threading.Event()
    while (left := [p for p in left if p.alive()]) and time.monotonic() < deadline:
        pause.wait(_LOOK)
    return left


def _stat(pid: int) -> ProcessStat | None:
    try:
        return read_stat(PROC / str(pid))
    except PROCESS_GONE:
        return None
