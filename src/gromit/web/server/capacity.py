"""Capacity of a listener: which connections stay when there are too many.

A connection is young until its first complete request. An honest client is young for milliseconds.
So at the limit the oldest young connection makes room for a new one, and a client that only opens
connections keeps no other client out. A client that does send requests has a share of its own, by
the serial of its certificate, and some connections are kept for the control plane's own parts.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from gromit.core.security.roles import Role
from gromit.web.server.limits import ClientLimits
from gromit.web.server.tls import Peer

OWN_PARTS = frozenset({Role.GATEWAY, Role.WORKER})
"""Roles whose connections have no share: many builds and many runs come through one of each."""


class Connection(Protocol):
    """The facts of an open connection that decide whether it stays."""

    peer: Peer | None
    opened: float
    """Time of its event loop at which it was opened, in seconds."""

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
        self, limits: ClientLimits, connections: Callable[[], Iterable[Connection]]
    ) -> None:
        self._limits = limits
        self._connections = connections

    def make_room(self) -> bool:
        """Make room for one more connection; False if every connection has sent a request."""
        current = self._open()
        if len(current) < self._limits.connections:
            return True
        young = [c for c in current if c.is_young]
        if not young:
            return False
        min(young, key=lambda c: c.opened).displace()
        return True

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
