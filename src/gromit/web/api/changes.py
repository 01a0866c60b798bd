"""Announcements of changes to everybody who watches this process: the source of the SSE stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

HEARTBEAT_S = 15.0
"""A comment is sent this often, so that a dead connection is noticed by both sides."""
BACKLOG = 256
"""Announcements kept for one slow watcher; what is beyond is dropped, as a watcher looks at everything anyway."""


@dataclass(eq=False, slots=True)
class _Watcher:
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG))

    def put(self, line: str | None) -> None:
        if line is None and self.queue.full():
            self.queue.get_nowait()
        if not self.queue.full():
            self.queue.put_nowait(line)


class ChangeHub:
    """The port `Announcer`, and the streams that it feeds."""

    def __init__(self) -> None:
        self._watchers: set[_Watcher] = set()
        self._closed = False

    def announce(self, name: str, kind: str) -> None:
        """Tell all watchers; from any thread."""
        self._tell(f"data: {json.dumps({'name': name, 'kind': kind})}\n\n")

    def close(self) -> None:
        """End all streams, so that a stopping server need not wait for them."""
        self._closed = True
        self._tell(None)

    async def stream(self) -> AsyncIterator[str]:
        """The lines of one SSE stream, until the server stops."""
        watcher = _Watcher(asyncio.get_running_loop())
        self._watchers.add(watcher)
        try:
            yield ": connected\n\n"
            while not self._closed:
                try:
                    line = await asyncio.wait_for(watcher.queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    line = ": alive\n\n"
                if line is None:
                    return
                yield line
        finally:
            self._watchers.discard(watcher)

    def _tell(self, line: str | None) -> None:
        for watcher in tuple(self._watchers):
            try:
                watcher.loop.call_soon_threadsafe(watcher.put, line)
            except RuntimeError:  # its loop has ended, and the watcher with it
                self._watchers.discard(watcher)
