"""Callers and workers that this process of serve has seen: who asked last, and for what.

Nothing of it is kept: after a restart of serve the lists begin again.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from gromit.core.environments.phases import Work
from gromit.core.security.roles import Role
from gromit.core.time import Millis, iso
from gromit.web.server.tls import Peer

KEPT = 100
"""Entries of each list. A new one takes the place of the one that was seen longest ago."""
_DAY_MS = 86_400_000

_Key = TypeVar("_Key")
_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class WorkerSighting:
    """A worker, and the result of its last request for work."""

    holder: str
    kind: Work
    seen: str
    result: str
    """`no work is due`, `suspended`, or the environment that it was given."""


@dataclass(frozen=True, slots=True)
class CallerSighting:
    """A client certificate, and when it was last used."""

    name: str
    role: Role
    serial: str
    expires: str
    seen: str


@dataclass(slots=True)
class Sightings:
    """The last sightings. Safe to use from any thread."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _workers: dict[tuple[Work, str], tuple[Millis, str]] = field(default_factory=dict)
    _callers: dict[str, tuple[Millis, Peer]] = field(default_factory=dict)

    def worker(self, kind: Work, holder: str, now_ms: Millis, result: str) -> None:
        """Note a worker's request for work, and its result."""
        with self._lock:
            _keep(self._workers, (kind, holder), (now_ms, result))

    def caller(self, peer: Peer, now_ms: Millis) -> None:
        """Note the certificate of a request."""
        with self._lock:
            _keep(self._callers, peer.serial, (now_ms, peer))

    def workers(self) -> list[WorkerSighting]:
        """Return the workers, the last one first."""
        with self._lock:
            seen = list(self._workers.items())
        return [
            WorkerSighting(holder, kind, iso(at), result)
            for (kind, holder), (at, result) in reversed(seen)
        ]

    def callers(self) -> list[CallerSighting]:
        """Return the certificates, the last one first."""
        with self._lock:
            seen = list(self._callers.values())
        return [
            CallerSighting(peer.name, peer.role, peer.serial, iso(peer.expires_ms), iso(at))
            for at, peer in reversed(seen)
            if peer.role is not None
        ]

    def expiries(self, now_ms: Millis) -> Mapping[Role, Millis]:
        """Return the earliest expiry of certificates that were used in the last day, by role.

        Of one name only the certificate that was used last counts: it has replaced the others.
        """
        with self._lock:
            seen = list(self._callers.values())
        newest = {
            (peer.name, peer.role): peer.expires_ms
            for at, peer in seen
            if peer.role is not None and now_ms - at <= _DAY_MS
        }
        found: dict[Role, Millis] = {}
        for (_, role), expires_ms in newest.items():
            if role is not None:
                found[role] = min(expires_ms, found.get(role, expires_ms))
        return found


def _keep(entries: dict[_Key, _Entry], key: _Key, entry: _Entry) -> None:
    entries.pop(key, None)
    entries[key] = entry
    if len(entries) > KEPT:
        del entries[next(iter(entries))]
