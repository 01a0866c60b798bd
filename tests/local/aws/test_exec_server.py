"""Sessions in simulated containers: real programs, with pipes and with a terminal."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gromit.errors import Temporary
from gromit.local.aws.containers import ContainerSpec
from gromit.local.aws.exec_client import is_local_session, run_local_session
from gromit.local.aws.exec_frames import FrameKind, receive_frame, send_frame, send_json
from gromit.local.aws.exec_server import ExecServer
from gromit.local.aws.exec_sessions import ExecSessions, PendingSession
from tests.fakes.clients import read_all, send_last
from tests.waiting import PATIENCE_S

_CLIENT = (
    "import sys; from gromit.local.aws.exec_client import run_local_session;"
    " sys.exit(run_local_session(*sys.argv[1:]))"
)


@dataclass
class Place:
    """A server, and the containers that it finds."""

    sessions: ExecSessions = field(default_factory=ExecSessions)
    containers: dict[str, ContainerSpec] = field(default_factory=dict)

    def open(self, command: str, task: str = "task") -> Mapping[str, str]:
        """Open a session, as ExecuteCommand does."""
        return self.sessions.open(PendingSession(task, command), "eu-central-1")

    @contextmanager
    def client(self, command: str, **more: object) -> "Iterator[subprocess.Popen[bytes]]":
        """Run the client of a new session in a process of its own, which ends with the block."""
        opened = self.open(command)
        argv = [sys.executable, "-c", _CLIENT, opened["streamUrl"], opened["tokenValue"]]
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process: subprocess.Popen[bytes]
        with subprocess.Popen(argv, **{**streams, **more}) as process:  # type: ignore[call-overload]
            try:
                yield process
            finally:
                process.kill()

    def run(self, command: str, given: bytes = b"") -> tuple[int, bytes, bytes]:
        """Run a session to its end; return its exit code and what it wrote."""
        with self.client(command) as process:
            out, err = process.communicate(given, timeout=PATIENCE_S)
        return process.returncode, out, err


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place()
    (tmp_path / "conf.json").write_text("{}")
    place.containers["task"] = ContainerSpec(
        answer={},
        addresses=("127.45.0.1",),
        port=None,
        config=str(tmp_path),
        variables={"GREETING": "hello"},
    )
    server = ExecServer(place.sessions, place.containers.get)
    server.start()
    yield place
    server.stop()


def test_a_program_has_the_variables_the_folder_and_the_address_of_its_container(
    place: Place,
) -> None:
    words = "sh -c 'echo $GREETING $CONTAINER_ADDRESS; ls; echo oops >&2; exit 7'"
    assert place.run(words) == (7, b"hello 127.45.0.1\nconf.json\n", b"oops\n")


def test_a_program_reads_what_the_client_is_given(place: Place) -> None:
    text = b"line\n" * 50_000
    assert place.run("cat", text) == (0, text, b"")


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("no-such-program", 127, b"gromit: cannot run no-such-program: No such file or directory"),
        ("/", 126, b"gromit: cannot run /: Permission denied"),
        ("sh -c 'kill -KILL $$'", 137, b""),
    ],
)
def test_a_program_that_fails_says_why_by_its_code(
    place: Place, command: str, code: int, said: bytes
) -> None:
    found, _, err = place.run(command)
    assert (found, err.strip()) == (code, said)


def test_a_signal_goes_to_the_program(place: Place) -> None:
    words = "sh -c 'trap \"echo got; exit 9\" INT; echo up; while :; do command sleep 0.05; done'"
    with place.client(words) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == b"got\n"
        assert process.wait(PATIENCE_S) == 9


def test_a_terminal_is_one_for_the_program_too(place: Place) -> None:
    mine, its = os.openpty()
    words = "sh -c 'test -t 0 && test -t 1 && echo terminal; echo ready; exec cat'"
    with place.client(words, stdin=its, stdout=its, stderr=its, start_new_session=True) as process:
        os.close(its)
        assert b"terminal" in _read_until(mine, b"ready")
        os.write(mine, b"\x03")  # Ctrl-C
        _read_until(mine, None)
        assert process.wait(PATIENCE_S) == 130
    os.close(mine)


def _read_until(terminal: int, word: bytes | None) -> bytes:
    """Read until a word comes; None: until no process has the terminal any more."""
    seen = b""
    while word is None or word not in seen:
        assert select.select([terminal], [], [], PATIENCE_S)[0], seen
        try:
            part = os.read(terminal, 4096)
        except OSError:
            part = b""
        if not part:
            assert word is None, seen
            return seen
        seen += part
    return seen


@contextmanager
def joined(place: Place, command: str, **wishes: object) -> Iterator[socket.socket]:
    """Join a new session with a client of frames."""
    opened = place.open(command)
    assert place.sessions.address is not None
    with socket.create_connection(place.sessions.address, PATIENCE_S) as stream:
        send_json(stream, FrameKind.HELLO, {"token": opened["tokenValue"], **wishes})
        yield stream


def test_a_program_ends_with_its_client(place: Place) -> None:
    with joined(place, "sh -c 'echo $$; exec cat'") as stream:
        frame = receive_frame(stream)
        assert frame is not None
        program = os.pidfd_open(int(frame[1]))
    assert select.select([program], [], [], PATIENCE_S)[0], "it still runs"
    os.close(program)


def test_a_program_ends_with_its_container(place: Place) -> None:
    with joined(place, "cat") as stream:
        send_frame(stream, FrameKind.INPUT, b"up")
        assert receive_frame(stream) == (FrameKind.OUTPUT, b"up")
        place.containers.clear()
        assert receive_frame(stream) == (FrameKind.EXIT, b"129")


def test_a_terminal_has_the_size_of_its_client(place: Place) -> None:
    terminal = {"name": "xterm", "rows": 30, "columns": 100}
    with joined(place, "sh", terminal=terminal) as stream:
        send_json_size(stream, 31, 101)
        send_frame(stream, FrameKind.INPUT, b"stty size; echo $TERM; exit 3\n")
        seen = b""
        while (frame := receive_frame(stream)) and frame[0] is FrameKind.OUTPUT:
            seen += frame[1]
    assert frame == (FrameKind.EXIT, b"3")
    assert b"31 101" in seen
    assert b"xterm" in seen


def send_json_size(stream: socket.socket, rows: int, columns: int) -> None:
    send_frame(stream, FrameKind.SIZE, json.dumps([rows, columns]).encode())


def test_nothing_runs_without_the_token_of_an_open_session(place: Place) -> None:
    opened = place.open("touch made")
    for token in ("guess", "", None):
        assert place.sessions.address is not None
        with socket.create_connection(place.sessions.address, PATIENCE_S) as stream:
            send_json(stream, FrameKind.HELLO, {"token": token})
            frames = [receive_frame(stream), receive_frame(stream)]
        assert frames[0] is not None
        assert b"the session is over" in frames[0][1]
        assert frames[1] == (FrameKind.EXIT, b"1")
    place.containers.clear()
    assert run_refused(place, opened) == 1


def run_refused(place: Place, opened: Mapping[str, str]) -> int:
    argv = [sys.executable, "-c", _CLIENT, opened["streamUrl"], opened["tokenValue"]]
    return subprocess.run(argv, capture_output=True, check=False, timeout=PATIENCE_S).returncode


@pytest.mark.parametrize(
    "content",
    [b"", b"GET / HTTP/1.1\r\n\r\n", b"h\xff\xff\xff\xff", b"z\x00\x00\x00\x00", b"h\0\0\0\x02[]"],
)
def test_other_clients_are_cut_off(place: Place, content: bytes) -> None:
    assert place.sessions.address is not None
    with socket.create_connection(place.sessions.address, PATIENCE_S) as stream:
        send_last(stream, content)
        assert read_all(stream) == b""


def test_a_server_that_stops_ends_its_sessions(place: Place) -> None:
    other = Place(containers=place.containers)
    server = ExecServer(other.sessions, other.containers.get)
    server.start()
    with joined(other, "sh -c 'echo $$; exec cat'") as stream:
        frame = receive_frame(stream)
        assert frame is not None
        program = os.pidfd_open(int(frame[1]))
        server.stop()
        assert select.select([program], [], [], PATIENCE_S)[0], "it still runs"
        os.close(program)
    assert other.sessions.address is None


def test_a_client_says_that_the_cloud_is_away() -> None:
    with socket.socket() as silent:  # it keeps the port, and does not listen
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        with pytest.raises(Temporary, match="has closed the session"):
            run_local_session(f"ws://127.0.0.1:{port}/v1", "token")


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("ws://127.0.0.1:4000/v1/data-channel/x", True),
        ("wss://ssmmessages.eu-central-1.amazonaws.com/v1/data-channel/x", False),
    ],
)
def test_sessions_at_aws_are_for_the_plugin(url: str, *, is_local: bool) -> None:
    assert is_local_session(url) is is_local
