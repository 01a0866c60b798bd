"""One terraform process: it never outlives its worker, is read live, and is stopped gracefully.

Terraform writes to memory files instead of pipes. A pipe without a reader would kill terraform with
SIGPIPE before it has saved its state, and a file would keep unmasked output on a disk.
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

from gromit.adapters.terraform import guard as terraform_guard
from gromit.errors import BackendError

_log = structlog.get_logger(__name__)

EMBEDDED = terraform_guard.EMBEDDED
_POLL_MS = 100
_STDERR_MAX = 64 * 1024
_CHUNK = 64 * 1024
_READ_MAX = 16 * _CHUNK
"""Largest number of bytes read between two checks of the process."""
_LINE_MAX = 4 * 1024 * 1024
"""Largest number of bytes kept of a line. The longest one of terraform, its outputs, has 100 KB."""

StopReason = Literal["timeout", "interrupt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """Program, arguments and surroundings of a process."""

    program: str
    """Path of a terraform, or `EMBEDDED`."""
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    keep_open: int
    """File descriptor of the folder's lock, which the process inherits: the folder is in use."""
    provider: Path | None = None
    """Program of the provider that runs beside terraform; None: terraform starts its own."""

    def argv(self) -> list[str]:
        """Return the command line, which runs terraform through `guard.py`."""
        script = str(Path(terraform_guard.__file__))
        provider = [f"{terraform_guard.PROVIDER}{self.provider}"] if self.provider else []
        guard = [sys.executable, "-I", script, str(os.getpid())]
        return [*guard, self.program, *provider, *self.arguments]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPolicy:
    """Reasons to stop a process, and the time that it gets for its end."""

    timeout_s: float
    grace_s: float
    """Seconds after the first interrupt, in which terraform saves its state and ends."""
    last_s: float = 5.0
    """Seconds after the second interrupt, at which terraform aborts, and again after SIGKILL."""
    interrupted: Event
    """Set when the worker has to stop."""


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """Exit code and standard error of a process that has ended."""

    code: int
    """Exit code; the negative number of the signal if one ended it."""
    stderr: str
    """The first 64 KiB of standard error, not masked."""
    stopped: StopReason | None
    """Reason for which the worker stopped it; None if it ended by itself."""


class _Lines:
    """Splits a stream into lines. A line longer than `_LINE_MAX` is cut to its first part."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[str]:
        """Yield the lines that end in this chunk."""
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            self._keep(end)
            yield self.rest()
        self._keep(rest)

    def rest(self) -> str:
        """Return the unfinished line, and start a new one."""
        line = b"".join(self._parts)
        self._parts, self._size = [], 0
        return line.decode(errors="replace")

    def _keep(self, part: bytes) -> None:
        part = part[: _LINE_MAX - self._size]
        self._parts.append(part)
        self._size += len(part)


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
        self._lines = _Lines()

    def has_ended(self) -> bool:
        """Pass on new output, and wait up to 0.1 s for the process to end.

        An ended process is not reaped here, so its pid cannot be reused.
        """
        ended = bool(self._poll.poll(_POLL_MS))
        self._read(last=ended)
        return ended

    def signal(self, number: signal.Signals) -> None:
        """Signal terraform and its providers, which are in one process group."""
        os.killpg(self.process.pid, number)

    def stderr(self) -> str:
        return os.pread(self._err, _STDERR_MAX, 0).decode(errors="replace")

    def _read(self, *, last: bool) -> None:
        end = os.fstat(self._out).st_size
        if not last:
            # The rest waits, so that endless output does not hide a timeout or an interrupt.
            end = min(end, self._offset + _READ_MAX)
        while self._offset < end:
            chunk = os.pread(self._out, min(_CHUNK, end - self._offset), self._offset)
            self._offset += len(chunk)
            for line in self._lines.feed(chunk):
                self.on_line(line)
        if last and (rest := self._lines.rest()):
            self.on_line(rest)


def run_process(
    spec: ProcessSpec, policy: StopPolicy, on_line: Callable[[str], None]
) -> ProcessResult:
    """Run a process until it ends or is stopped; `on_line` gets each line of standard output live.

    No process is left behind, also if something raises. Raises `BackendError` if it cannot start.
    """
    with _started(spec, on_line) as child:
        try:
            stopped = _wait(child, policy)
        except BaseException:
            # `on_line` itself may have raised, so it is not called again; terraform still gets its
            # grace period to save the state.
            child.on_line = _ignore
            _stop(child, policy)
            raise
        if stopped is not None:
            _log.warning("terraform.interrupted", why=stopped, pid=child.process.pid)
            _stop(child, policy)
        stderr = child.stderr()
    return ProcessResult(child.process.returncode, stderr, stopped)


def run_interactive(spec: ProcessSpec) -> int:
    """Run a process for a person, on our terminal and in our process group; return its exit code.

    The terminal sends Ctrl-C to both processes. This one ignores it and waits for terraform's end.
    """
    with _popen(spec) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


@contextmanager
def _started(spec: ProcessSpec, on_line: Callable[[str], None]) -> Iterator[_Child]:
    with ExitStack() as cleanup:
        out, err = os.memfd_create("terraform-stdout"), os.memfd_create("terraform-stderr")
        cleanup.callback(os.close, out)
        cleanup.callback(os.close, err)
        process = _popen(
            spec, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        cleanup.callback(_kill_group, process)
        pidfd = os.pidfd_open(process.pid)
        cleanup.callback(os.close, pidfd)
        yield _Child(process, (pidfd, out, err), on_line)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill the rest of the group, then reap the process.

    Providers outlive a terraform that was killed. The order matters: a reaped pid may be reused.
    """
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _popen(spec: ProcessSpec, **settings: Any) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - arguments are a list, and there is no shell
            spec.argv(),
            cwd=spec.folder,
            env=dict(spec.environment),
            pass_fds=(spec.keep_open,),
            **settings,
        )
    except OSError as error:
        raise BackendError(f"cannot start {spec.program}: {error}") from error


def _ignore(_line: str) -> None:
    pass


def _wait(child: _Child, policy: StopPolicy) -> StopReason | None:
    deadline = time.monotonic() + policy.timeout_s
    while not child.has_ended():
        if policy.interrupted.is_set():
            return "interrupt"
        if time.monotonic() >= deadline:
            return "timeout"
    return None


def _stop(child: _Child, policy: StopPolicy) -> None:
    """Send SIGINT, then SIGINT again, and SIGKILL last. Output is still passed on."""
    for number, seconds in (
        (signal.SIGINT, policy.grace_s),
        (signal.SIGINT, policy.last_s),
        (signal.SIGKILL, policy.last_s),
    ):
        child.signal(number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if child.has_ended():
                return
