"""Client of a session in a simulated container: joins standard streams, or a terminal, to it."""

import json
import os
import select
import shutil
import signal
import socket
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from gromit.errors import Temporary
from gromit.local.aws.exec_frames import PART, FrameKind, receive_frame, send_frame, send_json

_CONNECT_S = 10.0
IN, OUT, ERR = 0, 1, 2
"""Standard streams."""


def is_local_session(stream_url: str) -> bool:
    """Whether a session is one of a local cloud. AWS's are always encrypted."""
    return urlsplit(stream_url).scheme == "ws"


def run_local_session(stream_url: str, token: str) -> int:
    """Run the program of a session with this process's streams; return its exit code.

    Raises `Temporary` if the local cloud goes away.
    """
    address = urlsplit(stream_url)
    try:
        target = (str(address.hostname), int(address.port or 0))
        with socket.create_connection(target, _CONNECT_S) as stream:
            stream.settimeout(None)
            return _Session(stream, token).run()
    except (ConnectionError, TimeoutError, ValueError) as error:
        raise _lost() from error


def _lost() -> Temporary:
    return Temporary(
        "the local cloud has closed the session", hint="`gromit local status` says whether it runs"
    )


class _Session:
    """A session of this process."""

    def __init__(self, stream: socket.socket, token: str) -> None:
        self._stream, self._token = stream, token
        self._has_terminal = os.isatty(IN) and os.isatty(OUT)
        self._reads_input = True
        self._wake, self._woken = os.pipe()
        self._pending: list[int] = []

    def run(self) -> int:
        hello: dict[str, object] = {"token": self._token}
        if self._has_terminal:
            rows, columns = _size()
            name = os.environ.get("TERM", "dumb")
            hello["terminal"] = {"name": name, "rows": rows, "columns": columns}
        send_json(self._stream, FrameKind.HELLO, hello)
        try:
            with self._signals(), _raw(active=self._has_terminal):
                return self._carry()
        finally:
            os.close(self._wake)
            os.close(self._woken)

    def _carry(self) -> int:
        while True:
            stream = self._stream.fileno()
            sources = [stream, self._wake, *([IN] if self._reads_input else [])]
            ready, _, _ = select.select(sources, [], [])
            if self._wake in ready:
                os.read(self._wake, PART)
                self._send_signals()
            if stream in ready:
                code = self._receive()
                if code is not None:
                    return code
            if IN in ready:
                self._send_input()

    def _receive(self) -> int | None:
        """Write what the program wrote; return its exit code, if it has ended."""
        frame = receive_frame(self._stream)
        if frame is None:
            raise _lost()
        kind, content = frame
        if kind is FrameKind.EXIT:
            return int(content)
        _write(ERR if kind is FrameKind.ERRORS else OUT, content)
        return None

    def _send_input(self) -> None:
        part = os.read(IN, PART)
        self._reads_input = bool(part)
        with suppress(ConnectionError):  # the program has ended; its exit code is still to come
            send_frame(self._stream, FrameKind.INPUT, part)

    def _send_signals(self) -> None:
        while self._pending:
            number = self._pending.pop(0)
            if number == signal.SIGWINCH:
                content = json.dumps(_size()).encode()
                send_frame(self._stream, FrameKind.SIZE, content)
            else:
                send_frame(self._stream, FrameKind.SIGNAL, str(number).encode())

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Pass signals on to the program, and changed sizes of the terminal."""

        def note(number: int, _frame: object) -> None:
            self._pending.append(number)
            os.write(self._woken, b"!")

        passed = [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP]
        numbers = [*passed, *([signal.SIGWINCH] if self._has_terminal else [])]
        before = {number: signal.signal(number, note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def _raw(*, active: bool) -> Iterator[None]:
    """Give every key to the program while the block runs, Ctrl-C included."""
    if not active:
        yield
        return
    before = termios.tcgetattr(IN)
    tty.setraw(IN, termios.TCSADRAIN)  # what was typed before stays
    try:
        yield
    finally:
        termios.tcsetattr(IN, termios.TCSADRAIN, before)


def _size() -> tuple[int, int]:
    size = shutil.get_terminal_size()
    return size.lines, size.columns


def _write(number: int, content: bytes) -> None:
    while content:
        content = content[os.write(number, content) :]
