"""Answers as servers may send them, over a socket."""

import http.client
import socket
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.adapters.aws.http_answers import HEAD_MAX, RawAnswer, read_answer

PLAIN = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\n{}"


def _read(*parts: bytes) -> tuple[RawAnswer, bool]:
    here, there = socket.socketpair()
    with closing(here), closing(there):
        for part in parts:
            there.sendall(part)
        there.shutdown(socket.SHUT_WR)
        return read_answer(here)


def test_an_answer_has_its_status_headers_and_body_and_leaves_the_connection_usable() -> None:
    assert _read(PLAIN) == (RawAnswer(200, {"server": "x", "content-length": "2"}, b"{}"), True)


@given(st.lists(st.integers(0, len(PLAIN)), max_size=4))
def test_the_reads_of_an_answer_do_not_matter(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(PLAIN)]
    parts = [PLAIN[a:b] for a, b in pairwise(edges) if a < b]
    assert _read(*parts) == _read(PLAIN)


def test_a_body_in_chunks_is_read_whole() -> None:
    head = b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer, is_kept = _read(head, b"2\r\nab\r\n", b"3\r\ncde\r\n0\r\n\r\n")
    assert (answer.status, answer.body, is_kept) == (400, b"abcde", True)


def test_a_large_body_is_read_whole() -> None:
    body = bytes(range(256)) * 700
    answer, _ = _read(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    assert answer.body == body


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 503 Slow Down\r\n\r\n",
    ],
)
def test_a_connection_that_the_server_will_close_is_not_kept(head: bytes) -> None:
    answer, is_kept = _read(head, b"{}")
    assert (answer.body, is_kept) == (b"{}", False)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        PLAIN + b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * (HEAD_MAX // 4),
    ],
)
def test_what_is_no_whole_answer_is_an_error(sent: bytes) -> None:
    with pytest.raises(http.client.HTTPException):
        _read(sent)
