"""Supervisor of a local cloud's processes.

It starts them in order, restarts those that end, and terminates them in reverse order.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import structlog

from gromit.adapters.private_files import write_atomically
from gromit.errors import BackendError
from gromit.local.cloud.processes import (
    ProcessId,
    become_subreaper,
    descendants,
    process_id,
    reap_children,
    terminate,
)

_DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")
_POLL = 0.2
"""Seconds between two checks of the processes."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Pause in seconds before a process that ended starts again; it doubles if it ends soon again."""

_HEALTHY = 30.0
"""Seconds after which a process counts as healthy."""

_GRACE = 20.0
"""Seconds between SIGTERM and SIGKILL, unless the part has another value."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedProcess:
    """One process of a cloud."""

    name: str
    command: Sequence[str]
    variables: Mapping[str, str]
    """Complete environment of the process."""
    ready: Callable[[], bool]
    """Whether the process is ready; called until it is."""
    grace_s: float = _GRACE
    """Seconds between SIGTERM and SIGKILL."""


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """Status of a part, for people and for `down`."""

    name: str
    state: str
    """`starting`, `running`, `waiting` (to be started again) or `stopped`."""
    pid: int | None = None
    started: int | None = None
    """Clock ticks between boot and its start; with the pid, the identity of the process."""
    since: float = 0.0
    """Time of the last change of state, in seconds since 1970."""
    restarts: int = 0
    last_exit: int | None = None


@dataclass(slots=True)
class _Child:
    part: ManagedProcess
    process: subprocess.Popen[bytes] | None = None
    state: ProcessStatus = field(default_factory=lambda: ProcessStatus("", "stopped"))
    early_exits: int = 0
    """Number of times in a row that it ended soon after its start."""
    restart_at: float = 0.0


class Supervisor:
    """The processes of one cloud.

    One thread calls all methods: its end would end the processes.
    """

    def __init__(self, record: Path, logs: Path, stop: threading.Event, *, alone: bool) -> None:
        """Take the files and the stop event.

        `record` is the file of `read_supervisor_state`, `logs` the folder with one log for each
        part. `stop` is set to end everything. `alone` says that this process has no other
        children, so it can adopt orphans and terminate all descendants.
        """
        self._record, self._logs, self._stop, self._alone = record, logs, stop, alone
        self._groups: list[list[_Child]] = []
        self._ready = False
        if alone:
            become_subreaper()

    def start(self, parts: Sequence[ManagedProcess], within: float) -> None:
        """Start parts together, and wait until all are ready.

        Raises `BackendError` if one ends or is not ready within `within` seconds; `stop` terminates
        them. Raises `KeyboardInterrupt` if the stop event is set meanwhile.
        """
        group = [_Child(part) for part in parts]
        self._groups.append(group)
        for child in group:
            self._launch(child)
        deadline = time.monotonic() + within
        waiting = group
        while waiting:
            late = time.monotonic() > deadline
            waiting = [child for child in waiting if not self._is_ready(child, late=late)]
            if waiting and self._stop.wait(_POLL / 4):
                raise KeyboardInterrupt

    def mark_ready(self) -> None:
        """Record that the whole cloud is ready."""
        self._ready = True
        self._write()

    def watch(self) -> None:
        """Restart processes that end, until the stop event is set."""
        while not self._stop.wait(_POLL):
            for child in self._children:
                self._check(child)
            if self._alone:
                reap_children(c.process.pid for c in self._children if c.process)

    def stop(self, *, before_the_first: Callable[[], None] = lambda: None) -> None:
        """Terminate all parts, the last started first, and then any processes they left.

        Call `before_the_first` when only those parts are left that were started first.
        """
        self._ready = False
        for group in reversed(self._groups[1:]):
            self._end(group)
        before_the_first()
        for group in self._groups[:1]:
            self._end(group)
        if self._alone:
            terminate(descendants(os.getpid()), _GRACE)
            reap_children(())

    # ── one child ──

    @property
    def _children(self) -> list[_Child]:
        return [child for group in self._groups for child in group]

    def _is_ready(self, child: _Child, *, late: bool) -> bool:
        if child.part.ready():
            self._set_state(child, state="running")
            return True
        code = child.process.poll() if child.process else None
        if code is not None:
            raise self._start_error(child, f"ended with {code}")
        if late:
            raise self._start_error(child, "is not ready in time")
        return False

    def _start_error(self, child: _Child, problem: str) -> BackendError:
        return BackendError(f"{child.part.name} {problem}", hint=f"See {self._log_of(child.part)}.")

    def _launch(self, child: _Child) -> None:
        part = child.part
        with self._log_of(part).open("ab") as output:
            child.process = subprocess.Popen(  # noqa: S603 - our own commands
                [*die_with_parent(), *part.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(part.variables),
                start_new_session=True,  # Ctrl-C in the terminal must reach only the supervisor
            )
        found = process_id(child.process.pid)
        self._set_state(
            child,
            state="starting",
            pid=child.process.pid,
            started=found.started if found else None,
            since=time.time(),
        )

    def _check(self, child: _Child) -> None:
        process = child.process
        if process is None:
            if time.monotonic() >= child.restart_at:
                self._launch(child)
            return
        code = process.poll()
        if code is not None:
            self._schedule_restart(child, code)
        elif child.state.state == "starting" and child.part.ready():
            self._set_state(child, state="running")

    def _schedule_restart(self, child: _Child, code: int) -> None:
        lived = time.time() - child.state.since
        child.process = None
        child.early_exits = 0 if lived > _HEALTHY else child.early_exits + 1
        pause = min(_FIRST_PAUSE * 2 ** max(0, child.early_exits - 1), _LONGEST_PAUSE)
        child.restart_at = time.monotonic() + pause
        log.warning("part.ended", part=child.part.name, code=code, again_in=pause)
        self._set_state(
            child,
            state="waiting",
            pid=None,
            started=None,
            since=time.time(),
            last_exit=code,
            restarts=child.state.restarts + 1,
        )

    def _end(self, group: list[_Child]) -> None:
        running = [(child, child.process) for child in group if child.process is not None]
        for _, process in running:
            process.terminate()
        # All end at the same time, so each part's time counts from here.
        terminated = time.monotonic()
        for child, process in running:
            try:
                process.wait(max(0, terminated + child.part.grace_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("part.killed", part=child.part.name, after=child.part.grace_s)
                process.kill()
                process.wait()
            child.process = None
            self._set_state(
                child,
                state="stopped",
                pid=None,
                started=None,
                since=time.time(),
                last_exit=process.returncode,
            )

    def _log_of(self, part: ManagedProcess) -> Path:
        return self._logs / f"{part.name}.log"

    # ── the record ──

    def _set_state(self, child: _Child, **changed: Any) -> None:
        child.state = ProcessStatus(**{**asdict(child.state), "name": child.part.name, **changed})
        self._write()

    def _write(self) -> None:
        me = process_id(os.getpid())
        record = {
            "supervisor": {"pid": os.getpid(), "started": me.started if me else 0},
            "ready": self._ready,
            "parts": [asdict(c.state) for c in self._children],
        }
        write_atomically(self._record, json.dumps(record, indent=1).encode() + b"\n")


def die_with_parent() -> list[str]:
    """Return a prefix for a command line: the program ends when the thread that starts it does."""
    return [sys.executable, "-S", "-I", str(_DIE_WITH_PARENT), str(os.getpid())]


@dataclass(frozen=True, slots=True)
class SupervisorState:
    """Record of a supervisor."""

    supervisor: ProcessId
    ready: bool
    parts: tuple[ProcessStatus, ...]

    @property
    def processes(self) -> list[ProcessId]:
        """Recorded processes of the parts, the last started first; they may have ended since."""
        return [
            ProcessId(p.pid, p.started)
            for p in reversed(self.parts)
            if p.pid is not None and p.started is not None
        ]


def read_supervisor_state(path: Path) -> SupervisorState | None:
    """Return the record in a file; None if the file is missing or invalid."""
    try:
        tree = json.loads(path.read_text())
        parts = tuple(ProcessStatus(**part) for part in tree["parts"])
        return SupervisorState(
            ProcessId(int(tree["supervisor"]["pid"]), int(tree["supervisor"]["started"])),
            bool(tree["ready"]),
            parts,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def terminate_on_signals(stop: threading.Event) -> set[int]:
    """Set `stop` on SIGTERM, SIGINT and a closed terminal; return the signals seen so far."""
    seen: set[int] = set()

    def handle(number: int, _frame: object) -> None:
        seen.add(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, handle)
    return seen
