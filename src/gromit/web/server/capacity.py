"""Capacity of a listener: which connections stay when there are too many.

A connection is young until its first complete request. An honest client is young for milliseconds.
So at the limit a connection that is young for long makes room for a new one, else an idle one, and
a client that only opens connections keeps no other client out. A client that does send requests has
a share of its own, by the serial of its certificate, or by its address if it shows none. Some
connections are kept for the control plane's own parts.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from gromit.core.security.roles import Role
from gromit.web.server.limits import ClientLimits
from gromit.web.server.line_budget import client_group
from gromit.web.server.proxies import NO_NETWORKS, Networks
from gromit.web.server.tls import Peer

HONEST_S = 1.0
"""Longest time that an honest client needs for its first request, also under load."""
OWN_PARTS = frozenset({Role.GATEWAY, Role.WORKER})
"""Roles whose connections have no share: many builds and many runs come through one of each."""


class Connection(Protocol):
    """The facts of an open connection that decide whether it stays."""

    peer: Peer | None
    opened: float
    """Time of its event loop at which it was opened, in seconds."""
    group: str | None
    """Address, or network, that counts as one client."""
    idle_since: float | None
    """Time at which its last response ended; None while it is young, or a request is open."""

    @property
    def is_young(self) -> bool:
        """Whether it has not sent a complete request yet."""

    @property
    def is_closing(self) -> bool:
        """Whether it is being closed, and counts no more."""

    def displace(self) -> None:
        """Close it at once, in favour of another one."""


class Capacity:
    """Room for the connections of one listener."""

    def __init__(
        self,
        limits: ClientLimits,
        connections: Callable[[], Iterable[Connection]],
        shared: Networks = NO_NETWORKS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`shared` are the networks of proxies, each of whose addresses has many clients."""
        self._clock = clock
        self._limits = limits
        self._connections = connections
        self._shared = shared

    def make_room(self, address: str | None = None) -> bool:
        """Make room for one more connection of an address; False if none can be closed for it."""
        current = self._open()
        own = self._of_address(address, current)
        if len(own) >= self._limits.address_connections:
            return self._displace_one(own)
        return len(current) < self._limits.connections or self._displace_one(current)

    def _displace_one(self, crowd: list[Connection]) -> bool:
        """Close a connection that is young for too long, else an idle one, else a young one.

        Return False if there is none. A connection that an honest client has just opened stays
        while others can be closed.
        """
        young = sorted((c for c in crowd if c.is_young), key=lambda c: c.opened)
        is_slow = bool(young) and self._clock() - young[0].opened > HONEST_S
        if not is_slow and _displace_idle(crowd, least=1):
            return True
        if young:
            young[0].displace()
        return bool(young)

    def _of_address(self, address: str | None, current: list[Connection]) -> list[Connection]:
        """Return the connections without a certificate that share the address's share."""
        if address is None or address in self._shared:
            return []
        group = client_group(address)
        return [c for c in current if c.peer is None and c.group == group]

    def refusal(self, connection: Connection) -> str | None:
        """Return why a new connection of a known peer must be closed; None if it may stay."""
        peer = connection.peer
        if peer is None or peer.role in OWN_PARTS:
            return None
        current = self._open()
        others = [
            c for c in current if c is not connection and c.peer and c.peer.serial == peer.serial
        ]
        if len(others) >= self._limits.peer_connections:
            return f"certificate {peer.serial} has {len(others)} connections already"
        is_kept = len(current) > self._limits.connections - self._limits.kept_connections
        if is_kept and not _displace_greedier(peer.serial, current):
            return "the last connections are kept for the gateway and the workers"
        return None

    def _open(self) -> list[Connection]:
        return [c for c in self._connections() if not c.is_closing]


def _displace_greedier(serial: str, crowd: list[Connection]) -> bool:
    """Close an idle connection of a client that has more of them than a certificate has."""
    own = sum(c.peer is not None and c.peer.serial == serial for c in crowd)
    return _displace_idle(crowd, least=own + 1)


def _displace_idle(crowd: list[Connection], *, least: int) -> bool:
    """Close the longest idle connection of the client that has most, and at least `least`.

    Those of the control plane's own parts stay.
    """
    sizes = Counter(_client(c) for c in crowd)
    idle = [
        (-sizes[_client(c)], c.idle_since, c)
        for c in crowd
        if c.idle_since is not None and not (c.peer and c.peer.role in OWN_PARTS)
    ]
    if not idle:
        return False
    size, _, chosen = min(idle, key=lambda each: each[:2])
    if -size < least:
        return False
    chosen.displace()
    return True


def _client(connection: Connection) -> str | None:
    return connection.peer.serial if connection.peer else connection.group
