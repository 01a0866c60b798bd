"""Capacity of a listener: which connections stay when there are too many.

A connection is young until its first complete request. An honest client is young for milliseconds.
So at the limit the oldest young connection makes room for a new one, and a client that only opens
connections keeps no other client out. A client that does send requests has a share of its own, by
the serial of its certificate, or by its address if it shows none. Some connections are kept for the
control plane's own parts.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from gromit.core.security.roles import Role
from gromit.web.server.limits import ClientLimits
from gromit.web.server.line_budget import client_group
from gromit.web.server.proxies import NO_NETWORKS, Networks
from gromit.web.server.tls import Peer

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
    ) -> None:
        """`shared` are the networks of proxies, each of whose addresses has many clients."""
        self._limits = limits
        self._connections = connections
        self._shared = shared

    def make_room(self, address: str | None = None) -> bool:
        """Make room for one more connection of an address; False if none can be closed for it."""
        current = self._open()
        own = self._of_address(address, current)
        if len(own) >= self._limits.address_connections:
            return _displace_one(own)
        return len(current) < self._limits.connections or _displace_one(current)

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
        if len(current) > self._limits.connections - self._limits.kept_connections:
            return "the last connections are kept for the gateway and the workers"
        return None

    def _open(self) -> list[Connection]:
        return [c for c in self._connections() if not c.is_closing]


def _displace_one(crowd: list[Connection]) -> bool:
    """Close the oldest young connection, else an idle one without a certificate; False if none is.

    Of the idle ones it closes one of the client that has most, and of these the longest idle.
    """
    if young := [c for c in crowd if c.is_young]:
        min(young, key=lambda c: c.opened).displace()
        return True
    idle = [(c.idle_since, c) for c in crowd if c.peer is None and c.idle_since is not None]
    if not idle:
        return False
    sizes = Counter(c.group for _, c in idle)
    _, chosen = min(idle, key=lambda each: (-sizes[each[1].group], each[0]))
    chosen.displace()
    return True
