"""Announcements of changes to everyone who watches this process: the source of the SSE stream.

A stream never ends by itself. So the streams of people have shares: by certificate or login, by
address, and in all. The control plane's own parts have none, and people's streams leave them room.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from gromit.core.environments.wakes import Watcher
from gromit.errors import TooMany
from gromit.web.announcements import parse_announcement
from gromit.web.line_backlog import MISSED, LineBacklog
from gromit.web.server.line_budget import client_group

HEARTBEAT_S = 15.0
"""Interval of comments in a quiet stream, so that both sides notice a dead connection."""
DATA = "data:"
"""Start of a line with an announcement."""
EVERY_NAME = "*"
"""Filter of progress that all environments pass."""
PROGRESS = "progress"
"""Kind of the announcement of a run's progress. No work becomes due by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """Streams that people may have open."""

    holder: int = 16
    """Of one certificate, which CI jobs may share, or of one login."""
    address: int = 32
    total: int = 64
    """A quarter of the connections, so that requests have the rest."""


PEER_LIMITS = StreamLimits(holder=16, address=4, total=16)
"""Streams of other processes of serve, which people's streams must not keep out.

Eight processes at most run at once, while four are replaced. The role of their certificate is also
one of people, so they have a share as well.
"""


@dataclass(frozen=True, slots=True)
class StreamOwner:
    """Person that opens a stream."""

    holder: str
    """Certificate, or person who is logged in at the gateway, in words."""
    address: str | None


@dataclass(eq=False, slots=True)
class _Watcher:
    loop: asyncio.AbstractEventLoop
    owner: StreamOwner | None = None
    progress: str | None = None
    """Environment whose progress is sent, or `EVERY_NAME`; None: of no environment."""
    is_peer: bool = False
    """Whether another process of serve follows, which hears only what this one recorded."""
    lines: LineBacklog = field(default_factory=LineBacklog)

    def follows(self, name: str, kind: str) -> bool:
        """Whether a change is sent. Watchers of due work are not woken for progress."""
        return kind != PROGRESS or self.progress in {name, EVERY_NAME}


class ChangeHub:
    """The port `Announcer`, and the streams that it feeds."""

    def __init__(self, limits: StreamLimits = StreamLimits()) -> None:
        self.id = uuid.uuid4().hex
        """Id of this process, by which it knows its own stream."""
        self._limits = limits
        self._watchers: set[_Watcher] = set()
        self._closed = False

    def announce(
        self,
        name: str,
        kind: str,
        text: str | None = None,
        wakes: Collection[Watcher] | None = None,
    ) -> None:
        """Send an announcement to all watchers; from any thread."""
        change: dict[str, Any] = {"name": name, "kind": kind, **({"text": text} if text else {})}
        if wakes is not None:
            change["wakes"] = sorted(wakes)
        followers = [w for w in tuple(self._watchers) if w.follows(name, kind)]
        self._send(f"data: {json.dumps(change)}\n\n", followers)

    def relay(self, line: str | None) -> None:
        """Send an announcement of another process of serve to the watchers of this one.

        None, and what is none, make every watcher look. From any thread.
        """
        change = parse_announcement(line.removeprefix(DATA)) if line else None
        own = [w for w in tuple(self._watchers) if not w.is_peer]
        if change is None:
            self._send(MISSED, own)
        else:
            self._send(f"{line}\n\n", [w for w in own if w.follows(change.name, change.kind)])

    def close(self) -> None:
        """End all streams, so that a stopping server does not wait for them."""
        self._closed = True
        self._send(None, tuple(self._watchers))

    def count_watchers(self) -> tuple[int, int]:
        """Return the numbers of open streams: those of parts, and those of people."""
        owned = [watcher.owner is not None for watcher in tuple(self._watchers)]
        return owned.count(False), owned.count(True)

    def check_share(self, owner: StreamOwner | None, *, is_peer: bool = False) -> None:
        """Raise `TooMany` if an owner has its share of streams already; None has no share."""
        if excess := self._excess(owner, is_peer=is_peer):
            raise TooMany(excess, hint="close some of them, or ask less often without a stream")

    def _excess(self, owner: StreamOwner | None, *, is_peer: bool) -> str | None:
        if owner is None:
            return None
        limits = PEER_LIMITS if is_peer else self._limits
        alike = [w for w in tuple(self._watchers) if w.is_peer is is_peer]
        owners = [watcher.owner for watcher in alike if watcher.owner]
        group = client_group(owner.address)
        everyone = "all processes of serve" if is_peer else "all people together"
        shares: list[tuple[str, int, Callable[[StreamOwner], bool]]] = [
            (owner.holder, limits.holder, lambda o: o.holder == owner.holder),
            (f"{group}", limits.address, lambda o: client_group(o.address) == group),
            (everyone, limits.total, lambda _: True),
        ]
        for name, limit, is_one in shares:
            if sum(map(is_one, owners)) >= limit:
                return f"{name} has {limit} streams of changes, and more are not allowed"
        return None

    async def stream(
        self,
        owner: StreamOwner | None = None,
        progress: str | None = None,
        *,
        is_peer: bool = False,
    ) -> AsyncIterator[str]:
        """Yield the lines of one SSE stream until the server stops."""
        # Requests that came at once have all passed `check_share` before the first of them watched.
        if self._excess(owner, is_peer=is_peer):
            return
        watcher = _Watcher(asyncio.get_running_loop(), owner, progress, is_peer)
        self._watchers.add(watcher)
        try:
            yield f": connected {self.id}\n\n" if is_peer else ": connected\n\n"
            # `close` may have run before this watcher was added: then no None is in the backlog.
            while not self._closed:
                try:
                    line = await asyncio.wait_for(watcher.lines.get(), HEARTBEAT_S)
                except TimeoutError:
                    line = ": alive\n\n"
                if line is None:
                    return
                yield line
        finally:
            self._watchers.discard(watcher)

    def _send(self, line: str | None, watchers: Sequence[_Watcher]) -> None:
        # `watchers` is a copy: other threads add and remove watchers meanwhile.
        for watcher in watchers:
            try:
                watcher.loop.call_soon_threadsafe(watcher.lines.put, line)
            except RuntimeError:  # its loop has ended, and the watcher with it
                self._watchers.discard(watcher)
