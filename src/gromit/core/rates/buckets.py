"""Token buckets, as AWS counts calls: a burst at once, then a number a second."""

from dataclasses import dataclass

BURST_USED = 0.9
"""Part of a burst that processes use."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls that are allowed at once, and a second after that."""

    burst: float
    per_second: float

    def share(self, processes: int) -> "Rate":
        """Return the equal part of one process; one call at once is always allowed.

        A tenth of the burst is kept back: calls that leave one second apart may arrive closer.
        """
        return Rate(max(1.0, BURST_USED * self.burst / processes), self.per_second / processes)


class TokenBucket:
    """Tokens of one rate. Calls that have to wait keep their order."""

    def __init__(self, rate: Rate, now_s: float) -> None:
        self._rate = rate
        self._tokens = rate.burst
        self._at_s = now_s

    def reserve(self, now_s: float) -> float:
        """Take a token, of the future if there is none; return the seconds until it is there."""
        passed_s = max(0.0, now_s - self._at_s)
        self._at_s = max(now_s, self._at_s)
        refilled = self._tokens + passed_s * self._rate.per_second
        self._tokens = min(self._rate.burst, refilled) - 1
        return max(0.0, -self._tokens / self._rate.per_second)
