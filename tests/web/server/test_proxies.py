"""Addresses of clients behind a load balancer, and headers that are forged."""

import json
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from gromit.core.security.roles import Role
from gromit.web.server.accept import HANDSHAKES_FAILED
from gromit.web.server.limits import ClientLimits, Receive, Scope, Send
from gromit.web.server.proxies import SIGNATURE, Networks
from gromit.web.server.server import Listener, Server
from gromit.web.server.tls import ServerTls
from gromit.web.tls import CertificateFiles
from tests.fakes.authority import TestCa
from tests.fakes.clients import connection, read_all, read_answer, tls_context, wait_for
from tests.web.applications import answer

HERE = Networks(["127.0.0.0/8"])
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


async def client_app(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer with the client's address."""
    await answer(send, 200, json.dumps(scope["client"]).encode())


def header(source: str, port: int = 4711, *, command: int = 0x21, more: bytes = b"") -> bytes:
    """Return the header that a load balancer sends for a client."""
    address = ip_address(source)
    family = 0x11 if address.version == 4 else 0x21
    body = address.packed * 2 + struct.pack("!HH", port, 443) + more
    return SIGNATURE + struct.pack("!BBH", command, family, len(body)) + body


LOCAL = SIGNATURE + struct.pack("!BBH", 0x20, 0x00, 0)
"""Header of a balancer's own health check."""


@contextmanager
def _serving(
    proxies: Networks, tls: ServerTls | None = None, limits: ClientLimits | None = None
) -> Iterator[str]:
    listener = Listener(
        client_app, "127.0.0.1:0", tls, limits or ClientLimits(), proxies=proxies, shared=proxies
    )
    server = Server(listener)
    with server.running():
        yield server.address()


def _client(stream: socket.socket) -> list[object]:
    stream.sendall(GET)
    head, _, body = read_answer(stream).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    client: list[object] = json.loads(body)
    return client


@pytest.mark.parametrize(
    ("sent", "client"),
    [
        (header("203.0.113.9"), ["203.0.113.9", 4711]),
        (header("2001:db8::9", 1), ["2001:db8::9", 1]),
        (
            header("203.0.113.9", more=b"\xea\x00\x17\x01vpce-0123456789abcdef0"),
            ["203.0.113.9", 4711],
        ),
    ],
)
def test_a_balancer_says_the_address_of_its_client(sent: bytes, client: list[object]) -> None:
    with _serving(HERE) as address, connection(address) as stream:
        stream.sendall(sent)
        assert _client(stream) == client


@pytest.mark.parametrize("sent", [b"", LOCAL, header("203.0.113.9", command=0x20)])
def test_health_checks_and_clients_without_a_balancer_have_their_own(sent: bytes) -> None:
    with _serving(HERE) as address, connection(address) as stream:
        stream.sendall(sent)
        assert _client(stream)[0] == "127.0.0.1"


def test_a_header_in_pieces_is_read() -> None:
    whole = header("203.0.113.9")
    with _serving(HERE) as address, connection(address) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), 5):
            stream.sendall(whole[start : start + 5])
        assert _client(stream) == ["203.0.113.9", 4711]


@pytest.mark.parametrize(
    "sent",
    [
        SIGNATURE + b"\x11\x11\x00\x00",
        SIGNATURE + b"\x2f\x11\x00\x0c" + b"x" * 12,
        SIGNATURE + b"\x21\x11\x00\x04" + b"x" * 4,
        SIGNATURE + b"\x21\x11\xff\xff",
        b"\r\n\r\n" + b"x" * 12,
    ],
)
def test_a_broken_header_ends_its_connection_alone(sent: bytes) -> None:
    before = HANDSHAKES_FAILED.labels("protocol")._value.get()
    with _serving(HERE) as address:
        with connection(address) as stream:
            stream.sendall(sent)
            assert read_all(stream) == b""
        wait_for(lambda: HANDSHAKES_FAILED.labels("protocol")._value.get() == before + 1)
        with connection(address) as stream:
            assert _client(stream)[0] == "127.0.0.1"


def test_half_a_header_ends_by_the_deadline_of_handshakes() -> None:
    limits = ClientLimits(handshake_s=0.2)
    with _serving(HERE, limits=limits) as address:
        for half in (b"", SIGNATURE[:5], header("203.0.113.9")[:20]):
            with connection(address) as stream:
                stream.sendall(half)
                assert read_all(stream) == b""


@pytest.mark.parametrize("proxies", [[], ["192.0.2.0/24"], ["::1/128"]])
def test_others_cannot_forge_an_address(proxies: list[str]) -> None:
    with _serving(Networks(proxies)) as address, connection(address) as stream:
        stream.sendall(header("203.0.113.9") + GET)
        assert not read_all(stream).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_header_comes_before_tls(tmp_path: Path, version: ssl.TLSVersion) -> None:
    ca = TestCa(tmp_path)
    files, alice = ca.leaf("serve", "server"), ca.leaf("alice", Role.VIEWER)
    tls = ServerTls(CertificateFiles(files.cert, files.key, files.ca), tls_min="1.2")
    context = tls_context(alice, alice.ca, version)
    with _serving(HERE, tls) as address, connection(address) as plain:
        plain.sendall(header("203.0.113.9"))
        with context.wrap_socket(plain, server_hostname="localhost") as stream:
            assert _client(stream) == ["203.0.113.9", 4711]


@pytest.mark.parametrize("proxies", [["0.0.0.0/33"], ["10.0.0.0/8/8"], ["balancer"]])
def test_what_is_no_network_is_refused(proxies: list[str]) -> None:
    with pytest.raises(ValueError, match="network"):
        Networks(proxies)


def test_addresses_of_ipv4_in_ipv6_are_in_their_networks() -> None:
    assert "::ffff:127.0.0.1" in HERE
    assert "::1" not in HERE
    assert "nonsense" not in HERE
    assert None not in HERE
