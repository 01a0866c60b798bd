"""The stream of changes for people: one stream of serve feeds those of everyone who watches.

So serve has one stream of each gateway, however many people have a page open. When serve's stream
breaks, all of them end: clients open theirs again and look at everything, as after any restart.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

import structlog

from gromit.core.time import Millis
from gromit.errors import Temporary, TooMany
from gromit.web.gateway.upstream import Upstream
from gromit.web.line_backlog import LineBacklog

log = structlog.get_logger(__name__)

PATH = "/v1/changes"
HEARTBEAT_S = 15.0
PER_PERSON = 16
TOTAL = 400
OPEN_S = 10.0
"""Longest time for serve to open its stream."""
_DATA = "data:"


@dataclass(eq=False, slots=True)
class _Seat:
    subject: str
    lines: LineBacklog = field(default_factory=LineBacklog)


class ChangeRelay:
    """Passes serve's announcements on to people."""

    def __init__(self, upstream: Upstream, now_ms: Callable[[], Millis]) -> None:
        self._upstream = upstream
        self._now_ms = now_ms
        self._seats: set[_Seat] = set()
        self._task: asyncio.Task[None] | None = None
        self._opened: asyncio.Future[None] | None = None
        self._is_closed = False

    def stop(self) -> None:
        """End all streams, so that a stopping gateway does not wait for them."""
        self._is_closed = True
        self._pass_on(None)
        self._hang_up()

    async def watch(self, subject: str, expires_ms: Millis | None = None) -> AsyncIterator[str]:
        """Return the lines of one person's stream, which ends with the session.

        Raises `TooMany` if the person has the full share of streams, `Temporary` if serve has none.
        """
        if excess := self._excess(subject):
            raise TooMany(excess, hint="close some of them, or ask less often without a stream")
        await self._connect()
        return self._lines(_Seat(subject), expires_ms)

    def _excess(self, subject: str) -> str | None:
        owned = sum(seat.subject == subject for seat in self._seats)
        for who, count, limit in (
            ("one person", owned, PER_PERSON),
            ("all people together", len(self._seats), TOTAL),
        ):
            if count >= limit:
                return f"{who} may have {limit} streams of changes, and more are not allowed"
        return None

    async def _connect(self) -> None:
        """Wait until serve's stream is open; open it if no one watched before."""
        if self._opened is None:
            self._opened = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._follow(self._opened))
        try:
            async with asyncio.timeout(OPEN_S):
                await asyncio.shield(self._opened)
        except TimeoutError:
            raise Temporary("serve does not open its stream of changes") from None

    async def _follow(self, opened: asyncio.Future[None]) -> None:
        try:
            async with aclosing(self._upstream.lines(PATH, {})) as lines:
                async for line in lines:
                    if not opened.done():
                        opened.set_result(None)  # serve begins with a comment
                    if line.startswith(_DATA):
                        self._pass_on(f"{line}\n\n")
        except Temporary as error:
            log.warning("gateway.stream_broken", reason=error.message)
        finally:
            if not opened.done():
                opened.set_exception(Temporary("serve does not open its stream of changes"))
                opened.exception()  # read here too, because no watcher may be left
            if self._opened is opened:  # else those who watch now have another stream
                self._opened = None
                self._pass_on(None)

    def _pass_on(self, line: str | None) -> None:
        for seat in tuple(self._seats):
            seat.lines.put(line)

    async def _lines(self, seat: _Seat, expires_ms: Millis | None) -> AsyncIterator[str]:
        # Requests that came at once have all passed the first check before one of them watched.
        if self._excess(seat.subject):
            return
        self._seats.add(seat)
        try:
            with suppress(Temporary):
                await self._connect()  # the last watcher may have closed it meanwhile
                yield ": connected\n\n"
                while not self._is_over(expires_ms):
                    line = await _next(seat)
                    if line is None:
                        return
                    yield line
        finally:
            self._seats.discard(seat)
            if not self._seats:
                self._hang_up()

    def _is_over(self, expires_ms: Millis | None) -> bool:
        return self._is_closed or (expires_ms is not None and self._now_ms() >= expires_ms)

    def _hang_up(self) -> None:
        """End serve's stream."""
        self._opened = None
        if self._task is not None:
            self._task.cancel()
            self._task = None


async def _next(seat: _Seat) -> str | None:
    """Return the next line of a stream; None at its end."""
    try:
        return await asyncio.wait_for(seat.lines.get(), HEARTBEAT_S)
    except TimeoutError:
        return ": alive\n\n"
