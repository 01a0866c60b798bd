"""Address records from the DNS server of the local cloud."""

import os
import socket
import struct

_HEADER = struct.Struct("!HHHHHH")
_RECORD = struct.Struct("!HHIH")
_A, _IN, _WANTS_RECURSION = 1, 1, 0x0100
_POINTER = 0xC0
_TIMEOUT = 2.0
_LARGEST = 4096


def resolve_name(name: str, dns_port: int | None) -> str | None:
    """Return an address of a name; None if it does not resolve. An address is its own answer."""
    try:
        socket.inet_aton(name)
    except OSError:
        return None if dns_port is None else _ask(name, dns_port)
    return name


def _ask(name: str, dns_port: int) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(_TIMEOUT)
        client.connect(("127.0.0.1", dns_port))
        try:
            client.send(_query(name))
            return _first_address(client.recv(_LARGEST))
        except (OSError, struct.error, IndexError, UnicodeError):
            return None


def _query(name: str) -> bytes:
    head = _HEADER.pack(int.from_bytes(os.urandom(2), "big"), _WANTS_RECURSION, 1, 0, 0, 0)
    labels = (label.encode("idna") for label in name.rstrip(".").split("."))
    question = b"".join(bytes([len(label)]) + label for label in labels)
    return head + question + b"\0" + struct.pack("!HH", _A, _IN)


def _first_address(reply: bytes) -> str | None:
    _, _, questions, answers, _, _ = _HEADER.unpack_from(reply)
    position = _HEADER.size
    for _ in range(questions):
        position = _after_name(reply, position) + 4
    for _ in range(answers):
        position = _after_name(reply, position)
        kind, _, _, length = _RECORD.unpack_from(reply, position)
        position += _RECORD.size
        if kind == _A:
            return socket.inet_ntoa(reply[position : position + length])
        position += length
    return None


def _after_name(reply: bytes, position: int) -> int:
    """Return the position after a name, which ends with a zero or a pointer."""
    while reply[position]:
        if reply[position] & _POINTER == _POINTER:
            return position + 2
        position += reply[position] + 1
    return position + 1
