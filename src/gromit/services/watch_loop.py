"""Watch loop of chitragupta and the workers: steps after announcements, and at the backstop."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gromit.errors import GromitError
from gromit.ports import ChangeFeed

SLICE_S = 0.5
"""Longest wait without a check of the stop signal."""
_DOUBLINGS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchIntervals:
    """Pauses of a watch, in seconds, and the time that they are measured in."""

    backstop_s: float
    """Longest time from one step to the next."""
    pause_s: float = 0.0
    """Rest after each step, also if changes are announced meanwhile."""
    rest: Callable[[float], object]
    """Wait for a number of seconds, or until the watch is stopped."""
    monotonic: Callable[[], float]
    """Monotonic clock, in seconds."""


@dataclass(slots=True, kw_only=True)
class WatchLoop:
    """Repeats a step until it is stopped.

    A step runs at the start, after each announcement and at the backstop. Announcements that come
    during a rest lead to one step.
    """

    feed: ChangeFeed
    stop: threading.Event
    intervals: WatchIntervals
    retried: tuple[type[GromitError], ...]
    """Errors of a step that do not end the watch."""
    report: Callable[[GromitError, int], None]
    """Called with each retried error and the number of failures in a row."""
    fatal: tuple[type[GromitError], ...] = ()
    """Exceptions from `retried`: subclasses that end the watch."""
    retry_s: float | None = None
    """Wait after a failure, which an announcement ends.

    None: a rest of 1, 2, 4 … seconds, at most the backstop, whatever is announced.
    """
    recheck_s: tuple[float, ...] = ()
    """Waits before further steps after an announcement, while its work is awaited."""
    is_awaited: Callable[[], bool] = lambda: True
    """Whether announced work may still have to be found."""
    forget: Callable[[], None] = lambda: None
    """Called when no further step follows an announcement."""
    between: Callable[[], None] = lambda: None
    """Called after each slice of a wait."""
    _failures: int = 0
    _rechecks: deque[float] = field(default_factory=deque)

    def run(self, step: Callable[[], float]) -> None:
        """Run `step` until the stop signal.

        `step` returns the longest wait before the next one, in seconds: 0 for none, infinity for
        the backstop.
        """
        while not self.stop.is_set():
            wait_s = self._attempt(step)
            if wait_s > 0 and self._wait_for_reason(wait_s):
                self._rechecks = deque(self.recheck_s)

    def _attempt(self, step: Callable[[], float]) -> float:
        """Run `step` once, with the rest that follows it. Return the wait that is left."""
        try:
            wait_s = step()
        except self.fatal:
            raise
        except self.retried as error:
            self._failures += 1
            self.report(error, self._failures)
            return self._back_off()
        self._failures = 0
        if wait_s > 0 and self.intervals.pause_s:
            self.intervals.rest(self.intervals.pause_s)
        return wait_s

    def _back_off(self) -> float:
        """Rest after a failure. Return the wait that is left."""
        if self.retry_s is not None:
            return self.retry_s
        doubled_s = 2.0 ** min(self._failures - 1, _DOUBLINGS)
        self.intervals.rest(min(self.intervals.backstop_s, doubled_s))
        return 0.0

    def _wait_for_reason(self, longest_s: float) -> bool:
        """Wait until a step is due. Return whether an announcement made it so."""
        left_s = min(longest_s, self.intervals.backstop_s - self.intervals.pause_s)
        while self._rechecks and self.is_awaited():
            soon_s = min(self._rechecks.popleft(), left_s)
            if self._wait(soon_s):
                return True
            left_s -= soon_s
            # What was awaited may have been claimed meanwhile: then nothing is left to find.
            if self.is_awaited() or left_s <= 0 or self.stop.is_set():
                return False
        self._rechecks.clear()
        self.forget()
        return self._wait(left_s)

    def _wait(self, seconds: float) -> bool:
        """Wait for an announcement, at most for `seconds`. Return whether there was one."""
        monotonic = self.intervals.monotonic
        until = monotonic() + seconds
        while not self.stop.is_set() and (left_s := until - monotonic()) > 0:
            if self.feed.wait(min(SLICE_S, left_s)):
                return True
            self.between()
        return False


@dataclass(slots=True)
class NewReasons:
    """Filter of log lines: a reason passes once, until it is absent from an update."""

    _known: frozenset[str] = frozenset()

    def update(self, reasons: Iterable[str]) -> list[str]:
        """Replace the known reasons. Return those that were not known, sorted."""
        current = frozenset(reasons)
        new = sorted(current - self._known)
        self._known = current
        return new
