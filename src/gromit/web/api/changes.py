"""Announcements of changes to everyone who watches this process: the source of the SSE stream."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

HEARTBEAT_S = 15.0
"""Interval of comments in a quiet stream, so that both sides notice a dead connection."""
BACKLOG = 256
"""Announcements kept for one slow watcher.

Later ones are dropped: a watcher looks at all environments after any announcement.
"""


@dataclass(eq=False, slots=True)
class _Watcher:
    loop: asyncio.AbstractEventLoop
    queue: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(BACKLOG))

    def put(self, line: str | None) -> None:
        # The end of the stream (None) must arrive, so it takes the place of an announcement.
        if line is None and self.queue.full():
            self.queue.get_nowait()
        if not self.queue.full():
            self.queue.put_nowait(line)


class ChangeHub:
    """The port `Announcer`, and the streams that it feeds."""

    def __init__(self) -> None:
        self._watchers: set[_Watcher] = set()
        self._closed = False

    def announce(self, name: str, kind: str, text: str | None = None) -> None:
        """Send an announcement to all watchers; from any thread."""
        change = {"name": name, "kind": kind, **({"text": text} if text else {})}
        self._send(f"data: {json.dumps(change)}\n\n")

    def close(self) -> None:
        """End all streams, so that a stopping server does not wait for them."""
        self._closed = True
        self._send(None)

    async def stream(self) -> AsyncIterator[str]:
        """Yield the lines of one SSE stream until the server stops."""
        watcher = _Watcher(asyncio.get_running_loop())
        self._watchers.add(watcher)
        try:
            yield ": connected\n\n"
            # `close` may have run before this watcher was added: then no None is in the queue.
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

    def _send(self, line: str | None) -> None:
        # A copy: other threads add and remove watchers meanwhile.
        for watcher in tuple(self._watchers):
            try:
                watcher.loop.call_soon_threadsafe(watcher.put, line)
            except RuntimeError:  # its loop has ended, and the watcher with it
                self._watchers.discard(watcher)
