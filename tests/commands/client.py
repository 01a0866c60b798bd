"""Run a program of gromit in a process of its own, without its start-up.

A process that has all modules of the commands loaded forks for each program. The fork has its own
process id, environment, folder and streams, as a new process has. Start-up is most of the CPU time
of a short command. Tests of the local cloud and of the demo start `python -m gromit` itself.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

from tests.waiting import PATIENCE_S

_REPOSITORY = Path(__file__).parents[2]


class Fork:
    """A fork that runs a program, with the methods of `subprocess.Popen` that tests use."""

    def __init__(self, pid: int, result: int, stdin: IO[bytes] | None = None) -> None:
        self.pid = pid
        self.stdin = stdin
        self.returncode: int | None = None
        self._result = result

    def poll(self) -> int | None:
        """Return the exit code, or None while the program runs."""
        return self._look(0)

    def wait(self, timeout: float) -> int:
        """Wait for the end. Raises `subprocess.TimeoutExpired`."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the process, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def _look(self, timeout: float) -> int | None:
        if self.returncode is None and select.select([self._result], [], [], timeout)[0]:
            self.returncode = int(os.read(self._result, 20))
            os.close(self._result)
        return self.returncode


class _Forks:
    """The connection to the process that forks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair()
        self._answers = self._socket.makefile("r")
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.commands.server", str(theirs.fileno())],
                cwd=_REPOSITORY,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def start(
        self, order: Mapping[str, object], streams: Sequence[int], stdin: IO[bytes] | None = None
    ) -> Fork:
        """Start one program with its three streams. `stdin` is the other end of the first."""
        read, write = os.pipe()
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(order).encode() + b"\n"], [*streams, write])
            pid = int(self._answers.readline())
        os.close(write)
        return Fork(pid, read, stdin)

    def close(self) -> None:
        """End the process that forks, and with it all forks."""
        self._answers.close()
        self._socket.close()
        self._process.wait()


@cache
def _forks() -> _Forks:
    forks = _Forks()
    atexit.register(forks.close)
    return forks


def run_gromit(
    *arguments: str,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    stdin: str = "",
    timeout: float = 3 * PATIENCE_S,
) -> subprocess.CompletedProcess[str]:
    """Run `gromit` with exactly this environment. It is killed when the time is over."""
    return _run(_order("gromit", arguments, environ, cwd), stdin, timeout)


def run_hook(
    environ: Mapping[str, str], cwd: Path, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run the script of the action that reports builds, in the same way."""
    return _run(_order("notify", (), environ, cwd), "", timeout)


def _run(order: Mapping[str, Any], stdin: str, timeout: float) -> subprocess.CompletedProcess[str]:
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(stdin.encode())
        given.seek(0)
        fork = _forks().start(order, [stream.fileno() for stream in (given, out, err)])
        try:
            code = fork.wait(timeout)
        except subprocess.TimeoutExpired:
            os.kill(fork.pid, signal.SIGKILL)
            code = fork.wait(timeout)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
    return subprocess.CompletedProcess([order["module"], *order["arguments"]], code, *texts)


def start_module(
    module: str, arguments: Sequence[str], environ: Mapping[str, str], out: int, err: int
) -> Fork:
    """Start `python -m MODULE ARGUMENTS` in a session of its own, with a pipe to its input."""
    read, write = os.pipe()
    order = _order(module, arguments, environ, None) | {"session": True}
    fork = _forks().start(order, [read, out, err], os.fdopen(write, "wb", buffering=0))
    os.close(read)
    return fork


def _order(
    module: str, arguments: Sequence[str], environ: Mapping[str, str], cwd: Path | None
) -> dict[str, Any]:
    return {
        "module": module,
        "arguments": arguments,
        "environ": dict(environ),
        "cwd": str(cwd or Path.cwd()),
        "session": False,
    }
