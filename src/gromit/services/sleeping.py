"""Sleep of environments by weekly hours. Only the API uses this.

`reap` asks for a pass, as for lifetimes: nothing falls asleep or wakes while reap is suspended.
"""

from dataclasses import dataclass, field

import structlog

from gromit.core.environments import sleep
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.row_writes import Row, WriteAccepted
from gromit.core.environments.sleep import NO_SLEEP, SleepPolicy
from gromit.errors import Conflict, UnreadableRow
from gromit.services.ledger import Ledger

log = structlog.get_logger(__name__)

ACTOR = "serve:sleep"
PAUSE_MS = 10 * 60_000
"""Shortest time between two scans of the table outside of the hours."""
AGAIN_MS = 3_600_000
"""Time after which a scan that found all as it should be is repeated.

Another process of serve may have other hours until it is replaced, or another clock.
"""
_ATTEMPTS = 2
_PAGE = 200


@dataclass(slots=True)
class SleepPass:
    """Names of environments that a pass has parked, and of those that it has woken."""

    slept: list[str] = field(default_factory=list)
    woken: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Sleeper:
    """Parks environments that no one uses outside of the hours, and wakes them."""

    ledger: Ledger
    policy: SleepPolicy = NO_SLEEP
    _next_ms: int = 0
    """Instant before which a scan would find nothing."""
    _is_whole: bool = False
    """Whether the last scan left each environment as it should be."""
    _is_off: bool = False
    """Whether no environment is asleep, and none will fall asleep."""

    def run_pass(self, now_ms: int) -> SleepPass:
        """Let environments fall asleep or wake, as the hours want it: a scan of all rows."""
        done = SleepPass()
        if self._is_off or now_ms < self._next_ms:
            return done
        is_whole = self._scan(now_ms, done)
        self._is_off = is_whole and self._is_whole and self.policy.hours is None
        self._is_whole = is_whole
        self._next_ms = self._next(now_ms, is_whole=is_whole)
        for name in done.slept:
            log.info("sleep.slept", env=name)
        for name in done.woken:
            log.info("sleep.woken", env=name)
        return done

    def _next(self, now_ms: int, *, is_whole: bool) -> int:
        if not is_whole:
            return now_ms
        hours = self.policy.hours
        is_awake = hours is None or hours.contain(now_ms)
        later_ms = now_ms + (AGAIN_MS if is_awake else PAUSE_MS)
        change = hours.next_change(now_ms) if hours is not None else None
        return later_ms if change is None else min(change, later_ms)

    def _scan(self, now_ms: int, done: SleepPass) -> bool:
        """Look at all rows. Return whether each of them is as it should be now."""
        after: str | None = None
        is_whole = True
        while True:
            page = self.ledger.store.page(after, _PAGE)
            for row in page.rows:
                is_whole &= self._look(row, now_ms, done)
            if page.last is None:
                return is_whole
            after = page.last

    def _look(self, row: Row, now_ms: int, done: SleepPass) -> bool:
        """Change one row if the hours want it. Return whether nothing is left to do for it."""
        try:
            environment: Environment | None = parse_environment(row)
            for _ in range(_ATTEMPTS):
                if environment is None or self._is_right(environment, now_ms, done):
                    return True
                # Another change was faster, perhaps one that made room in its history.
                environment = self.ledger.find(environment.name)
        except (UnreadableRow, Conflict):
            return True  # every list shows it
        return False

    def _is_right(self, environment: Environment, now_ms: int, done: SleepPass) -> bool:
        """Whether an environment is as it should be, or was changed so."""
        name, stamp = environment.name, ChangeContext(ACTOR, now_ms, is_activity=False)
        is_waking = sleep.should_wake(environment, self.policy, now_ms)
        if not is_waking and not sleep.should_sleep(environment, self.policy, now_ms):
            return True
        if self._is_suspended(environment, now_ms):
            return False
        write = sleep.fall_asleep(environment, self.policy, stamp)
        if is_waking:
            write = sleep.wake(environment, stamp)
        outcome = self.ledger.write(name, write, "unparked" if is_waking else "parked")
        if isinstance(outcome, WriteAccepted):
            (done.woken if is_waking else done.slept).append(name)
        return isinstance(outcome, WriteAccepted)

    def _is_suspended(self, environment: Environment, now_ms: int) -> bool:
        """Whether an operator keeps it as it is; the next pass looks again."""
        suspensions = self.ledger.suspensions(now_ms)
        return suspensions.that_stops(environment.name, environment.reported) is not None
