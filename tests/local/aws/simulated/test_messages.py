"""HTTP of simulated programs."""

import socket
import threading
from ipaddress import IPv4Network

import pytest

from gromit.local.aws.simulated.messages import (
    HttpAnswer,
    HttpRequest,
    ask,
    read_request,
    write_answer,
)

Ranges = tuple[IPv4Network, IPv4Network]


def read(wire: bytes) -> HttpRequest | None:
    """Return the request that a client sends, which then says no more."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(wire)
        theirs.shutdown(socket.SHUT_WR)
        return read_request(ours)


def test_a_request_is_read_with_its_headers_and_body() -> None:
    wire = b"POST /a?x=1 HTTP/1.1\r\nAuthorization: one:two\r\ncontent-length: 3\r\n\r\nabcdef"
    assert read(wire) == HttpRequest(
        "POST", "/a", {"authorization": "one:two", "content-length": "3"}, b"abcdef"
    )


@pytest.mark.parametrize("wire", [b"", b"GET / HTTP/1.1\r\n", b"\r\n"])
def test_a_client_that_sends_no_whole_request_is_left_alone(wire: bytes) -> None:
    assert read(wire) is None


def test_what_is_no_http_has_no_method() -> None:
    request = read(b"nonsense\r\n\r\n")
    assert request
    assert request.method == ""


def test_a_length_that_is_none_or_too_long_does_no_harm() -> None:
    for length in (b"x", b"-1", b"99999999999"):
        request = read(b"GET / HTTP/1.1\r\nContent-Length: " + length + b"\r\n\r\nab")
        assert request
        assert request.body == b"ab"


def test_only_the_head_answers_head() -> None:
    whole = write_answer(HttpAnswer(200, {"a": 1}))
    assert whole.endswith(b'\r\n\r\n{"a": 1}\n')
    assert write_answer(HttpAnswer(200, {"a": 1}), only_head=True) == whole[: -len(b'{"a": 1}\n')]


@pytest.mark.parametrize(
    ("wire", "answer"),
    [
        (write_answer(HttpAnswer(403, [1])), HttpAnswer(403, [1])),
        (b"HTTP/1.1 200 OK\r\n\r\nno json", HttpAnswer(200, None)),
        (b"+PONG\r\n", None),
        (b"", None),
    ],
)
def test_a_peer_is_asked(ranges: Ranges, wire: bytes, answer: HttpAnswer | None) -> None:
    address = str(ranges[0][302])
    with socket.create_server((address, 8080)) as listener:
        received: list[bytes] = []

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                received.append(connection.recv(4096))
                connection.sendall(wire)

        thread = threading.Thread(target=serve)
        thread.start()
        assert ask(address, 8080, "/x", {"authorization": "s"}) == answer
        thread.join()
    assert received[0].startswith(b"GET /x HTTP/1.1\r\n")
    assert b"authorization: s\r\n" in received[0]
    assert ask(address, 8080, "/x", {}) is None
