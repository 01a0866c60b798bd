"""Processes of a test: they end with the test, and the test reads their output."""

import json
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gromit.local.cloud.processes import ProcessId, descendants, process_id, terminate
from tests.commands import start_module
from tests.waiting import PATIENCE_S, wait_for


class Process:
    """A process that runs beside the test: `python -m MODULE ARGUMENTS`, as a warm fork."""

    def __init__(
        self, module: str, arguments: Sequence[str], environ: Mapping[str, str], log: Path
    ) -> None:
        self._out, self._err = log.with_suffix(".out"), log.with_suffix(".err")
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.popen = start_module(module, arguments, environ, out.fileno(), err.fileno())
        self._who = process_id(self.popen.pid)

    @property
    def pid(self) -> int:
        """Process id."""
        return self.popen.pid

    @property
    def out(self) -> str:
        """Standard output up to now."""
        return self._out.read_text(errors="replace")

    @property
    def err(self) -> str:
        """Standard error up to now."""
        return self._err.read_text(errors="replace")

    def events(self, name: str, **fields: object) -> list[dict[str, Any]]:
        """Return the log lines of one event with these fields."""
        return [
            e for e in logged(self.err) if e.get("event") == name and fields.items() <= e.items()
        ]

    def say(self, text: str) -> None:
        """Write to its standard input."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(text.encode())
        self.popen.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process only."""
        self.popen.send_signal(number)

    def until_logged(self, event: str, seconds: float = 120, **fields: object) -> dict[str, Any]:
        """Wait for a log line and return the first one. Fails if the process ends before."""
        self._until(f"{event} {fields or ''}", lambda: bool(self.events(event, **fields)), seconds)
        return self.events(event, **fields)[0]

    def until_made(self, environment: str) -> None:
        """Wait until its terraform has created a resource; the cluster takes ten more seconds."""
        self._until(f"an apply of {environment}", lambda: self._made(environment), 120)

    def _made(self, environment: str) -> bool:
        return any(": created" in e["text"] for e in self.events("run.progress", env=environment))

    def until_said(self, text: str, seconds: float = 120) -> None:
        """Wait for a text on its standard output. Fails if the process ends before."""
        self._until(repr(text), lambda: text in self.out, seconds)

    def until_stopped(self, seconds: float = 120) -> None:
        """Wait until the process is stopped (SIGSTOP)."""
        self._until("its stop", lambda: _state(self.pid) == "T", seconds)

    def ended(self, code: int, seconds: float = 150) -> "Process":
        """Wait for the end with this exit code (negative: a signal's number)."""
        try:
            found = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it has not ended within {seconds} s\n{self._output()}") from None
        assert found == code, f"exit code {found}\n{self._output()}"
        return self

    def close(self) -> None:
        """Kill the process and its descendants."""
        below = descendants(self.pid) if self.popen.poll() is None else []
        own = [self._who] if self._who else []
        _kill([*own, *below])
        self.popen.wait(PATIENCE_S)
        if self.popen.stdin:
            self.popen.stdin.close()

    def _until(self, what: str, condition: Any, seconds: float) -> None:
        def ready() -> bool:
            over = self.popen.poll() is not None
            holds = bool(condition())
            assert holds or not over, (
                f"ended with {self.popen.returncode} before {what}\n{self._output()}"
            )
            return holds

        wait_for(what, ready, seconds)

    def _output(self) -> str:
        return f"stdout: {self.out[-2000:]}\nstderr: {self.err[-6000:]}"


def logged(text: str) -> list[dict[str, Any]]:
    """Return the JSON lines of a log; other lines are skipped."""
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue  # the line is still being written
    return found


def _kill(processes: Sequence[ProcessId]) -> None:
    for process in processes:
        process.signal(signal.SIGKILL)
    terminate(processes, 10)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "-"
