"""HTTP of simulated programs: read a request, write a response, and ask a peer."""

import json
import socket
from typing import Any, NamedTuple

LARGEST = 65536
"""Bytes of the largest message that is read."""

_HEAD_END = b"\r\n\r\n"
_REASONS = {
    200: "OK",
    201: "Created",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}


class HttpRequest(NamedTuple):
    """A request; the names of its headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class HttpAnswer(NamedTuple):
    """A status and the JSON of a body."""

    status: int
    body: Any


def read_request(connection: socket.socket) -> HttpRequest | None:
    """Return the request of a client; None if the client sends none. Raises `OSError`."""
    received = b""
    while _HEAD_END not in received and len(received) < LARGEST:
        part = connection.recv(4096)
        if not part:
            return None
        received += part
    head, _, body = received.partition(_HEAD_END)
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3:
        return HttpRequest("", "", {}, b"")
    headers = _headers(lines[1:])
    length = headers.get("content-length", "0")
    missing = min(int(length) if length.isdecimal() else 0, LARGEST) - len(body)
    while missing > 0 and (part := connection.recv(missing)):
        body += part
        missing -= len(part)
    return HttpRequest(words[0], words[1].partition("?")[0], headers, body)


def write_answer(answer: HttpAnswer, *, only_head: bool = False) -> bytes:
    """Return a response on the wire."""
    body = json.dumps(answer.body).encode() + b"\n"
    lines = (
        f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Status')}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    head = "\r\n".join(lines).encode() + _HEAD_END
    return head if only_head else head + body


def ask(
    address: str, port: int, path: str, headers: dict[str, str], timeout: float = 2.0
) -> HttpAnswer | None:
    """Return the answer to a `GET` request; None if there is none, or it is not HTTP with JSON."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {address}:{port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = "\r\n".join(lines).encode("latin-1", "replace") + _HEAD_END
    try:
        with socket.create_connection((address, port), timeout) as connection:
            connection.sendall(request)
            received = _all(connection)
    except OSError:
        return None
    head, _, body = received.partition(_HEAD_END)
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        return None
    try:
        return HttpAnswer(int(words[1]), json.loads(body))
    except ValueError:
        return HttpAnswer(int(words[1]), None)


def _all(connection: socket.socket) -> bytes:
    received = b""
    while len(received) < LARGEST and (part := connection.recv(4096)):
        received += part
    return received


def _headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
