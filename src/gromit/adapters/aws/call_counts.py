"""Counts of calls of AWS by service and outcome, after the retries of the SDK."""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

import boto3

from gromit.adapters.aws.client import DENIED, THROTTLED
from gromit.core.metrics.pass_report import AWS_SERVICES, CallOutcome


class CallCounts:
    """Counts the calls of all clients of a session. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._totals = Counter[tuple[str, CallOutcome]]()

    def follow(self, session: boto3.Session) -> None:
        """Count the calls of all clients that are made of a session from now on."""
        session.events.register("after-call", self._answered)
        session.events.register("after-call-error", self._unanswered)

    def totals(self) -> Mapping[tuple[str, CallOutcome], int]:
        """Return the counts since the start."""
        with self._lock:
            return dict(self._totals)

    def _answered(self, model: Any, parsed: Mapping[str, Any], **_more: Any) -> None:
        status = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 200)
        code = parsed.get("Error", {}).get("Code", "")
        # A redirect or a 304 of S3 is an answer, too.
        is_error = bool(code) or status >= 400
        self._count(model, call_outcome(code, status) if is_error else CallOutcome.OK)

    def _unanswered(self, event_name: str, **_more: Any) -> None:
        self._add(event_name.split(".")[1], CallOutcome.UNAVAILABLE)

    def _count(self, model: Any, outcome: CallOutcome) -> None:
        self._add(model.service_model.service_name, outcome)

    def _add(self, service: str, outcome: CallOutcome) -> None:
        known = service if service in AWS_SERVICES else AWS_SERVICES[-1]
        with self._lock:
            self._totals[known, outcome] += 1


def call_outcome(code: str, status: int) -> CallOutcome:
    """Return the outcome of a call that AWS has answered with an error."""
    if code in THROTTLED:
        return CallOutcome.THROTTLED
    if code in DENIED:
        return CallOutcome.DENIED
    return CallOutcome.UNAVAILABLE if status >= 500 else CallOutcome.REFUSED
