"""HTTP requests: one attempt, and attempts that are repeated within a limited time."""

from __future__ import annotations

import ipaddress
import json
import random
import time
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from ssl import SSLCertVerificationError
from typing import TYPE_CHECKING, Any
from urllib.request import HTTPErrorProcessor, Request, build_opener

from gromit_action.job_log import say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ATTEMPT_S = 45.0
"""Longer than the gateway waits for serve (`gateway.timeout`, 30 s)."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
ANSWER_BYTES = 4 * 1024 * 1024


class Wrong(Exception):
    """The workflow is wrong and needs a fix."""


class Busy(Exception):
    """A later attempt may succeed; `wait_s` is the pause that the server asked for."""

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the response, with names in lower case."""

    def json(self) -> Mapping[str, Any]:
        """Return the object in the body; empty if there is none."""
        value = self.value()
        return value if isinstance(value, dict) else {}

    def value(self) -> Any:
        """Return the JSON in the body; None if there is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def error(self) -> str:
        """Return the reason of a refusal."""
        return str(self.json().get("error") or f"status {self.status}")


class _AsItCame(HTTPErrorProcessor):
    def http_response(self, request: Request, response: Any) -> Any:
        """Accept every status, and follow no redirect: the token must not go anywhere else."""
        del request
        return response

    https_response = http_response


_OPENER = build_opener(_AsItCame)


def exchange(request: Request, timeout_s: float = ATTEMPT_S) -> Answer:
    """Make one attempt, and return whatever is answered.

    Raises `Busy` for a server that is unreachable, and `Wrong` for one that is not trusted.
    """
    try:
        with _OPENER.open(request, timeout=timeout_s) as got:
            headers = {name.lower(): value for name, value in got.headers.items()}
            return Answer(got.status, got.read(ANSWER_BYTES), headers)
    except (OSError, HTTPException) as error:
        if isinstance(getattr(error, "reason", None), SSLCertVerificationError):
            raise Wrong(f"the certificate of {request.host} is not trusted: {error}") from None
        raise Busy(f"{request.host} cannot be reached: {error}") from None


def send(request: Request, timeout_s: float = ATTEMPT_S) -> Answer:
    """Make one attempt. Raises `Busy` and `Wrong`, also for a server that is busy or broken."""
    answer = exchange(request, timeout_s)
    if answer.status == 429 or answer.status >= 500:
        wait_s = seconds(answer.headers.get("retry-after"))
        raise Busy(f"{answer.status}: {answer.error()}", wait_s)
    return answer


def seconds(retry_after: str | None, most_s: float = LONGEST_PAUSE_S) -> float:
    """Convert Retry-After, seconds or a date, to seconds from now; 0 if there is none."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), most_s)
    try:
        return (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds()
    except (TypeError, ValueError):
        return 0.0


def patiently(
    attempt: Callable[[], Answer], deadline: float, longest_s: float = LONGEST_PAUSE_S
) -> Answer:
    """Repeat an attempt until it has an answer. Raises `Busy` when time is over.

    No pause is longer than `longest_s`, whatever the server asks for.
    """
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return attempt()
        except Busy as busy:  # noqa: PERF203 - an attempt takes much longer
            wait_s = min(max(busy.wait_s, pause_s * random.uniform(0.5, 1.0)), longest_s)
            if time.monotonic() + wait_s > deadline:
                raise
            say(f"{busy}; next attempt in {wait_s:.0f} s")
            time.sleep(wait_s)
            pause_s *= 2


def is_loopback(host: str) -> bool:
    """Whether a host is an address of this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
