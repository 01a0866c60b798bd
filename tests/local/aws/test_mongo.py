"""The Mongo of the local cloud: clients find it, and it stores nothing."""

import ipaddress
import socket
import struct

import pytest

from gromit.local.aws.mongo import MongoServer, answer_message
from tests.fakes.clients import read_all, send_last
from tests.waiting import PATIENCE_S

Ranges = tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]
HEADER = struct.Struct("<iiii")


def document(command: bytes) -> bytes:
    content = b"\x10" + command + b"\0" + struct.pack("<i", 1) + b"\0"
    return struct.pack("<i", len(content) + 4) + content


def op_msg(command: bytes) -> bytes:
    return struct.pack("<iB", 0, 0) + document(command)


def op_query(command: bytes) -> bytes:
    return struct.pack("<i", 0) + b"admin.$cmd\0" + struct.pack("<ii", 0, -1) + document(command)


def is_ok(message: bytes) -> bool:
    value: float = struct.unpack("<d", message.split(b"\x01ok\0", 1)[1][:8])[0]
    return value == 1


@pytest.mark.parametrize(
    ("command", "accepted"),
    [(b"hello", True), (b"ping", True), (b"dropDatabase", True), (b"insert", False)],
)
def test_greetings_are_answered_and_writes_refused(command: bytes, accepted: bool) -> None:
    for operation, body in ((2013, op_msg(command)), (2004, op_query(command))):
        answer = answer_message(operation, 7, body)
        assert answer
        length, _, request, _ = HEADER.unpack_from(answer)
        assert (length, request) == (len(answer), 7)
        assert is_ok(answer) is accepted


def test_a_client_connects_asks_twice_and_is_refused_after_the_end(ranges: Ranges) -> None:
    address = str(ranges[0][300])
    server = MongoServer(address).start()
    with socket.create_connection((address, 27017), PATIENCE_S) as client:
        for number in (1, 2):
            body = op_msg(b"ping")
            client.sendall(HEADER.pack(HEADER.size + len(body), number, 0, 2013) + body)
            answer = client.recv(4096)
            assert is_ok(answer)
            assert HEADER.unpack_from(answer)[2] == number
        client.sendall(HEADER.pack(HEADER.size, 3, 0, 1))
        assert client.recv(1) == b""
    server.stop()
    with socket.socket() as probe:
        assert probe.connect_ex((address, 27017)) != 0


def test_what_is_no_message_ends_the_connection(ranges: Ranges) -> None:
    address = str(ranges[0][301])
    server = MongoServer(address).start()
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", HEADER.pack(1, 1, 0, 2013)):
        with socket.create_connection((address, 27017), PATIENCE_S) as client:
            send_last(client, nonsense)
            assert read_all(client) == b""
    server.stop()
