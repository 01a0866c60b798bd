"""Addresses of clients behind a load balancer: the PROXY protocol, version 2.

A load balancer of TCP connections cannot add a header of HTTP. It sends the client's address before
the first byte of TLS. Only the networks of the balancers are believed; from any other address such
a header is no valid request. A connection without the header is served as well, because gromit's
own parts ask without a load balancer.
"""

import asyncio
import socket
from collections.abc import Iterable
from contextvars import ContextVar
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_HEAD = len(SIGNATURE) + 4
_BODY_MAX = 1024
"""Bytes after the head: addresses, and what balancers add; AWS adds less than 100."""
_VERSION, _LOCAL, _PROXY = 0x20, 0x0, 0x1
_TCP4, _TCP6 = 0x11, 0x21
_SIZES = {_TCP4: 4, _TCP6: 16}

ClientAddress = tuple[str, int]
CLIENT: ContextVar[ClientAddress | None] = ContextVar("client", default=None)
"""Client of the connection that is being made; None if no balancer says it."""


class InvalidProxyHeader(OSError):
    """A trusted balancer sent a header that cannot be read."""


class Networks:
    """A set of networks."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._networks = tuple(ip_network(text) for text in texts)

    def __contains__(self, address: object) -> bool:
        """Whether an address is in one of them."""
        try:
            parsed = ip_address(str(address))
        except ValueError:
            return False
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in self._networks)


NO_NETWORKS = Networks()


async def read_client(connection: socket.socket) -> ClientAddress | None:
    """Return the client's address that a balancer sends first; None if it sends none.

    Raises `InvalidProxyHeader`, and `ConnectionError` if the connection ends before.
    """
    if await _first_byte(connection) != SIGNATURE[:1]:
        return None
    head = await _read(connection, _HEAD)
    length = int.from_bytes(head[-2:])
    if not head.startswith(SIGNATURE) or head[12] & 0xF0 != _VERSION or length > _BODY_MAX:
        raise InvalidProxyHeader("the PROXY header cannot be read")
    return _client(head[12] & 0x0F, head[13], await _read(connection, length))


def _client(command: int, family: int, body: bytes) -> ClientAddress | None:
    """Return the address in a header; None for a health check, and for other kinds of sockets."""
    if command not in {_LOCAL, _PROXY}:
        raise InvalidProxyHeader(f"the PROXY header has the unknown command {command}")
    size = _SIZES.get(family)
    if command == _LOCAL or size is None:
        return None
    if len(body) < 2 * size + 4:
        raise InvalidProxyHeader("the PROXY header is too short for its addresses")
    kind = IPv4Address if size == 4 else IPv6Address
    return str(kind(body[:size])), int.from_bytes(body[2 * size : 2 * size + 2])


async def _first_byte(connection: socket.socket) -> bytes:
    """Return the first byte, and leave it in the socket for what reads next."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(connection, wake)
    try:
        await ready
    finally:
        loop.remove_reader(connection)
    first = connection.recv(1, socket.MSG_PEEK)
    if not first:
        raise ConnectionResetError("closed before the first byte")
    return first


async def _read(connection: socket.socket, size: int) -> bytes:
    loop, received = asyncio.get_running_loop(), b""
    while len(received) < size:
        part = await loop.sock_recv(connection, size - len(received))
        if not part:
            raise ConnectionResetError("closed within the PROXY header")
        received += part
    return received
