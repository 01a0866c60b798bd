"""The interval of the log lines about the age of work, which alarms rest on."""

from collections.abc import Callable
from dataclasses import dataclass

from gromit.core.time import Millis
from gromit.web.server.health import LOG_INTERVAL_S

LOOK_MS = int(1000 * LOG_INTERVAL_S)
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
        """Log the ages if it is time. Call it as often as the health application does."""
        if not self.every_ms:
            return
        now, last = self.now_ms(), self._last_ms
        # Half of that less: the calls are not apart to the millisecond.
        if last is not None and 0 <= now - last < self.every_ms - LOOK_MS // 2:
            return
        self._last_ms = now
        self.log()
