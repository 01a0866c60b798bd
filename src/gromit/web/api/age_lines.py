"""The interval of the log lines about the age of work, which alarms rest on."""

from collections.abc import Callable
from dataclasses import dataclass

from gromit.core.time import Millis

LOOK_MS = 60_000
"""Time between two calls."""


@dataclass(slots=True)
class AgeLines:
    """Logs the ages of work at an interval; in between nothing is read from the table."""

    log: Callable[[], None]
    now_ms: Callable[[], Millis]
    every_ms: int
    """0: never."""
    _last_ms: int | None = None

    def look(self) -> None:
        """Log the ages if it is time. Call it once a minute."""
        if not self.every_ms:
            return
        now, last = self.now_ms(), self._last_ms
        # Half a minute less: the calls are a minute apart, but not to the millisecond.
        if last is not None and 0 <= now - last < self.every_ms - LOOK_MS // 2:
            return
        self._last_ms = now
        self.log()
