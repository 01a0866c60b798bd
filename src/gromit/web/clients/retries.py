"""Repetition of requests that failed for a while only."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

from gromit.errors import Temporary

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """Attempts, and the pauses between them, in seconds."""

    attempts: int = 4
    within_s: float = 20.0
    """Time after which no further attempt begins."""
    first_s: float = 0.1
    """Shortest first pause. Each further one is twice as long, up to `longest_s`."""
    longest_s: float = 4.0
    jitter_s: float = 1.0
    """Longest time that is added, so that clients which failed together return one by one."""
    sleep: Callable[[float], None] = time.sleep

    def call(self, request: Callable[[], T]) -> T:
        """Return the result of a request, repeated after each `Temporary` but the last."""
        began = time.monotonic()
        for attempt in count(1):
            try:
                return request()
            except Temporary:
                if attempt >= self.attempts or time.monotonic() - began >= self.within_s:
                    raise
            self.sleep(self._pause(attempt))
        raise AssertionError("the attempts end with a result or an error")

    def _pause(self, attempt: int) -> float:
        jitter = random.uniform(0, self.jitter_s)  # noqa: S311 - no secret
        return min(self.longest_s, self.first_s * (1 << attempt - 1) + jitter)


RETRIES = Retries()
"""Attempts of the requests to serve."""
