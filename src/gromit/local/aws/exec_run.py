"""One program that a person runs in a simulated container, with a terminal or with pipes."""

import fcntl
import json
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from gromit.local.aws.exec_frames import PART, FrameKind, receive_frame, send_frame

_START = (sys.executable, "-S", "-I", str(Path(__file__).with_name("exec_program.py")))
_LOOK_S = 1.0
"""Seconds between two looks whether the container still runs."""
_GRACE_S = 2.0
"""Seconds that a program has to end after SIGHUP."""
_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})
"""Signals that a client may send."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Terminal of a client."""

    name: str
    rows: int
    columns: int

    @classmethod
    def of(cls, wishes: Mapping[str, Any]) -> Self | None:
        """Return the terminal that a client has; None if it has none."""
        found = wishes.get("terminal")
        if found is None:
            return None
        return cls(str(found["name"]), int(found["rows"]), int(found["columns"]))


class ProgramRun:
    """A running program. The thread that starts it must serve it, because it ends with it."""

    def __init__(
        self,
        program: Sequence[str],
        variables: Mapping[str, str],
        folder: str,
        terminal: Terminal | None,
    ) -> None:
        mode = "pipes" if terminal is None else "terminal"
        command = (*_START, str(os.getpid()), mode, *program)
        self._sources: dict[int, FrameKind] = {}
        self._terminal: int | None = None
        if terminal is None:
            self._process = self._start(command, variables, folder, subprocess.PIPE)
            self._sources = {
                _number(self._process.stdout): FrameKind.OUTPUT,
                _number(self._process.stderr): FrameKind.ERRORS,
            }
        else:
            self._terminal, other = pty.openpty()
            _resize(self._terminal, terminal.rows, terminal.columns)
            self._process = self._start(command, variables, folder, other)
            os.close(other)
            self._sources = {self._terminal: FrameKind.OUTPUT}

    def _start(
        self, command: Sequence[str], variables: Mapping[str, str], folder: str, stream: int
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - the program that the person asked for
            command,
            stdin=stream,
            stdout=stream,
            stderr=stream,
            cwd=folder,
            env=dict(variables),
            start_new_session=True,
        )

    def serve(self, client: socket.socket, is_running: Callable[[], bool]) -> None:
        """Carry input and output until the program ends, its client leaves, or its task stops."""
        ended = os.pidfd_open(self._process.pid)
        try:
            self._carry(client, ended, is_running)
            code = self._end()
            with suppress(OSError):
                send_frame(client, FrameKind.EXIT, str(code).encode())
        finally:
            os.close(ended)
            self._end()
            self._close()

    def _carry(self, client: socket.socket, ended: int, is_running: Callable[[], bool]) -> None:
        while is_running():
            asked = [client.fileno(), ended, *self._sources]
            ready, _, _ = select.select(asked, [], [], _LOOK_S)
            for source in self._sources.keys() & set(ready):
                self._pass_on(source, client)
            if client.fileno() in ready and not self._obey(client):
                return
            if ended in ready:
                self._drain(client)
                return

    def _pass_on(self, source: int, client: socket.socket) -> bool:
        """Send output to the client; return False if there is none any more."""
        try:
            part = os.read(source, PART)
        except OSError:  # a terminal without a program
            part = b""
        if part:
            send_frame(client, self._sources[source], part)
        else:
            del self._sources[source]
        return bool(part)

    def _drain(self, client: socket.socket) -> None:
        """Send what an ended program has written. Its children may keep the streams open."""
        for source in list(self._sources):
            while select.select([source], [], [], 0)[0] and self._pass_on(source, client):
                pass

    def _obey(self, client: socket.socket) -> bool:
        """Do what one frame of the client says; return False if the client has left."""
        frame = receive_frame(client)
        if frame is None:
            return False
        kind, content = frame
        if kind is FrameKind.INPUT:
            self._write(content)
        elif kind is FrameKind.SIZE and self._terminal is not None:
            rows, columns = json.loads(content)
            _resize(self._terminal, int(rows), int(columns))
        elif kind is FrameKind.SIGNAL and int(content) in _SIGNALS:
            self._signal(signal.Signals(int(content)))
        return True

    def _write(self, content: bytes) -> None:
        stream = self._process.stdin
        with suppress(OSError):  # the program has closed its input, or has ended
            if self._terminal is not None:
                _write_all(self._terminal, content or b"\x04")
            elif stream is not None and content:
                _write_all(stream.fileno(), content)
            elif stream is not None and not stream.closed:
                stream.close()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _end(self) -> int:
        """End the program if it still runs; return its exit code as a shell does."""
        if self._process.returncode is None and self._process.poll() is None:
            self._signal(signal.SIGHUP)
            try:
                self._process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
        code = self._process.wait()
        return 128 - code if code < 0 else code

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None


def _resize(terminal: int, rows: int, columns: int) -> None:
    size = struct.pack("HHHH", max(0, min(rows, 9999)), max(0, min(columns, 9999)), 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


def _write_all(number: int, content: bytes) -> None:
    while content:
        content = content[os.write(number, content) :]


def _number(stream: Any) -> int:
    number: int = stream.fileno()
    return number
