"""Stream of a session of the local cloud: frames in both directions over one connection.

The first frame of the client is `HELLO`. AWS has a protocol of its own here, which only its plugin
speaks.
"""

import json
import socket
import struct
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

_HEAD = struct.Struct(">cI")
LONGEST = 1 << 20
"""Bytes of the longest frame."""
PART = 65536
"""Bytes that are sent in one frame."""


class FrameKind(StrEnum):
    """Kinds of frames."""

    HELLO = "h"
    """Token, and the terminal's name and size if there is one."""
    INPUT = "i"
    """Standard input of the program; an empty one is its end."""
    SIZE = "w"
    """New size of the terminal."""
    SIGNAL = "s"
    """Signal for the program."""
    OUTPUT = "o"
    ERRORS = "x"
    """Standard error, if there is no terminal."""
    EXIT = "q"
    """Exit code of the program; the last frame."""


def send_frame(to: socket.socket, kind: FrameKind, content: bytes) -> None:
    """Send one frame. Raises `OSError` if the other side is away."""
    to.sendall(_HEAD.pack(kind.value.encode(), len(content)) + content)


def send_json(to: socket.socket, kind: FrameKind, content: Mapping[str, Any]) -> None:
    """Send a frame with an object."""
    send_frame(to, kind, json.dumps(content).encode())


def receive_frame(stream: socket.socket) -> tuple[FrameKind, bytes] | None:
    """Return the next frame; None at the end of the stream. Raises `ValueError` for any other."""
    head = _receive(stream, _HEAD.size)
    if head is None:
        return None
    kind, length = _HEAD.unpack(head)
    if length > LONGEST:
        raise ValueError(f"a frame of {length} bytes")
    content = _receive(stream, length)
    return None if content is None else (FrameKind(kind.decode("latin-1")), content)


def _receive(stream: socket.socket, length: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < length:
        part = stream.recv(length - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)
