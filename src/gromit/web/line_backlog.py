"""Announcements that wait for one slow watcher of a stream of changes."""

import asyncio
from collections import deque

BACKLOG = 256
"""Announcements kept for one slow watcher."""
MISSED = 'data: {"name": "*", "kind": "missed"}\n\n'
"""Takes the place of those that did not fit. It wakes every watcher, whatever it waits for."""


class LineBacklog:
    """Lines for one watcher, in the loop of that watcher only."""

    def __init__(self) -> None:
        self._lines: deque[str | None] = deque()
        self._ready = asyncio.Event()

    def put(self, line: str | None) -> None:
        """Add a line; None is the end of the stream."""
        count = len(self._lines)
        if line is None or count < BACKLOG:
            self._lines.append(line)
        elif count == BACKLOG:
            # What is lost may be the only announcement that makes work for this watcher.
            self._lines.append(MISSED)
        self._ready.set()

    async def get(self) -> str | None:
        """Wait for the next line; None is the end of the stream."""
        while not self._lines:
            self._ready.clear()
            await self._ready.wait()
        return self._lines.popleft()
