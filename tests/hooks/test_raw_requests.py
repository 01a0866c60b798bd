"""Requests of the action, byte by byte: gateways of others may demand what ours does not."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.hooks import events
from tests.hooks.workflow import Workflow


@dataclass(slots=True)
class Recorder:
    """A server that keeps each request as it arrives."""

    url: str
    heads: list[str] = field(default_factory=list)

    def answer(self, listener: socket.socket) -> None:
        """Answer each connection with 202 until the listener is closed."""
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(4096)
                self.heads.append(head.decode())
                connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok")


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Recorder(f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = threading.Thread(target=found.answer, args=(listener,))
        thread.start()
        yield found
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_every_request_says_its_length(recorder: Recorder, tmp_path: Path) -> None:
    workflow = Workflow(tmp_path, {"url": recorder.url, "token": "gromit_ours", "patience": "0"})
    assert workflow.run(events.delete()).code == 0
    workflow.run(events.push())
    deletion, build = (_headers(head) for head in recorder.heads)
    assert deletion["content-length"] == "0"
    assert int(build["content-length"]) > 0
    assert recorder.heads[0].startswith("DELETE /gromit/env/")
    assert "transfer-encoding" not in {*deletion, *build}


def _headers(head: str) -> dict[str, str]:
    lines = head.split("\r\n\r\n", maxsplit=1)[0].split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
