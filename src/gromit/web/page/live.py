"""Live updates: one stream of small pieces of HTML for each open page.

A piece replaces the part of the page with the same id. Nothing but a comment every few seconds is
sent while nothing changes, and changes that come together are sent together.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from gromit.errors import Temporary, TooMany
from gromit.web.page.index import EnvironmentIndex

HEARTBEAT_S = 15.0
GATHER_S = 0.3
"""Time in which changes are gathered, so that a burst is one message."""
STREAMS, STREAMS_EACH = 128, 16
"""Streams of all people, and of one."""
_COMMENT = ": alive\n\n"

SessionCheck = Callable[[], Awaitable[bool]]
"""Whether the person is still logged in."""
Pieces = Callable[[int], Awaitable[str]]
"""HTML of what changed since a version of the index; empty if the page does not change."""


@dataclass(slots=True)
class StreamShares:
    """Numbers of open streams by person."""

    _open: Counter[str] = field(default_factory=Counter)

    def check(self, person: str) -> None:
        """Raise `TooMany` if a person has its share already."""
        if self._open[person] >= STREAMS_EACH or self._open.total() >= STREAMS:
            raise TooMany("too many pages are open", hint="close some of them")

    @contextmanager
    def counted(self, person: str) -> Iterator[None]:
        """Count a stream while it is open."""
        self._open[person] += 1
        try:
            yield
        finally:
            self._open[person] -= 1
            self._open += Counter()  # drops those without streams


async def live_pieces(
    index: EnvironmentIndex, since: int, is_valid: SessionCheck, pieces: Pieces
) -> AsyncIterator[str]:
    """Yield the events of a page that was made at the version `since` of the index."""
    yield ": connected\n\n"
    heard = -1
    while True:
        is_news = await index.wait(heard, HEARTBEAT_S)
        if is_news and heard >= 0 and not index.is_stopped:
            await asyncio.sleep(GATHER_S)
        heard = index.heard
        if index.is_stopped or not await is_valid():
            return
        try:
            await index.refresh()
        except Temporary:
            yield _COMMENT
            continue
        now = index.version
        html = await pieces(since) if now > since else ""
        since = now
        yield as_event(html, since) if html else _COMMENT


def as_event(html: str, number: int) -> str:
    """Return HTML as one unnamed event."""
    lines = "\n".join(f"data: {line}" for line in html.splitlines() if line.strip())
    return f"id: {number}\n{lines}\n\n"


def digest(value: Mapping[str, Any] | list[Any] | tuple[Any, ...]) -> str:
    """Return a digest of what a part of a page shows."""
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
