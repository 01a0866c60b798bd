"""Run a command of gromit in a process of its own, without its start-up.

A process that has all modules of the commands loaded forks for each command. The fork has its own
process id, environment, folder and streams, as a new process has. Start-up is most of the CPU time
of a short command. Tests of long-running commands, of the local cloud and of the demo start
`python -m gromit` itself.
"""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO

_REPOSITORY = Path(__file__).parents[2]


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

    def run(
        self, order: Mapping[str, object], streams: tuple[IO[bytes], ...], timeout: float
    ) -> int:
        """Run one command to its end, and return its exit code."""
        with self._lock:
            handles = [stream.fileno() for stream in streams]
            socket.send_fds(self._socket, [json.dumps(order).encode() + b"\n"], handles)
            pid = int(self._answers.readline())
            timer = threading.Timer(timeout, os.kill, (pid, signal.SIGKILL))
            timer.start()
            try:
                return int(self._answers.readline())
            finally:
                timer.cancel()

    def close(self) -> None:
        """End the process that forks: it ends when no process can give it an order."""
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
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run `gromit` with exactly this environment. It is killed when the time is over."""
    order = {
        "arguments": arguments,
        "environ": dict(environ),
        "cwd": str(cwd or Path.cwd()),
    }
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(stdin.encode())
        given.seek(0)
        code = _forks().run(order, (given, out, err), timeout)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
    return subprocess.CompletedProcess(["gromit", *arguments], code, *texts)
