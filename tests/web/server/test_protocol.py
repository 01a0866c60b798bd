"""Limits of one connection in size and time, byte by byte over real sockets."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gromit.web.server.limits import App, ClientLimits, Receive, Scope, Send
from gromit.web.server.protocol import CUT, DISCARDED_BYTES
from gromit.web.server.server import Listener, Server
from tests.fakes.clients import connection, read_all, read_answer, send_last, wait_for
from tests.waiting import PATIENCE_S
from tests.web.applications import flood, mirror

QUICK = ClientLimits(head_s=0.3, body_s=0.3, idle_s=1, write_s=0.5)
PATIENT = ClientLimits(head_s=0.3, body_s=0.3, idle_s=60, write_s=0.5)
"""Limits with which a client may take its time between two requests."""
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
ROOMY = ClientLimits(head_s=60, body_s=60, idle_s=60, write_s=60)


@contextmanager
def _serving(limits: ClientLimits, app: App = mirror) -> Iterator[str]:
    server = Server(Listener(app, "127.0.0.1:0", limits=limits))
    with server.running():
        yield server.address()


@contextmanager
def _serving_to(
    first: bytes, limits: ClientLimits = QUICK, app: App = mirror
) -> Iterator[socket.socket]:
    """Serve a connection whose first bytes are there before its deadlines begin.

    A client that is slow to start would otherwise be cut before it has sent anything.
    """
    server = Server(Listener(app, "127.0.0.1:0", limits=limits))
    server.bind()
    with connection(server.address()) as stream:
        stream.sendall(first)
        with server.running():
            yield stream


def _cuts(reason: str) -> float:
    return float(CUT.labels(reason)._value.get())


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def _error(answer: bytes) -> str:
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["error"])


def _exchange(address: str, data: bytes) -> bytes:
    with connection(address) as stream:
        send_last(stream, data)
        return read_all(stream)


class TestSlowClients:
    """Every step of a request has a deadline."""

    def test_a_client_that_sends_nothing_is_cut_without_a_word(self) -> None:
        before = _cuts("head")
        with _serving(QUICK) as address, connection(address) as stream:
            assert read_all(stream) == b""
        assert _cuts("head") == before + 1

    def test_headers_that_never_end_are_answered_408(self) -> None:
        with _serving_to(b"GET / HTTP/1.1\r\nhost: x\r\n") as stream:
            answer = read_all(stream)
        assert _status(answer) == 408
        assert _error(answer) == "the head of the request took too long"

    def test_headers_that_trickle_are_no_better(self) -> None:
        with _serving_to(b"G") as stream:
            stream.settimeout(0.05)
            answer = b""
            for byte in b"ET / HTTP/1.1\r\nx: " + b"y" * 400:
                try:
                    stream.sendall(bytes([byte]))
                    answer += stream.recv(65536)
                except TimeoutError:
                    continue
                except ConnectionError:
                    break  # the answer has arrived, and the reset after it
                if answer:
                    break
            stream.settimeout(PATIENCE_S)
            answer += read_all(stream)
        assert _status(answer) == 408

    def test_a_body_that_never_ends_is_answered_408(self) -> None:
        before = _cuts("body")
        head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n"
        with _serving_to(head + b"12345") as stream:
            answer = read_all(stream)
        assert _status(answer) == 408
        assert _error(answer) == "the body of the request took too long"
        assert _cuts("body") == before + 1

    def test_a_second_request_has_the_same_deadline_as_the_first(self) -> None:
        with _serving_to(REQUEST, PATIENT) as stream:
            assert _status(read_answer(stream)) == 200
            stream.sendall(b"GET / HTTP/1.1\r\n")
            assert _status(read_all(stream)) == 408

    def test_empty_lines_between_requests_are_no_way_to_stay(self) -> None:
        with _serving_to(REQUEST, PATIENT) as stream:
            assert _status(read_answer(stream)) == 200
            stream.sendall(b"\r\n")
            assert _status(read_all(stream)) == 408

    def test_an_idle_connection_is_closed_in_the_end(self) -> None:
        with _serving_to(REQUEST) as stream:
            assert _status(read_answer(stream)) == 200
            assert read_all(stream) == b""

    def test_an_answer_that_is_not_read_is_cut(self) -> None:
        before = _cuts("unread")
        with _serving_to(REQUEST, QUICK, flood):
            wait_for(lambda: _cuts("unread") == before + 1)

    def test_a_client_in_time_is_served_to_the_end(self) -> None:
        """No deadline of a request that was complete in time comes later."""
        whole = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n1234"
        with _serving_to(whole, PATIENT) as stream:
            for _ in range(2):
                assert json.loads(read_answer(stream).partition(b"\r\n\r\n")[2])["length"] == 4
                threading.Event().wait(2 * PATIENT.body_s)
                stream.sendall(whole)
            assert json.loads(read_answer(stream).partition(b"\r\n\r\n")[2])["length"] == 4


class TestSizes:
    """Headers and bodies have a maximum size."""

    def test_a_body_of_the_limit_is_read_and_one_byte_more_is_413(self) -> None:
        head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n"
        with _serving(ROOMY) as address, connection(address) as stream:
            stream.sendall(head % 65536 + b"x" * 65536)
            assert json.loads(read_answer(stream).partition(b"\r\n\r\n")[2])["length"] == 65536
            stream.sendall(head % 65537 + b"x" * 65537)
            answer = read_answer(stream)
            assert (_status(answer), _error(answer)) == (413, "the body is longer than 65536 bytes")
            stream.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert _status(read_answer(stream)) == 200

    def test_a_chunked_body_has_the_same_limit(self) -> None:
        head = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        with _serving(ROOMY) as address:
            inside = _exchange(
                address,
                head
                + b"8000\r\n"
                + b"x" * 0x8000
                + b"\r\n8000\r\n"
                + b"x" * 0x8000
                + b"\r\n0\r\n\r\n",
            )
            beyond = _exchange(
                address,
                head
                + b"8000\r\n"
                + b"x" * 0x8000
                + b"\r\n8001\r\n"
                + b"x" * 0x8001
                + b"\r\n0\r\n\r\n",
            )
        assert (_status(inside), _status(beyond)) == (200, 413)

    def test_a_client_that_goes_on_sending_is_cut(self) -> None:
        before = _cuts("body")
        with _serving(ROOMY) as address, connection(address) as stream:
            stream.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\n")
            sent = 0
            try:
                while sent < 200_000_000:
                    sent += stream.send(b"x" * 65536)
            except ConnectionError:
                pass
        assert _cuts("body") == before + 1
        assert sent < 64 * DISCARDED_BYTES

    @pytest.mark.parametrize(
        "head",
        [
            b"GET / HTTP/1.1\r\nx: " + b"y" * 33_000,
            b"GET /" + b"y" * 33_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\n"
            + b"".join(b"x%d: %s\r\n" % (i, b"y" * 100) for i in range(400))
            + b"\r\n",
        ],
        ids=["endless line", "long path", "many headers"],
    )
    def test_headers_beyond_the_limit_are_431(self, head: bytes) -> None:
        with _serving(ROOMY) as address:
            answer = _exchange(address, head)
        assert _status(answer) == 431
        assert "longer than 32768 bytes" in _error(answer)

    def test_the_length_of_a_body_does_not_count_as_headers(self) -> None:
        with _serving(ROOMY) as address, connection(address) as stream:
            for _ in range(4):
                stream.sendall(
                    b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 30000\r\n\r\n" + b"x" * 30000
                )
                assert _status(read_answer(stream)) == 200


GET = b"GET / HTTP/1.1\r\nhost: x\r\n"
POST = b"POST / HTTP/1.1\r\nhost: x\r\n"
SMUGGLING = {
    "length and chunks": POST + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"content-length: 1\r\ncontent-length: 2\r\n\r\n12",
    "a list of lengths": POST + b"content-length: 1, 1\r\n\r\n1",
    "a negative length": POST + b"content-length: -1\r\n\r\n",
    "a length with a sign": POST + b"content-length: +1\r\n\r\n1",
    "a length in hex": POST + b"content-length: 0x1\r\n\r\n1",
    "unknown coding": POST + b"transfer-encoding: gzip\r\n\r\n0\r\n\r\n",
    "coding after chunked": POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "coding with a tail": POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "space before the colon": POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    "folded header": POST + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "line feeds alone": b"GET / HTTP/1.1\nhost: x\n\n",
    "carriage return alone in a header": GET + b"x: a\rcontent-length: 5\r\n\r\n",
    "nul in a header": GET + b"x: a\x00b\r\n\r\n",
    "bad chunk size": POST + b"transfer-encoding: chunked\r\n\r\nz\r\n\r\n",
    "chunk without its end": POST + b"transfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "absolute form": b"GET http://elsewhere/ HTTP/1.1\r\nhost: x\r\n\r\n",
    "authority form": b"CONNECT elsewhere:443 HTTP/1.1\r\nhost: x\r\n\r\n",
    "asterisk form": b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n",
    "user in the path": b"GET @elsewhere/ HTTP/1.1\r\nhost: x\r\n\r\n",
    "no path": b"GET  HTTP/1.1\r\nhost: x\r\n\r\n",
    "line break in the path": b"GET /a\r\nx: b HTTP/1.1\r\nhost: x\r\n\r\n",
    "HTTP/0.9": b"GET /a\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "unknown method": b"HACK / HTTP/1.1\r\nhost: x\r\n\r\n",
}


@pytest.mark.parametrize("case", SMUGGLING)
def test_what_two_readers_might_read_differently_is_refused_and_the_connection_closed(
    case: str,
) -> None:
    with _serving(ROOMY) as address, connection(address) as stream:
        stream.sendall(SMUGGLING[case] + b"GET /second HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = read_all(stream)
    assert _status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1
    assert _error(answer)


def test_an_upgrade_is_not_followed() -> None:
    upgrade = GET + b"connection: upgrade\r\nupgrade: %s\r\n\r\n"
    with _serving(ROOMY) as address:
        for protocol in (b"websocket", b"h2c"):
            with connection(address) as stream:
                stream.sendall(upgrade % protocol)
                assert _status(read_answer(stream)) == 200


def test_requests_sent_ahead_are_answered_in_order() -> None:
    ahead = b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % number for number in range(4))
    with _serving(ROOMY) as address, connection(address) as stream:
        stream.sendall(ahead + b"GET /4 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answers = read_all(stream).split(b"HTTP/1.1 ")[1:]
    assert [json.loads(answer.split(b"\r\n\r\n")[1])["path"] for answer in answers] == [
        "/0",
        "/1",
        "/2",
        "/3",
        "/4",
    ]


def test_no_answer_goes_to_a_client_that_left_although_it_has_sent_requests_ahead(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended = threading.Event()

    async def answer_until_it_leaves(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await flood(scope, receive, send)
        finally:
            ended.set()

    with _serving(ROOMY, answer_until_it_leaves) as address:
        with connection(address) as stream:
            stream.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 3)
            assert stream.recv(100).startswith(b"HTTP/1.1 200")
        wait_for(ended.is_set)
    assert "Exception in ASGI application" not in caplog.text


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked() -> None:
    with _serving(ROOMY) as address, connection(address) as stream:
        stream.sendall(POST + b"content-length: 2\r\nexpect: 100-continue\r\n\r\n")
        assert stream.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        stream.sendall(b"ok")
        assert _status(read_answer(stream)) == 200


def test_a_client_whose_body_would_be_too_long_is_not_asked_for_it() -> None:
    with _serving(ROOMY) as address, connection(address) as stream:
        stream.sendall(POST + b"content-length: 70000\r\nexpect: 100-continue\r\n\r\n")
        assert _status(read_answer(stream)) == 413
