"""The Mongo of the local cloud: it lets clients connect, and stores nothing.

It answers the commands with which a client finds out whether a server is there, and drops databases
that it does not have. Every other command is refused.
"""

import socketserver
import struct
import threading
from typing import Self

_HEADER = struct.Struct("<iiii")
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_LARGEST = 1 << 20
_GREETINGS = {b"hello", b"isMaster", b"ismaster"}
_ACCEPTED = {b"ping", b"endSessions", b"dropDatabase", b"buildInfo"}


class MongoServer:
    """A server on one address and port."""

    def __init__(self, address: str, port: int = 27017) -> None:
        self._server = _Server((address, port), _Connection)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )

    def start(self) -> Self:
        """Start answering."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering, and refuse connections."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Answer the messages of one client until it leaves."""
        while len(head := self.rfile.read(_HEADER.size)) == _HEADER.size:
            length, request, _, operation = _HEADER.unpack(head)
            if not _HEADER.size <= length <= _LARGEST:
                return
            answer = answer_message(operation, request, self.rfile.read(length - _HEADER.size))
            if answer is None:
                return
            try:
                self.wfile.write(answer)
            except OSError:
                return


def answer_message(operation: int, request: int, body: bytes) -> bytes | None:
    """Return the answer to a message of Mongo's wire protocol; None if it is not understood."""
    if operation == _OP_MSG:
        # Flags, the kind of the section, the length of the document.
        document = _answer(_command(body, 4 + 1 + 4))
        return _message(_OP_MSG, request, struct.pack("<iB", 0, 0) + document)
    if operation == _OP_QUERY:
        # Flags, the collection, two numbers, the length of the document.
        document = _answer(_command(body, 4 + body[4:].find(b"\0") + 1 + 8 + 4))
        return _message(_OP_REPLY, request, struct.pack("<iqii", 0, 0, 0, 1) + document)
    return None


def _command(body: bytes, start: int) -> bytes:
    """Return the name of the first element of a document; its type precedes it."""
    return body[start + 1 :].partition(b"\0")[0]


def _answer(command: bytes) -> bytes:
    if command in _GREETINGS:
        return _document(
            _boolean(b"isWritablePrimary"),
            _boolean(b"ismaster"),
            _integer(b"maxBsonObjectSize", 16 << 20),
            _integer(b"maxMessageSizeBytes", 48_000_000),
            _integer(b"maxWriteBatchSize", 100_000),
            _integer(b"minWireVersion", 0),
            _integer(b"maxWireVersion", 21),
            _double(b"ok", 1),
        )
    if command in _ACCEPTED:
        return _document(_double(b"ok", 1))
    return _document(
        _double(b"ok", 0),
        _text(b"errmsg", b"the Mongo of the local cloud stores nothing"),
        _integer(b"code", 59),
    )


def _message(operation: int, request: int, body: bytes) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), 0, request, operation) + body


def _document(*elements: bytes) -> bytes:
    content = b"".join(elements) + b"\0"
    return struct.pack("<i", len(content) + 4) + content


def _boolean(name: bytes) -> bytes:
    return b"\x08" + name + b"\0\x01"


def _integer(name: bytes, value: int) -> bytes:
    return b"\x10" + name + b"\0" + struct.pack("<i", value)


def _double(name: bytes, value: float) -> bytes:
    return b"\x01" + name + b"\0" + struct.pack("<d", value)


def _text(name: bytes, value: bytes) -> bytes:
    return b"\x02" + name + b"\0" + struct.pack("<i", len(value) + 1) + value + b"\0"
