"""Addresses of a local cloud in 127/8: a /16 as its VPC, and a /16 for public addresses.

On Linux any process can listen on any address of 127/8, so the ranges of two clouds must not
overlap. To claim a range, a process binds a socket to one of its addresses. The kernel allows that
to one process of all users, and releases the address when the process ends.
"""

import hashlib
import ipaddress
import itertools
import os
import secrets
import socket
import sys
from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from gromit.errors import ConfigError, Conflict

_FIRST, _LAST = 8, 127
"""Half of the first and last second octet.

127.0 to 127.15 are not used (127.0.0.1, resolvers on 127.0.0.53, Debian's 127.0.1.1), nor is
127.255 (broadcasts).
"""

_PORT = 43961
"""UDP port of the claiming socket, which never receives anything."""

_PORTS = range(20000, 32768)
"""Range of free ports, below those of outgoing connections (`ip_local_port_range`, from 32768).

So no outgoing connection can take a port between the check and its use.
"""

_MONGO_OFFSET = 27
"""Distance of the Mongo server's address from the end of the VPC."""

_DRAWS = 100
"""Number of ports to try before giving up."""

_MARKED = "127.0.0.2"
"""Address on which a drawn port is marked, so that no other process draws it before its use."""

_marks: OrderedDict[int, int] = OrderedDict()
"""Descriptors of this process's marks. They end with it, or after `_MOST_MARKS` further ports."""

_MOST_MARKS = 50


@dataclass(frozen=True, slots=True)
class Ranges:
    """The two ranges of one cloud."""

    vpc: ipaddress.IPv4Network
    public: ipaddress.IPv4Network

    @property
    def mongo(self) -> str:
        """Address of the Mongo server, in a part of the VPC that no subnet uses."""
        return str(self.vpc.broadcast_address - _MONGO_OFFSET)


class RangeReservation:
    """Ranges that this process holds until `close`, or until it ends."""

    def __init__(self, ranges: Ranges, sockets: tuple[socket.socket, ...]) -> None:
        self.ranges = ranges
        self._sockets = sockets

    def close(self) -> None:
        """Release the ranges."""
        for claimed in self._sockets:
            claimed.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def require_linux(platform: str = sys.platform) -> None:
    """Raise `ConfigError` if this is not Linux."""
    if platform != "linux":
        raise ConfigError(
            f"a local cloud needs Linux, this is {platform}",
            hint="Run it in a Linux container or virtual machine:"
            " only Linux listens on all of 127.0.0.0/8.",
        )


def claim_ranges(seed: str) -> RangeReservation:
    """Claim free ranges, tried in an order that depends on `seed`.

    Raises `Conflict` if all are taken.
    """
    for ranges in _candidates(seed):
        with suppress(OSError):
            return _bind(ranges)
    raise Conflict(
        "all address ranges are taken by other local clouds",
        hint="Run `gromit local down` for one of them.",
    )


def reclaim_ranges(ranges: Ranges) -> RangeReservation:
    """Claim the former ranges of a cloud. Raises `Conflict` if another cloud has taken them."""
    try:
        return _bind(ranges)
    except OSError as error:
        raise Conflict(
            f"the addresses {ranges.vpc} and {ranges.public} of this local cloud are in use",
            hint="It is up already, or another cloud uses them:"
            " bring that one down, or make a new cloud in another folder.",
        ) from error


def free_port(
    preferred: int | None = None, *, taken: Collection[int] = (), host: str = "127.0.0.1"
) -> int:
    """Return a port that is not `taken` and free on TCP and UDP, the preferred one if possible.

    No other process that asks gets the same one as long as this process lives. Raises `Conflict`
    if no port is free.
    """
    drawn = (secrets.choice(_PORTS) for _ in range(_DRAWS))
    for port in drawn if preferred is None else itertools.chain([preferred], drawn):
        with (
            suppress(OSError),
            socket.create_server((host, port)),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            udp.bind((host, port))
            if port not in taken:
                _mark(port)
                return port
    raise Conflict(
        f"there is no free port on {host}", hint="Stop a program that listens on many ports."
    )


def _mark(port: int) -> None:
    """Mark a port as drawn. Raises `OSError` if another process has marked it."""
    if port not in _marks:
        mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            mark.bind((_MARKED, port))
        except OSError:
            mark.close()
            raise
        _marks[port] = mark.detach()
    if len(_marks) > _MOST_MARKS:
        os.close(_marks.popitem(last=False)[1])


def _candidates(seed: str) -> Iterator[Ranges]:
    count = _LAST - _FIRST
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big") % count
    for step in range(count):
        second = 2 * (_FIRST + (start + step) % count)
        yield Ranges(
            ipaddress.IPv4Network(f"127.{second}.0.0/16"),
            ipaddress.IPv4Network(f"127.{second + 1}.0.0/16"),
        )


def _bind(ranges: Ranges) -> RangeReservation:
    sockets = []
    try:
        for network in (ranges.vpc, ranges.public):
            claiming = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sockets.append(claiming)
            claiming.bind((str(network.broadcast_address - 1), _PORT))
    except OSError:
        for claimed in sockets:
            claimed.close()
        raise
    return RangeReservation(ranges, tuple(sockets))
