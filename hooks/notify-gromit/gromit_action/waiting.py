"""The wait of a job for its environment, with the progress in the job's log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

from gromit_action.environments import LATE, UNKNOWN, Environment, Outcome, duration
from gromit_action.exchange import Busy
from gromit_action.identity import NoToken
from gromit_action.job_log import say

if TYPE_CHECKING:
    from gromit_action.environments import OwnBuild
    from gromit_action.gateway import Reader

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 10.0
BEAT_S = 60.0
"""Longest time without a line in the log."""


@dataclass
class Seen:
    """Last view of an environment, and what came of the build."""

    environment: Environment | None = None
    outcome: Outcome | None = None
    is_without_token: bool = False
    """Whether the last view is old because GitHub gave the job no token for a newer one."""

    def reason(self) -> str:
        """Return why there is no outcome or no view; empty if there is."""
        return self.outcome.reason if self.outcome else ""


def look(reader: Reader, patience_s: float) -> Seen:
    """Return the environment as it is now."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return Seen(reader.read())
        except Busy as busy:  # noqa: PERF203 - a request takes much longer
            if time.monotonic() + FIRST_PAUSE_S > deadline:
                return Seen(None, Outcome(UNKNOWN, str(busy)), isinstance(busy, NoToken))
            time.sleep(FIRST_PAUSE_S)


@dataclass
class Watch:
    """A wait for the outcome of a build."""

    reader: Reader
    own: OwnBuild
    timeout_s: float
    names: bool
    show: Callable[[Environment], None]
    """Called with each new state."""

    def run(self, first: Environment | None) -> Seen:
        """Wait from a first view on, print progress, and return the last view with the outcome."""
        began = time.monotonic()
        until = began + self.timeout_s
        lines, pause_s = _Lines(began), FIRST_PAUSE_S
        seen = self._judge(lines, first)
        while seen.outcome is None:
            time.sleep(max(0.0, min(pause_s, until - time.monotonic())))
            pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)
            seen = self._read(lines, seen)
            if seen.outcome is None and time.monotonic() >= until:
                seen.outcome = self._late(seen)
        return seen

    def _read(self, lines: _Lines, seen: Seen) -> Seen:
        """Return the present view, or the last one if the gateway does not answer."""
        try:
            return self._judge(lines, self.reader.read())
        except Busy as busy:
            lines.add(f"{busy}; trying again")
            return Seen(seen.environment, None, isinstance(busy, NoToken))

    def _judge(self, lines: _Lines, found: Environment | None) -> Seen:
        """Print and show a view, and return it with the outcome."""
        if found is None:
            found = Environment({"name": "", "phase": "gone"})
        lines.add(f"{found.name}: {found.line()}")
        outcome = found.outcome(self.own, names=self.names)
        if outcome is None:
            self.show(found)
        return Seen(found, outcome)

    def _late(self, seen: Seen) -> Outcome:
        waited = duration(self.timeout_s)
        if seen.environment is None or seen.is_without_token:
            return Outcome(UNKNOWN, f"the gateway showed no environment for {waited}")
        reason = seen.environment.line()
        remedy = "a later run shows how it went on; the input timeout makes a job wait longer"
        return Outcome(LATE, f"not ready after {waited}: {reason}", remedy)


class _Lines:
    """Lines of the log, each with the time since the beginning, and none twice in a row."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._last = ""
        self._at = began

    def add(self, text: str) -> None:
        """Print a line that is new, or that is old enough to say that it still holds."""
        now = time.monotonic()
        if text == self._last and now - self._at < BEAT_S:
            return
        self._last, self._at = text, now
        say(f"{duration(now - self._began):>7}  {text}")
