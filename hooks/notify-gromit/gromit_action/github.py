"""GitHub's API for the job's own repository: bounded in time, pages, rate limits, permissions."""

from __future__ import annotations

import json
import math
import re
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.request import Request

from gromit_action.exchange import Answer, Busy, Wrong, exchange, patiently, seconds
from gromit_action.identity import sendable
from gromit_action.inputs import is_safe
from gromit_action.reports import is_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAGE = 100
"""Entries on a page."""
PAGES_MAX = 60
ATTEMPT_S = 15.0
LIMIT_S = 60.0
"""Pause after a rate limit that names none, as GitHub's documentation asks for."""


class Denied(Exception):
    """GitHub does not allow this job something."""


@dataclass(frozen=True)
class Github:
    """The repository of the job at GitHub's API."""

    api: str
    repository: str
    token: str
    deadline: float
    """Instant of the monotonic clock at which the last attempt begins."""

    @property
    def root(self) -> str:
        """Address of the repository."""
        return f"{self.api}/repos/{self.repository}"

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        """Send a request to a path of the repository. Raises `Busy` and `Denied`."""
        return self._patiently(method, self.root + path, body)

    def pages(self, path: str, query: str) -> Iterator[list[Any]]:
        """Yield the lists of all pages. Raises `Denied`, and `Busy` also for a list that is cut."""
        first = self.root + path
        url = f"{first}?per_page={PAGE}{query}"
        for _ in range(PAGES_MAX):
            answer = self._patiently("GET", url)
            listed, following = answer.value(), _next(answer)
            if not isinstance(listed, list):
                raise Busy(f"GitHub's list of {_noun(path)} cannot be read")
            yield listed
            if following is None:
                return
            if len(listed) < PAGE:
                raise Busy(f"GitHub's list of {_noun(path)} is cut")
            if not following.startswith(f"{first}?"):
                raise Wrong(f"GitHub's next page of {_noun(path)} has another address")
            url = following
        raise Busy(f"GitHub's list of {_noun(path)} is too long")

    def _patiently(self, method: str, url: str, body: Mapping[str, object] | None = None) -> Answer:
        # GitHub's pauses are kept in full: requests during a rate limit make it longer.
        attempt = partial(self._attempt, method, url, body)
        return patiently(attempt, self.deadline, longest_s=math.inf)

    def _attempt(self, method: str, url: str, body: Mapping[str, object] | None) -> Answer:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "User-Agent": "gromit-notify",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = None if body is None else json.dumps(body).encode()
        left_s = max(1.0, min(ATTEMPT_S, self.deadline - time.monotonic()))
        answer = exchange(Request(url, data, headers, method=method), left_s)
        if answer.status < 300:
            return answer
        reason = str(answer.json().get("message") or f"status {answer.status}")
        if _is_limited(answer, reason):
            raise Busy(f"GitHub limits the rate: {reason}", _limit_s(answer.headers))
        if answer.status >= 500:
            raise Busy(f"GitHub: {answer.status}: {reason}")
        raise Denied(f"{answer.status}: {reason}")


def github_of(variables: Mapping[str, str], deadline: float) -> Github:
    """Return the API of the job's repository. Raises `Wrong` if no token may be sent there."""
    api = variables.get("GITHUB_API_URL", "").rstrip("/")
    if not is_safe(api):
        raise Wrong(f"GITHUB_API_URL {api!r} is not an address with https")
    token = sendable(variables.get("NOTIFY_APITOKEN", "").strip())
    return Github(api, variables["GITHUB_REPOSITORY"], token, deadline)


def _is_limited(answer: Answer, reason: str) -> bool:
    if answer.status not in {403, 429}:
        return False
    named = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
    # A secondary limit may come without any header that says so.
    return named or answer.status == 429 or "rate limit" in reason.lower()


def _limit_s(headers: Mapping[str, str]) -> float:
    """Return the pause that a rate limit asks for, in seconds."""
    if "retry-after" in headers:
        return seconds(headers["retry-after"], math.inf)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and is_number(reset):
        return max(0.0, float(reset) - time.time())
    return LIMIT_S


def _next(answer: Answer) -> str | None:
    found = re.search(r'<([^<>]+)>; *rel="next"', answer.headers.get("link", ""))
    return found[1] if found else None


def _noun(path: str) -> str:
    return path.rpartition("/")[2]
