"""Health of a component: what is asked at its public address, and what the answer means.

A service runs as soon as its task does, although its program may not work yet, or not any more. So
the catalogue may say how the program itself is asked.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from gromit.core.text import plain_line

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_REASON_MAX = 200
_NAMED = 5
"""Parts of a program that a reason names."""


class HealthState(StrEnum):
    """Health of a component, from its own answer."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    """It answers, but a part of it does not work."""
    FAIL = "fail"
    """It does not answer, or says that it does not work."""
    UNKNOWN = "unknown"
    """No answer counts yet; the reason says what the last one was, if there was one."""


_ORDER = (HealthState.PASS, HealthState.WARN, HealthState.FAIL)
"""From the best to the worst."""
_WORDS: Mapping[str, HealthState] = {
    "pass": HealthState.PASS,
    "ok": HealthState.PASS,
    "up": HealthState.PASS,
    "warn": HealthState.WARN,
    "fail": HealthState.FAIL,
    "error": HealthState.FAIL,
    "down": HealthState.FAIL,
}
"""Words of an answer, in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheck:
    """Key `health` of a component."""

    path: str
    """Path of the request; an answer of 2xx is a healthy one."""
    key: str | None = None
    """Key of the JSON object in the answer that says `pass`, `warn` or `fail`."""
    ready: str | None = None
    """A second path, where an older program answers 404."""
    degraded_by: HealthState = HealthState.WARN
    """The mildest state that makes an environment degraded: `warn` or `fail`."""
    grace_s: int = 120
    """Seconds after an apply in which only a good answer counts."""

    @property
    def paths(self) -> tuple[str, ...]:
        """Return all paths that are asked."""
        return (self.path,) if self.ready is None else (self.path, self.ready)

    def degrades(self, state: HealthState) -> bool:
        """Whether a component in this state makes its environment degraded."""
        return state in _ORDER and _ORDER.index(state) >= _ORDER.index(self.degraded_by)


@dataclass(frozen=True, slots=True)
class HealthStatus:
    """Health of a component, and the reason for it."""

    state: HealthState
    reason: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the program says that all of it works."""
        return self.state is HealthState.PASS

    @property
    def is_known(self) -> bool:
        """Whether an answer counts."""
        return self.state is not HealthState.UNKNOWN


UNKNOWN_HEALTH = HealthStatus(HealthState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class HealthAnswer:
    """Answer to one request; without a status, none came."""

    status: int | None
    body: bytes = b""
    fault: str = ""
    """Why no answer came."""


def judge_health(check: HealthCheck, answers: Mapping[str, HealthAnswer]) -> HealthStatus:
    """Return the health of a program from its answers, by path.

    | request | answer                                   | state                 |
    |---------|------------------------------------------|-----------------------|
    | any     | none                                     | fail                  |
    | `path`  | not 2xx                                  | fail                  |
    | `path`  | 2xx, and the key says pass, warn or fail | what it says          |
    | `path`  | 2xx, without the key or with other words | pass                  |
    | `ready` | 404                                      | pass: an older program|
    | `ready` | 2xx                                      | pass                  |
    | `ready` | other than 2xx and 404                   | fail                  |

    The worst state counts.
    """
    worst = worst_health(_judge(check, path, answers[path]) for path in check.paths)
    return replace(worst, reason=plain_line(worst.reason)[:_REASON_MAX].rstrip())


def worst_health(found: Iterable[HealthStatus]) -> HealthStatus:
    """Return the first one of the worst state."""
    return max(found, key=lambda status: _ORDER.index(status.state))


def _judge(check: HealthCheck, path: str, answer: HealthAnswer) -> HealthStatus:
    if answer.status is None:
        return HealthStatus(HealthState.FAIL, f"no answer to {path}: {answer.fault}")
    if path == check.ready and answer.status == 404:
        return HealthStatus(HealthState.PASS)
    if not 200 <= answer.status < 300:
        return HealthStatus(HealthState.FAIL, f"{path} answers {answer.status}")
    if path != check.path or check.key is None:
        return HealthStatus(HealthState.PASS)
    return _judge_body(check, _object(answer.body))


def _judge_body(check: HealthCheck, body: Mapping[str, Any]) -> HealthStatus:
    word = str(body.get(check.key or "", "")).lower()
    state = _WORDS.get(word, HealthState.PASS)
    if state is HealthState.PASS:
        return HealthStatus(state)
    parts = _failing_parts(body)
    named = f": {', '.join(parts)}" if parts else ""
    return HealthStatus(state, f"{check.path} says {word}{named}")


def _failing_parts(body: Mapping[str, Any]) -> list[str]:
    """Return the parts in `details` that do not say that they work.

    Only plain names are returned: the rest of an answer is the text of a program under test.
    """
    details = body.get("details")
    if not isinstance(details, dict):
        return []
    failing = (
        name
        for name, part in sorted(details.items())
        if isinstance(part, dict) and _WORDS.get(str(part.get("status")).lower()) in _ORDER[1:]
    )
    return [name for name in failing if _NAME.fullmatch(name)][:_NAMED]


def _object(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object in a body; an empty one if there is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
