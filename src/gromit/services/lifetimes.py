"""Lifetimes of environments: warnings, expiry and extensions. Only the API uses this.

`reap` asks for a pass before it claims work. So nothing expires while reap is suspended or stopped,
and serve, the only writer, judges all deadlines by its own clock.
"""

from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from gromit.core.environments import expiry, refusals
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.expiry import (
    EXPIRING,
    Expire,
    Warn,
    next_lifetime_step,
)
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.lifetime import EXPIRED, LIVE, LifetimePolicy, lifetime_of
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import Row, RowWrite, WriteAccepted
from gromit.core.environments.suspensions import PUT_OFF_MS
from gromit.core.environments.v1_rows import is_v1_row
from gromit.core.time import format_duration
from gromit.errors import Conflict, InvalidInput, UnreadableRow
from gromit.ports import LifeEntry
from gromit.services.ledger import ATTEMPTS, Ledger, contention_error

log = structlog.get_logger(__name__)

ACTOR = "serve:lifetimes"
LOOKS = 50
"""Environments that one pass looks at."""
SCANNED = 100
"""Rows that one pass checks for a missing or late look, until all rows were checked once."""
HOUR_MS = 3_600_000
NO_ROOM_MS = 600_000
"""Pause before the next look at an environment that `lifetime.limit` keeps from expiring."""


@dataclass(slots=True)
class LifetimePass:
    """Result of a pass."""

    warned: list[str] = field(default_factory=list)
    expired: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    """Environments that `lifetime.limit` keeps from expiring now."""


@dataclass(slots=True)
class Lifetimes:
    """Warns before environments expire, and deletes those that have."""

    ledger: Ledger
    policy: LifetimePolicy
    grace_ms: int
    _scanned: str | None = None
    """Name after which the check of all rows goes on."""
    _is_scanned: bool = False
    """Whether all rows were checked since this process started, with these settings."""

    def run_pass(self, now_ms: int) -> LifetimePass:
        """Do what is due now: one query, and some calls for each environment that it finds.

        Raises `Temporary` if the table lacks the index of lifetimes.
        """
        done = LifetimePass()
        for entry in self.ledger.store.lives(LIVE, 0, now_ms, LOOKS):
            try:
                self._look(entry, now_ms, done)
            except (UnreadableRow, Conflict) as fault:
                self._set_aside(entry, fault, now_ms)
        if done.waiting:
            log.warning("lifetime.limited", limit=self.policy.limit, environments=len(done.waiting))
        if not self._is_scanned:
            self._scan(now_ms)
        return done

    def _look(self, entry: LifeEntry, now_ms: int, done: LifetimePass) -> None:
        environment = self.ledger.find(entry.name)
        if environment is None:
            return
        stamp = ChangeContext(ACTOR, now_ms)
        match next_lifetime_step(environment, self.policy, now_ms):
            case Warn() as due:
                life = lifetime_of(environment, self.policy)
                if self._is_written(
                    environment, expiry.warn(environment, life, due, stamp), EXPIRING
                ):
                    done.warned.append(environment.name)
            case Expire() if self._is_suspended(environment, now_ms):
                self._schedule(expiry.look_again(environment, now_ms + PUT_OFF_MS), environment)
            case Expire(why):
                if self._room(now_ms) <= len(done.expired):
                    self._schedule(expiry.look_again(environment, now_ms + NO_ROOM_MS), environment)
                    done.waiting.append(environment.name)
                elif self._is_written(
                    environment, expiry.expire(environment, why, stamp, self.grace_ms), "deleted"
                ):
                    done.expired.append(environment.name)
            case step:
                self._schedule(expiry.scheduled(environment, step, now_ms), environment)

    def _is_suspended(self, environment: Environment, now_ms: int) -> bool:
        """Whether an operator keeps it as it is. The end of that is early enough to expire."""
        suspensions = self.ledger.suspensions(now_ms)
        return suspensions.that_stops(environment.name, environment.reported) is not None

    def _is_written(self, environment: Environment, write: RowWrite, kind: str) -> bool:
        """Whether the row accepted a write. If not, the next pass looks at it again."""
        return isinstance(self.ledger.write(environment.name, write, kind), WriteAccepted)

    def _room(self, now_ms: int) -> int:
        """Return how many environments may have expired in this hour before this pass began."""
        limit = self.policy.limit
        return limit - len(self._expired_before(now_ms, limit))

    def _expired_before(self, now_ms: int, limit: int) -> tuple[LifeEntry, ...]:
        # Those of this pass have the instant `now_ms`, and the index may lag behind them.
        return self.ledger.store.lives(EXPIRED, now_ms - HOUR_MS, now_ms - 1, limit)

    def _schedule(self, write: RowWrite, environment: Environment) -> None:
        # Past the ledger: nothing that watchers see has changed.
        self.ledger.store.write(environment.name, write)

    def _set_aside(self, entry: LifeEntry, fault: UnreadableRow | Conflict, now_ms: int) -> None:
        write = expiry.postpone_look(entry.look_ms, now_ms + HOUR_MS)
        self.ledger.store.write(entry.name, write)
        log.error("lifetime.set_aside", env=entry.name, reason=fault.message, hint=fault.hint)

    def _scan(self, now_ms: int) -> None:
        """Check the next rows: those of older versions, and those that new settings concern."""
        page = self.ledger.store.page(self._scanned, SCANNED)
        for row in page.rows:
            self._check(row, now_ms)
        self._scanned, self._is_scanned = page.last, page.last is None

    def _check(self, row: Row, now_ms: int) -> None:
        """Schedule the look at a row if it has none, or too late a one."""
        if is_v1_row(row) or row.get(Attribute.WANT) != Want.UP:
            return
        try:
            environment = parse_environment(row)
        except UnreadableRow:
            return
        step = next_lifetime_step(environment, self.policy, now_ms)
        write = expiry.corrected_look(environment, step, now_ms)
        if write is not None:
            self._schedule(write, environment)

    # ── extensions ────────────────────────────────────────────────────────────────────────────────

    def extend(self, name: str, length: timedelta, stamp: ChangeContext) -> Environment:
        """Keep an environment for a time at least, counted from now. It is an activity, too.

        Raises `InvalidInput` for a time that is too long, and `Conflict` if it is deleted.
        """
        length_ms = int(length.total_seconds() * 1000)
        if not 0 < length_ms <= self.policy.extend_max_ms:
            longest = format_duration(timedelta(milliseconds=self.policy.extend_max_ms))
            raise InvalidInput(
                f"{name} cannot be extended by {format_duration(length)}:"
                f" between 1s and {longest} are possible",
                hint=f"`gromit env protect {name}` keeps it without a deadline;"
                " the setting lifetime.extend_max has the longest time",
            )
        for _ in range(ATTEMPTS):
            environment = self.ledger.find(name)
            if environment is None or environment.gone_ms is not None:
                raise refusals.not_found(name)
            if environment.want is Want.GONE:
                raise refusals.deleted(environment)
            write = expiry.extend(environment, stamp.now_ms + length_ms, stamp)
            outcome = self.ledger.write(name, write, "extended")
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        raise contention_error(name)
