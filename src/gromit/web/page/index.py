"""All environments in brief, in memory: read once, then kept up to date by serve's changes.

So a view costs serve nothing, and a change costs one request however many people look. The index is
no store: it is read again after each break of the stream, and once a minute while people look,
because some phases change with time alone.
"""

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import structlog

from gromit.core.time import Millis
from gromit.errors import Temporary
from gromit.web.page.backend import PageBackend
from gromit.web.page.rows import EnvironmentRow, damaged_row, environment_row

log = structlog.get_logger(__name__)

FRESH_MS = 60_000
"""Longest use of what was read, while the stream is connected."""
BLIND_MS = 5_000
"""Longest use without the stream."""
CONNECT_S = 2.0
"""Longest wait for the stream before the first read; it goes on without."""
PAUSE_S, PAUSE_MAX_S = 1.0, 30.0
"""Pauses before a broken stream is opened again."""
NAMES = 50
"""Environments that one request names; serve allows as many."""
DATA = "data:"
PROGRESS = "progress"
"""Kind of an announcement that changes no row."""
MISSED = "missed"
"""Kind of an announcement in place of those that a slow stream has lost."""


class EnvironmentIndex:
    """All environments in brief."""

    def __init__(self, backend: PageBackend, now_ms: Callable[[], Millis]) -> None:
        self._backend = backend
        self._now_ms = now_ms
        self.rows: dict[str, EnvironmentRow] = {}
        self.suspensions: list[Mapping[str, Any]] = []
        self.life = secrets.token_hex(4)
        """Changes with each process: versions of another life mean nothing."""
        self.is_stopped = False
        self.version = 0
        """Grows with each change."""
        self._changed_at: dict[str, int] = {}
        self._announced_at: dict[str, int] = {}
        """Versions of the last announcements: no row shows progress, DNS and health."""
        self._dirty: set[str] = set()
        self._read_ms: Millis | None = None
        self._lock = asyncio.Lock()
        self._connected = asyncio.Event()
        self.heard = 0
        """Number of announcements; `wait` compares it."""
        self._news = asyncio.Event()
        self._follower: asyncio.Task[None] | None = None

    async def refresh(self) -> None:
        """Bring the index up to date. Raises `Temporary` if serve does not answer."""
        if self._follower is None:
            self._follower = asyncio.create_task(self._follow())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._connected.wait(), CONNECT_S)
        async with self._lock:
            if self._is_old():
                await self._read_all()
            elif self._dirty:
                await self._read_changed()

    async def wait(self, heard: int, seconds: float) -> bool:
        """Wait for an announcement after the first `heard`; False if there was none."""
        if self.heard == heard:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), seconds)
        return self.heard != heard

    def changed_since(self, version: int) -> set[str]:
        """Return the environments whose rows changed since a version."""
        return {name for name, at in self._changed_at.items() if at > version}

    def moved_since(self, version: int) -> set[str]:
        """Return the environments that changed since a version, also in what no row shows."""
        moved = {name for name, at in self._announced_at.items() if at > version}
        return moved | self.changed_since(version)

    def stop(self) -> None:
        """End the streams of all pages, so that a stopping server does not wait for them."""
        self.is_stopped = True
        self._announce()

    async def close(self) -> None:
        """Stop following."""
        if self._follower is not None:
            self._follower.cancel()
            with suppress(asyncio.CancelledError):
                await self._follower
            self._follower = None

    def _is_old(self) -> bool:
        if self._read_ms is None:
            return True
        age_ms = self._now_ms() - self._read_ms
        return age_ms > (FRESH_MS if self._connected.is_set() else BLIND_MS)

    async def _read_all(self) -> None:
        now_ms = self._now_ms()
        self._dirty.clear()  # a later change is announced again
        found: dict[str, EnvironmentRow] = {}
        cursor = ""
        while True:
            page = await self._get(f"/v1/overview{cursor}")
            found |= _rows(page)
            if page["next"] is None:
                break
            cursor = f"?cursor={quote(page['next'], safe='')}"
        for name in self.rows.keys() - found.keys():
            self._remove(name)
        for row in found.values():
            self._put(row)
        self._take_suspensions(page)
        self._read_ms = now_ms

    async def _read_changed(self) -> None:
        names = sorted(self._dirty)[:NAMES]
        self._dirty.difference_update(names)
        try:
            page = await self._get(f"/v1/overview?names={quote(','.join(names), safe='')}")
        except Temporary:
            self._dirty.update(names)
            raise
        for name in page["missing"]:
            self._remove(name)
        for row in _rows(page).values():
            self._put(row)
        if self._take_suspensions(page):
            self._read_ms = None  # every environment may be concerned

    async def _get(self, path: str) -> Any:
        answer = await self._backend.send(None, "GET", path)
        if answer.status != 200:
            raise Temporary(f"serve answered {answer.status} when asked for all environments")
        return json.loads(answer.body)

    def _put(self, row: EnvironmentRow) -> None:
        if self.rows.get(row.name) != row:
            self.version += 1
            self.rows[row.name] = row
            self._changed_at[row.name] = self.version

    def _remove(self, name: str) -> None:
        if self.rows.pop(name, None) is not None:
            self.version += 1
            self._changed_at[name] = self.version
            self._announced_at.pop(name, None)

    def _take_suspensions(self, page: Mapping[str, Any]) -> bool:
        is_changed: bool = self.suspensions != page["suspensions"]
        if is_changed:
            self.version += 1
        self.suspensions = page["suspensions"]
        return is_changed

    async def _follow(self) -> None:
        pause_s = PAUSE_S
        while True:
            try:
                async for line in self._backend.changes():
                    pause_s = PAUSE_S
                    self._hear(line)
            except Temporary as error:
                log.warning("page.changes_interrupted", reason=error.message)
            self._connected.clear()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    def _hear(self, line: str) -> None:
        if not self._connected.is_set():
            self._connected.set()
            self._read_ms = None  # something may have changed before
            self._announce()
        if line.startswith(DATA):
            with suppress(ValueError, KeyError, TypeError):
                self._take(json.loads(line.removeprefix(DATA)))
            self._announce()

    def _take(self, change: Mapping[str, Any]) -> None:
        """Note a change that serve announced."""
        name = str(change["name"])
        if change["kind"] == MISSED:
            self._read_ms = None
            return
        if change["kind"] != PROGRESS:
            self._dirty.add(name)
        self.version += 1
        self._announced_at[name] = self.version

    def _announce(self) -> None:
        self.heard += 1
        self._news.set()
        self._news = asyncio.Event()


def _rows(page: Mapping[str, Any]) -> dict[str, EnvironmentRow]:
    found = [environment_row(e) for e in page["environments"]]
    found += [damaged_row(e) for e in page["set_aside"]]
    return {row.name: row for row in found}
