"""Processes of the bench, which need not start Python again where they only have to run."""

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Protocol

from tests.commands import start_module

ROOT = Path(__file__).parents[2]


class Process(Protocol):
    """A running process."""

    pid: int

    def terminate(self) -> None:
        """Send SIGTERM."""

    def wait(self, timeout: float) -> int:
        """Wait for the end."""


Start = Callable[[str, Sequence[str], Mapping[str, str], int], Process]
"""Starts `python -m MODULE ARGUMENTS` with an environment, and its output to a file."""


def start_process(
    module: str, arguments: Sequence[str], environ: Mapping[str, str], output: int
) -> Process:
    """Start a process as in production. Its memory and CPU time are its own."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
    )


def start_fork(
    module: str, arguments: Sequence[str], environ: Mapping[str, str], output: int
) -> Process:
    """Start a fork of a process that has loaded everything."""
    fork = start_module(module, arguments, environ, output, output)
    if fork.stdin is not None:
        fork.stdin.close()
    return fork


START: ContextVar[Start] = ContextVar("start", default=start_process)
"""The way in which the bench starts processes."""
