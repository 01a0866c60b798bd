"""Requests to programs: real servers on loopback that answer well, badly, slowly or not at all."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gromit.core.environments.health_book import HealthFinding, HealthTarget
from gromit.core.stack.health import HealthCheck, HealthState, HealthStatus
from gromit.web.clients.component_health import BODY_MAX, HttpPrograms
from tests.fakes.health import health_target
from tests.waiting import PATIENCE_S

SHORT_S = 0.4
"""Longest time of an answer where none comes."""


class Program:
    """A program that sends raw bytes to each client, by path, and keeps the requests."""

    def __init__(self, answers: dict[str, bytes], address: str = "127.0.0.1") -> None:
        self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        self.answers = answers
        self.requests: list[str] = []
        self._clients: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self._clients.append(client)
                self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            request = client.recv(4096).decode()
            self.requests.append(request)
            answer = self.answers.get(request.split()[1])
            if answer is None:
                return  # keep the connection open, and say nothing
            client.sendall(answer)
            client.close()

    def close(self) -> None:
        """End the program."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for client in self._clients:
            client.close()
        self._thread.join()


@contextlib.contextmanager
def program(**answers: bytes) -> Iterator[Program]:
    """Run a program that answers `/hello` and `/ready`."""
    running = Program({f"/{path}": answer for path, answer in answers.items()})
    try:
        yield running
    finally:
        running.close()


def answer(status: int, body: bytes = b"", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


def says(word: str) -> bytes:
    return answer(200, json.dumps({"status": word}).encode())


def target_of(port: int, *addresses: str, ready: str | None = None) -> HealthTarget:
    asked = HealthCheck(path="/hello", key="status", ready=ready)
    return replace(health_target(), port=port, addresses=addresses or ("127.0.0.1",), check=asked)


def ask(target: HealthTarget, within_s: float = PATIENCE_S) -> HealthFinding:
    return HttpPrograms(within_s).ask([target])[target]


@pytest.mark.parametrize(
    ("hello", "state"),
    [
        (says("pass"), "pass"),
        (says("warn"), "warn"),
        (says("fail"), "fail"),
        (answer(503), "fail"),
        (answer(200, b"Hello Tiki"), "pass"),
        (answer(302, headers="Location: /ready\r\n"), "fail"),
        (answer(200, b" " * (BODY_MAX - 20) + b'{"status": "fail"}'), "fail"),
    ],
)
def test_the_answer_of_a_program_is_judged(hello: bytes, state: str) -> None:
    with program(hello=hello, ready=says("pass")) as running:
        found = ask(target_of(running.port))
        assert (found.status.state, found.is_reached) == (HealthState(state), True)
        assert len(running.requests) == 1


def test_the_request_has_the_public_name_and_nothing_secret() -> None:
    with program(hello=says("pass")) as running:
        ask(target_of(running.port))
        (request,) = running.requests
    lines = request.lower().split("\r\n")
    assert f"host: tyk.app.dev.example.com:{running.port}" in lines
    assert not [line for line in lines if line.startswith(("authorization", "cookie", "x-"))]


def test_both_paths_are_asked_and_the_worse_answer_counts() -> None:
    with program(hello=says("pass"), ready=answer(503)) as running:
        found = ask(target_of(running.port, ready="/ready"))
        assert found.status == HealthStatus(HealthState.FAIL, "/ready answers 503")
        assert {r.split()[1] for r in running.requests} == {"/hello", "/ready"}
    with program(hello=says("pass"), ready=answer(404)) as running:
        assert ask(target_of(running.port, ready="/ready")).status.state is HealthState.PASS


def test_a_program_that_never_answers_costs_the_timeout_and_no_more() -> None:
    with program() as running:
        found = ask(target_of(running.port), SHORT_S)
    assert not found.is_reached
    assert found.status.reason == "no answer to /hello: none within 0.4 s"


@pytest.mark.parametrize("body", [b"x" * 1000, b""])
def test_an_answer_without_an_end_ends_at_the_limit_or_in_time(body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""

    class Endless(Program):
        def _answer(self, client: socket.socket) -> None:
            with contextlib.suppress(OSError):
                client.recv(4096)
                client.sendall(head)
                while chunk:
                    client.sendall(chunk)

    running = Endless({})
    try:
        found = ask(target_of(running.port), PATIENCE_S if body else SHORT_S)
    finally:
        running.close()
    assert found.status.state is (HealthState.PASS if body else HealthState.FAIL)


def test_what_does_not_speak_http_or_does_not_listen_fails_with_the_reason() -> None:
    with program(hello=b"220 ready to send mail\r\n") as running:
        assert ask(target_of(running.port)).status.reason == "no answer to /hello: it is not HTTP"
    with socket.socket() as taken:
        # Bound and not listening: no other program can answer at this port.
        taken.bind(("127.0.0.1", 0))
        found = ask(target_of(taken.getsockname()[1]))
    assert (found.status.reason, found.is_reached) == (
        "no answer to /hello: nothing listens there",
        True,
    )


def test_all_addresses_are_asked_and_the_worst_counts() -> None:
    with program(hello=says("pass")) as running:
        found = ask(target_of(running.port, "127.0.0.1", "127.0.0.9"))
    assert (found.status.state, found.is_reached) == (HealthState.FAIL, True)


class Meeting(Program):
    """Programs that answer nothing before all of them were asked."""

    def __init__(self, answers: dict[str, bytes], size: int) -> None:
        self._size = size
        super().__init__(answers)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while len(self._clients) < self._size:
                self._clients.append(self.listener.accept()[0])
            for client in self._clients:
                self._answer(client)


def test_many_programs_are_asked_at_the_same_time() -> None:
    running = Meeting({"/hello": says("pass"), "/ready": answer(503)}, 40)
    try:
        ready = [replace(target_of(running.port), environment=f"w{n}") for n in range(20)]
        unready = [
            replace(target_of(running.port, ready="/ready"), environment=f"s{n}") for n in range(10)
        ]
        found = HttpPrograms(PATIENCE_S).ask([*unready, *ready])
    finally:
        running.close()
    assert [found[t].status.state for t in ready] == [HealthState.PASS] * 20
    assert [found[t].status.state for t in unready] == [HealthState.FAIL] * 10


def test_a_program_that_is_silent_leaves_the_answers_of_others() -> None:
    with program(hello=says("pass")) as good, program() as silent:
        well, slow = target_of(good.port), target_of(silent.port)
        found = HttpPrograms(5 * SHORT_S).ask([slow, well])
    assert found[well].status.state is HealthState.PASS
    assert found[slow].status.state is HealthState.FAIL


def test_no_target_is_no_request() -> None:
    assert HttpPrograms().ask([]) == {}
