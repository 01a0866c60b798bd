"""CPU time of this process, by minute of the last hour."""

import threading
import time
from collections import deque
from collections.abc import Callable

from gromit.core.load import CpuUse

MINUTES = 60
SHORTEST_S = 30.0
"""Shortest time between two looks that counts; in less, a moment of work looks like a full core."""


class CoreUse:
    """Keeps the CPU time between looks. Thread-safe."""

    def __init__(
        self,
        limit_percent: float,
        cpu_s: Callable[[], float] = time.process_time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`cpu_s` returns the CPU time of this process since its start."""
        self._limit_percent = limit_percent
        self._cpu_s = cpu_s
        self._clock = clock
        self._lock = threading.Lock()
        self._last: tuple[float, float] | None = None
        self._percents = deque[float](maxlen=MINUTES)

    def look(self) -> None:
        """Note the use since the last look; call it once a minute. The first begins to measure."""
        with self._lock:
            now, used = self._clock(), self._cpu_s()
            before, used_before = self._last or (now, used)
            if now - before >= SHORTEST_S:
                self._percents.append(100 * (used - used_before) / (now - before))
                self._last = (now, used)
            elif self._last is None:
                self._last = (now, used)

    def busiest(self) -> CpuUse | None:
        """Return the use in the busiest minute; None in the first one."""
        with self._lock:
            found = max(self._percents, default=None)
        return None if found is None else CpuUse(round(found, 2), self._limit_percent)
