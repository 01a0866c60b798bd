"""Answers of HTTP, read by the parser that serve's own server uses.

The parser of the standard library took a tenth of serve's time for a request, most of it for the
headers, which it reads as those of a mail.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException

import httptools

_READ = 64 * 1024
HEAD_MAX = 64 * 1024
"""Bytes of a head; AWS sends less than 1 KB."""
_FINAL = 200
"""Lowest status of an answer that ends a request. No request asks for another one."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer whose body was read."""

    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


@dataclass(slots=True)
class _Callbacks:
    """Parts of an answer that the parser has found so far."""

    headers: dict[str, str] = field(default_factory=dict)
    body: list[bytes] = field(default_factory=list)
    head_bytes: int = 0
    is_body: bool = False
    is_whole: bool = False

    def on_message_begin(self) -> None:
        if self.is_whole:
            raise HTTPException("the server sent more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.is_body = True

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.is_whole = True


def read_answer(connection: socket.socket) -> tuple[RawAnswer, bool]:
    """Return an answer, and whether its connection may be used again.

    Raises `HTTPException` for one that is not of HTTP or that ends too early.
    """
    found = _Callbacks()
    parser = httptools.HttpResponseParser(found)
    while not found.is_whole:
        data = connection.recv(_READ)
        if not data:
            return _ended(parser, found), False
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise HTTPException(f"the answer is not HTTP: {error}") from error
        if not found.is_body:
            found.head_bytes += len(data)
            if found.head_bytes > HEAD_MAX:
                raise HTTPException("the head of the answer is too long")
    if parser.get_status_code() < _FINAL:
        raise HTTPException("the server sent an answer that is not final")
    # The parser has forgotten whether the connection stays open when the message is complete.
    is_ending = "close" in found.headers.get("connection", "").lower()
    return _answer(parser, found), parser.get_http_version() == "1.1" and not is_ending


def _ended(parser: httptools.HttpResponseParser, found: _Callbacks) -> RawAnswer:
    """Return an answer that the end of the connection has ended, if it has no other end."""
    has_end = "content-length" in found.headers or "transfer-encoding" in found.headers
    if has_end or not found.is_body:
        raise HTTPException("the connection ended before the answer")
    return _answer(parser, found)


def _answer(parser: httptools.HttpResponseParser, found: _Callbacks) -> RawAnswer:
    return RawAnswer(parser.get_status_code(), found.headers, b"".join(found.body))
