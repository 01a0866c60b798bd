"""One terraform process: started so that it never outlives its worker, read live, stopped gently.

It writes to memory files, not to pipes: a pipe whose reader has died would kill terraform with SIGPIPE before it has saved its
state, and nothing that it says reaches a disk unmasked.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Literal

import structlog

from gromit.adapters.terraform import child as terraform_child
from gromit.errors import BackendError

_log = structlog.get_logger(__name__)

EMBEDDED = terraform_child.EMBEDDED
_POLL_MS = 100
_STDERR_MAX = 64 * 1024

StopReason = Literal["timeout", "interrupt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """What to start."""

    program: str
    """Path of a terraform, or `EMBEDDED`."""
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    keep_open: int
    """A file descriptor that the process holds open while it lives, so that others see that its folder is in use."""

    def argv(self) -> list[str]:
        """The command line: our child script, which ties the process to this one before it becomes terraform."""
        script = str(Path(terraform_child.__file__))
        return [sys.executable, "-I", script, str(os.getpid()), self.program, *self.arguments]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPolicy:
    """When a process is stopped before its end."""

    timeout_s: float
    grace_s: float
    """What it gets after the first interrupt, to save its state and end."""
    last_s: float = 5.0
    """What it gets after the second interrupt, at which terraform gives up at once, and for its end after SIGKILL."""
    interrupted: Event
    """Set when the worker has to stop."""


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """How a process ended."""

    code: int
    """Exit code; minus the signal's number if one ended it."""
    stderr: str
    """The first part of what it wrote there; not masked."""
    cut: StopReason | None
    """Why it was stopped, if it was."""


class _Child:
    def __init__(
        self,
        process: subprocess.Popen[bytes],
        files: tuple[int, int, int],
        on_line: Callable[[str], None],
    ) -> None:
        self.process = process
        self.on_line = on_line
        pidfd, self._out, self._err = files
        self._poll = select.poll()
        self._poll.register(pidfd, select.POLLIN)
        self._offset = 0
        self._rest = b""

    def has_ended(self) -> bool:
        """Hand on what was written, and wait a moment for the end. An ended process is not reaped: its pid stays ours."""
        ended = bool(self._poll.poll(_POLL_MS))
        self._read(last=ended)
        return ended

    def signal(self, number: signal.Signals) -> None:
        """Signal terraform and its providers: the process leads a group of its own, and is not reaped yet."""
        os.killpg(self.process.pid, number)

    def stderr(self) -> str:
        return os.pread(self._err, _STDERR_MAX, 0).decode(errors="replace")

    def _read(self, *, last: bool) -> None:
        while chunk := os.pread(self._out, 1 << 16, self._offset):
            self._offset += len(chunk)
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                self.on_line(line.decode(errors="replace"))
        if last and self._rest:
            rest, self._rest = self._rest, b""
            self.on_line(rest.decode(errors="replace"))


def run_process(
    launch: ProcessSpec, leash: StopPolicy, on_line: Callable[[str], None]
) -> ProcessResult:
    """Run to the end, or to its cutting short; `on_line` gets each line of standard output as it comes.

    Nothing of it is left behind, whatever is raised. Raises `BackendError` if it cannot be started.
    """
    with _started(launch, on_line) as child:
        try:
            cut = _wait(child, leash)
        except BaseException:
            child.on_line = (
                _ignore  # it may be what has raised; terraform gets its grace all the same
            )
            _stop(child, leash)
            raise
        if cut is not None:
            _log.warning("terraform.interrupted", why=cut, pid=child.process.pid)
            _stop(child, leash)
        stderr = child.stderr()
    return ProcessResult(child.process.returncode, stderr, cut)


def run_interactive(launch: ProcessSpec) -> int:
    """Run on this process' own terminal and in its process group: for people. Gives the exit code.

    Ctrl-C reaches terraform from the terminal, and this process waits for what terraform makes of it.
    """
    with _popen(launch) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


@contextmanager
def _started(launch: ProcessSpec, on_line: Callable[[str], None]) -> Iterator[_Child]:
    with ExitStack() as ends:
        out, err = os.memfd_create("terraform-stdout"), os.memfd_create("terraform-stderr")
        ends.callback(os.close, out)
        ends.callback(os.close, err)
        process = _popen(
            launch, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        ends.callback(_end, process)
        pidfd = os.pidfd_open(process.pid)
        ends.callback(os.close, pidfd)
        yield _Child(process, (pidfd, out, err), on_line)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the group (a provider outlives a terraform that was killed), then let go of the pid."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _popen(launch: ProcessSpec, **settings: Any) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - a list of our own making, and no shell
            launch.argv(),
            cwd=launch.folder,
            env=dict(launch.environment),
            pass_fds=(launch.keep_open,),
            **settings,
        )
    except OSError as error:
        raise BackendError(f"cannot start {launch.program}: {error}") from error


def _ignore(_line: str) -> None:
    pass


def _wait(child: _Child, leash: StopPolicy) -> StopReason | None:
    deadline = time.monotonic() + leash.timeout_s
    while not child.has_ended():
        if leash.interrupted.is_set():
            return "interrupt"
        if time.monotonic() >= deadline:
            return "timeout"
    return None


def _stop(child: _Child, leash: StopPolicy) -> None:
    """SIGINT, grace, SIGINT again, SIGKILL last. What it says meanwhile is still handed on."""
    for number, patience in (
        (signal.SIGINT, leash.grace_s),
        (signal.SIGINT, leash.last_s),
        (signal.SIGKILL, leash.last_s),
    ):
        child.signal(number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if child.has_ended():
                return
