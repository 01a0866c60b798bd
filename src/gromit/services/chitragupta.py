"""chitragupta, the record keeper: brings the public records in line with the tasks that run.

A pass looks at what serve says, at the tasks and at the zone, plans, and writes. It keeps nothing: the next one, or one beside it,
finds the same differences or none. Records of an environment that is to be destroyed go first, through the same plan (`retire`).
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from gromit.core.dns.plan import (
    RecordSet,
    TaskListing,
    ZoneChanges,
    desired_records,
    enforce_delete_limits,
    environment_for_name,
    plan,
)
from gromit.core.dns.tasks import merge_listings, unconfirmed
from gromit.errors import BackendError, ConfigRootUnusable, Denied, Suspended, Temporary, UnsafePlan
from gromit.ports import ChangeFeed, DesiredEnvironments, Progress, RecordStore, TaskSource

log = structlog.get_logger(__name__)

SLICE_S = 0.5
"""Longest wait that does not look at the stop signal."""
_DOUBLINGS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsPolicy:
    """What the records look like, and how many may vanish at once."""

    domain: str
    """Lower case, without the last dot."""
    ttl: int
    """Seconds."""
    components: frozenset[str]
    """Names of the public components that every environment has."""
    delete_percent: int
    """Largest share of our records that one pass may delete unexplained."""
    delete_free: int
    """Unexplained deletes that are always allowed in a pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchIntervals:
    """How often a watch passes, in seconds."""

    backstop_s: float
    """A pass at least this often."""
    pause_s: float
    """Rest after each pass, however much is announced: a pass reads the whole zone, and its rate is the account's."""
    rest: Callable[[float], object]
    """Waits so many seconds, or until the watch is told to stop."""


@dataclass(frozen=True, slots=True)
class PassResult:
    """What one pass decided, and did unless it was dry."""

    changes: ZoneChanges
    incomplete: str = ""
    """Why the tasks were not seen whole, so that nothing was deleted; empty if they were."""

    @property
    def partly(self) -> bool:
        """Whether something that should be so could not be made so."""
        return bool(self.changes.blocked or self.incomplete)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chitragupta:
    """Keeps the public records of all environments."""

    wanted: DesiredEnvironments
    tasks: TaskSource
    zone: RecordStore
    policy: DnsPolicy

    def look(self) -> PassResult:
        """What a pass would change now; nothing is written. Raises if serve or the zone do not answer in full."""
        rows = self.wanted.wanted()
        seen = self.tasks.public_tasks()
        actual = tuple(self.zone.records())
        changes = self._plan(seen, actual, rows)
        asked = unconfirmed(seen, changes, self.policy.domain, rows, self.policy.components)
        if asked:
            published = frozenset(r.name for r in actual if r.type == "A")
            seen = merge_listings(
                seen, self.tasks.running_tasks(asked), asked, published, self.policy.domain
            )
            changes = self._plan(seen, actual, rows)
        return PassResult(changes, _why_incomplete(seen))

    def check(self, found: PassResult) -> None:
        """Raise `UnsafePlan` if it would delete more than it may."""
        enforce_delete_limits(found.changes, self.policy.delete_percent, self.policy.delete_free)

    def run(self, progress: Progress, *, force: bool = False) -> PassResult:
        """One pass. `force` lifts the limit on deletes. Raises `BackendError` naming what was not written."""

        def looked() -> PassResult:
            found = self.look()
            if not force:
                self.check(found)
            return found

        found = looked()
        self._write(found.changes, lambda: looked().changes, progress)
        log.info("dns.passed", blocked=len(found.changes.blocked), incomplete=found.incomplete)
        return found

    def retire(self, environment: str, progress: Progress) -> None:
        """Remove all records of one environment, before it is destroyed. Raises if one of ours is left.

        Its tasks play no part: nothing is desired of an environment that is to go, so that nothing need be listed.
        """

        def planned() -> ZoneChanges:
            its = [
                r
                for r in self.zone.records()
                if environment_for_name(r.name, self.policy.domain) == environment
            ]
            return plan((), its, self.policy.domain, {environment: False})

        self._write(planned(), planned, progress)

    def watch(
        self,
        feed: ChangeFeed,
        check: Callable[[], None],
        stop: threading.Event,
        pace: WatchIntervals,
    ) -> None:
        """A pass after announcements, one for all that come during its rest, and at the backstop, until told to stop.

        `check` is called before each pass and may forbid it (`Suspended`, `ConfigRootUnusable`). What may be otherwise next time is
        logged and counted, and tried again after 1, 2, 4 … seconds, whatever is announced; only missing rights and wrong settings
        end the watch.
        """
        failures, told = 0, frozenset[str]()
        while not stop.is_set():
            try:
                check()
                found = self.run(_silent)
            except Denied:
                raise
            except (BackendError, UnsafePlan, Suspended, ConfigRootUnusable) as error:
                failures += 1
                log.warning(
                    "dns.pass_failed", reason=error.message, hint=error.hint, failures=failures
                )
                pace.rest(min(pace.backstop_s, _pause_s(failures)))
            else:
                failures, told = 0, _report_blocked(found, told)
                if pace.pause_s:
                    pace.rest(pace.pause_s)
                _idle(feed, stop, pace.backstop_s - pace.pause_s)

    def _plan(
        self, listing: TaskListing, actual: tuple[RecordSet, ...], rows: Mapping[str, bool]
    ) -> ZoneChanges:
        desired = desired_records(listing.tasks, self.policy.domain, self.policy.ttl, rows)
        return plan(desired, actual, self.policy.domain, rows, _why_incomplete(listing))

    def _write(
        self, changes: ZoneChanges, again: Callable[[], ZoneChanges], progress: Progress
    ) -> None:
        """Write; if something was refused, look `again` once: most likely another pass was quicker, and nothing is left to do."""
        if not changes:
            return
        try:
            self.zone.apply(changes, progress)
        except (Temporary, Denied):
            raise
        except BackendError as refusal:
            log.info("dns.refused", reason=refusal.message)
            if rest := again():
                self.zone.apply(rest, progress)
        log.info(
            "dns.changed",
            created=len(changes.creates),
            updated=len(changes.upserts),
            deleted=len(changes.deletes),
        )


def _pause_s(failures: int) -> float:
    return 2.0 ** min(failures - 1, _DOUBLINGS)


def _why_incomplete(listing: TaskListing) -> str:
    return "" if listing.complete else listing.reason or "it was cut short"


def _report_blocked(found: PassResult, told: frozenset[str]) -> frozenset[str]:
    """Log what is in the way, once while it stays so; gives what is known now."""
    lines = {f"{r.name}: {reason}" for r, reason in found.changes.blocked}
    if found.incomplete:
        lines.add(f"the tasks were not seen whole: {found.incomplete}")
    for line in sorted(lines - told):
        log.warning("dns.blocked", reason=line)
    return frozenset(lines)


def _idle(feed: ChangeFeed, stop: threading.Event, seconds: float) -> None:
    """Wait for an announcement, at most so long, in slices that notice the stop signal."""
    left = seconds
    while left > 0 and not stop.is_set() and not feed.wait(min(SLICE_S, left)):
        left -= SLICE_S


def _silent(_line: str) -> None:
    """A watch has nobody to show progress to: what was written is logged."""
