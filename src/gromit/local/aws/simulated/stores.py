"""The simulated Redis."""

import socket

from gromit.local.aws.simulated.program import SimulatedProgram


class Redis(SimulatedProgram):
    """A Redis that only answers PING."""


def is_redis(first: bytes) -> bool:
    """Whether a client speaks Redis's protocol."""
    return first[:1] in {b"*", b"P", b"p"} and not first.startswith((b"POST", b"PUT", b"PATCH"))


def serve_redis(connection: socket.socket) -> None:
    """Answer commands of a client until it leaves. Raises `OSError`."""
    while received := connection.recv(4096):
        pings = received.upper().count(b"PING")
        connection.sendall(b"+PONG\r\n" * pings or b"-ERR this Redis is simulated\r\n")
