"""Pacing of calls of AWS: a process waits before a call that its share of a rate does not allow.

A token is taken for each attempt, before the request is signed, because a signature is valid for
five minutes only. The shares of all processes together are AWS's rate, so calls that only they make
are never throttled. Calls of Terraform and of other programs in the account are not known here: for
these the retries of the SDK and of Terraform's provider remain.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import structlog

from gromit.core.rates.aws_rates import AWS_RATES, AwsRate, rate_of
from gromit.core.rates.buckets import TokenBucket

log = structlog.get_logger(__name__)

LONG_S = 5.0
"""Seconds from which on a wait is logged."""


@dataclass(frozen=True, slots=True)
class PacingClock:
    """Source of time and pauses, in seconds."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]


class Pacer:
    """Buckets of this process. Thread-safe."""

    def __init__(self, processes: int, clock: PacingClock) -> None:
        """`processes` share AWS's rates equally."""
        now_s = clock.monotonic()
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets = {
            rate: TokenBucket(calls.rate.share(processes), now_s)
            for rate, calls in AWS_RATES.items()
        }

    def follow(self, session: boto3.Session) -> None:
        """Pace all clients that are made of a session from now on."""
        session.events.register_first("request-created", self._created, unique_id="gromit-pacing")

    def wait(self, rate: AwsRate) -> None:
        """Wait until a call is allowed."""
        with self._lock:
            pause_s = self._buckets[rate].reserve(self._clock.monotonic())
        if pause_s >= LONG_S:
            log.info("aws.paced", rate=str(rate), pause_s=round(pause_s, 1))
        if pause_s > 0:
            self._clock.sleep(pause_s)

    def _created(self, event_name: str, **_more: Any) -> None:
        _, service, operation = event_name.split(".")
        rate = rate_of(service, operation)
        if rate is not None:
            self.wait(rate)
