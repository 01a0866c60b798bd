"""Which addresses of 127/8 belong to a local cloud: a /16 as its VPC, and a /16 that public addresses come from.

Linux lets any process listen on any address of 127/8, so the ranges of two clouds must not meet. A range is claimed by binding one
socket on one of its addresses, which the kernel allows to one process only, whoever's it is, and undoes when that process ends.
"""

import hashlib
import ipaddress
import itertools
import secrets
import socket
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from gromit.errors import ConfigError, Conflict

_FIRST, _LAST = 8, 127
"""127.0 to 127.15 are left alone (127.0.0.1, resolvers on 127.0.0.53, Debian's 127.0.1.1); 127.255 is for broadcasts."""

_PORT = 43961
"""UDP port of the claiming socket; nothing is ever sent to it."""

_PORTS = range(20000, 32768)
"""Where free ports are drawn from: below those that Linux gives to outgoing connections (`ip_local_port_range`, 32768 and up), so
that none of these takes one between the look and its use."""

_DRAWS = 100
"""How many ports are looked at before it is said that none is free."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """The two ranges of one cloud."""

    vpc: ipaddress.IPv4Network
    public: ipaddress.IPv4Network


class RangeReservation:
    """Ranges that are ours until `close`, or until this process ends."""

    def __init__(self, ranges: Ranges, sockets: tuple[socket.socket, ...]) -> None:
        self.ranges = ranges
        self._sockets = sockets

    def close(self) -> None:
        """Give the ranges back."""
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
    """Raise `ConfigError` where a local cloud cannot be."""
    if platform != "linux":
        raise ConfigError(
            f"a local cloud needs Linux, this is {platform}",
            hint="only Linux listens on all of 127.0.0.0/8; run it in a Linux container or virtual machine",
        )


def claim_ranges(seed: str) -> RangeReservation:
    """Claim ranges that nobody has, tried in an order that depends on `seed`. Raises `Conflict` if all are taken."""
    for ranges in _candidates(seed):
        with suppress(OSError):
            return _bind(ranges)
    raise Conflict(
        "all address ranges are taken by other local clouds", hint="bring one of them down"
    )


def reclaim_ranges(ranges: Ranges) -> RangeReservation:
    """Claim the ranges that a cloud had before. Raises `Conflict` if another one has taken them meanwhile."""
    try:
        return _bind(ranges)
    except OSError as error:
        raise Conflict(
            f"the addresses {ranges.vpc} and {ranges.public} of this local cloud are in use",
            hint="it is up already, or another cloud has them: bring that one down, or begin anew in another folder",
        ) from error


def free_port(
    preferred: int | None = None, *, taken: Collection[int] = (), host: str = "127.0.0.1"
) -> int:
    """A port that nobody listens on, over TCP and UDP, and that is not `taken`: the preferred one if it is such a one."""
    drawn = (secrets.choice(_PORTS) for _ in range(_DRAWS))
    for port in drawn if preferred is None else itertools.chain([preferred], drawn):
        with (
            suppress(OSError),
            socket.create_server((host, port)),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            udp.bind((host, port))
            if port not in taken:
                return port
    raise Conflict(
        f"there is no free port on {host}", hint="something on this machine listens on all of them"
    )


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
