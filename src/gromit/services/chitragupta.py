"""chitragupta: keeps the public DNS records in line with the running tasks.

A pass reads the environments from serve, the tasks from AWS and the zone, plans, and writes. It
keeps no state: the next pass, or a concurrent one, finds the same differences or none. The records
of an environment are deleted before it is destroyed, through the same plan (`retire`). After an
apply, sow brings the records of that one environment in line, through the same plan (`publish`).
"""

import math
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from gromit.core.dns.limits import enforce_delete_limits
from gromit.core.dns.names import records_after
from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import RecordSet, ZoneChanges, plan
from gromit.core.dns.strays import RecordForm, report_strays, without_strays
from gromit.core.dns.tasks import (
    TaskListing,
    desired_records,
    merge_listings,
    starts_by_name,
    unconfirmed,
)
from gromit.core.environments.known_environments import KnownEnvironment, desired_by_name
from gromit.core.metrics.pass_report import DnsFigures
from gromit.core.stack.addresses import public_name
from gromit.errors import (
    BackendError,
    ConfigRootUnusable,
    Denied,
    GromitError,
    Suspended,
    UnsafePlan,
)
from gromit.ports import ChangeFeed, DesiredEnvironments, Progress
from gromit.ports.public_zone import RecordStore, TaskSource
from gromit.services.pass_reports import PassReporter
from gromit.services.watch_loop import NewReasons, WatchIntervals, WatchLoop

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsPolicy:
    """Form of the records, and the limits on deletes in one pass."""

    domain: str
    """Lower case, without the trailing dot."""
    ttl: int
    """Seconds."""
    components: frozenset[str]
    """Names of the public components that every environment has."""
    delete_percent: int
    """Largest share of gromit's records that one pass may delete unexplained."""
    delete_free: int
    """Number of unexplained deletes that every pass may do."""
    installation: str = ""
    """Name of this installation; empty if it has none."""

    @property
    def form(self) -> RecordForm:
        """Form of gromit's own address records."""
        return RecordForm(self.domain, self.components, self.ttl)

    @property
    def owner(self) -> NameOwner:
        """Owner of gromit's records."""
        return NameOwner(self.domain, self.installation)


@dataclass(frozen=True, slots=True)
class PassResult:
    """Plan of one pass. The pass wrote it unless it was a dry run."""

    changes: ZoneChanges
    incomplete: str = ""
    """Why the task listing is incomplete, so that nothing was deleted; empty if it is complete."""
    unreadable: tuple[str, ...] = ()
    """Environments whose rows cannot be read, so that nothing of them was changed."""
    known: tuple[KnownEnvironment, ...] = ()
    """Environments that serve showed before the pass looked at anything else."""
    records: tuple[RecordSet, ...] = ()
    """Records of the zone after the changes."""
    started: Mapping[str, int] = field(default_factory=dict)
    """Name to the start of the newest task that has it, in ms, where ECS was asked."""

    @property
    def is_partial(self) -> bool:
        """Whether a record was blocked, the task listing incomplete or a row unreadable."""
        return bool(self.changes.blocked or self.incomplete or self.unreadable)


class RunObserver(Protocol):
    """Observer of what runs in environments. It never raises."""

    def observe(self, known: Iterable[KnownEnvironment], records: Collection[RecordSet]) -> None:
        """Look at all desired environments; `records` are those that the zone has now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chitragupta:
    """Keeps the public records of all environments."""

    wanted: DesiredEnvironments
    tasks: TaskSource
    zone: RecordStore
    policy: DnsPolicy
    passes: PassReporter | None = None
    """Reports passes, for metrics; None where only records are of interest."""
    published: Callable[[int], None] = lambda _started_ms: None
    """Called with the start of each task whose record was written."""
    observer: RunObserver | None = None
    """Reports what runs after each pass; None where only records are of interest."""

    def preview(self) -> PassResult:
        """Return what a pass would change now. Write nothing.

        Raises `BackendError` if serve or the zone does not answer in full.
        """
        environments = self.wanted.environments()
        rows = desired_by_name(environments)
        found = self._look(rows, self.tasks.public_tasks(), tuple(self.zone.records()))
        return replace(found, known=tuple(known for known in environments.values() if known))

    def _look(
        self,
        rows: Mapping[str, bool | None],
        listing: TaskListing,
        actual: tuple[RecordSet, ...],
    ) -> PassResult:
        """Return what to change for tasks that may run and the records that exist."""
        changes = self._plan(listing, actual, rows)
        # ECS is asked only about environments that would change: most passes need no call.
        asked = unconfirmed(listing, changes, self.policy.domain, rows, self.policy.components)
        if asked:
            published = frozenset(r.name for r in actual if r.type == "A")
            running = self.tasks.running_tasks(asked)
            listing = merge_listings(listing, running, asked, published, self.policy.domain)
            changes = self._plan(listing, actual, rows)
        unreadable = tuple(sorted(name for name, is_up in rows.items() if is_up is None))
        return PassResult(
            changes,
            _why_incomplete(listing),
            unreadable,
            records=records_after(actual, changes),
            started=starts_by_name(listing.tasks, self.policy.domain),
        )

    def check(self, found: PassResult) -> None:
        """Raise `UnsafePlan` if the plan exceeds the limits on deletes."""
        enforce_delete_limits(found.changes, self.policy.delete_percent, self.policy.delete_free)

    def run(self, progress: Progress, *, force: bool = False) -> PassResult:
        """Do one pass. `force` lifts the limits on deletes.

        Raises `UnsafePlan`, and `BackendError` that names the records that were not written.
        """

        def checked_plan() -> PassResult:
            found = self.preview()
            if not force:
                self.check(found)
            return found

        if self.passes is not None:
            self.passes.begin()
        found = self._carry_out(checked_plan, progress)
        if self.observer and not found.incomplete:  # a name may be missing because it was not seen
            self.observer.observe(found.known, found.records)
        _log_passed(found)
        if self.passes is not None:
            self.passes.done(_figures(found.changes))
        return found

    def failed(self, error: GromitError, failures: int = 1) -> None:
        """Log and report that a pass did not start or did not complete.

        `failures` is the number of failures in a row.
        """
        log.warning("dns.pass_failed", reason=error.message, hint=error.hint, failures=failures)
        if self.passes is not None:
            self.passes.failed(error)

    def publish(self, environment: str, progress: Progress) -> ZoneChanges:
        """Bring the records of one environment that should run in line with its tasks.

        serve is not asked: the caller has a claim on the environment. Return the plan. Raises like
        `run`.
        """

        def checked_plan() -> PassResult:
            found = self._look_at(environment)
            self.check(found)
            return found

        return self._carry_out(checked_plan, progress).changes

    def _look_at(self, environment: str) -> PassResult:
        """Return what to change for one environment of ours, most likely a moved address.

        So ECS is asked at once. The interfaces matter only for the name of a component without a
        running task, which keeps its addresses.
        """
        rows = {environment: True}
        actual = tuple(self.zone.records_of(environment))
        published = frozenset(r.name for r in actual if r.type == "A")
        domain, running = self.policy.domain, self.tasks.tasks_of(environment)
        listing = running
        if self._names(environment) & published - {r.name for r in self._desired(running, rows)}:
            shown = self.tasks.public_tasks(environment)
            listing = merge_listings(shown, running, frozenset(rows), published, domain)
        changes = self._plan(listing, actual, rows)
        return PassResult(changes, started=starts_by_name(listing.tasks, domain))

    def _names(self, environment: str) -> frozenset[str]:
        """Return the public names that an environment may have."""
        domain = self.policy.domain
        return frozenset(public_name(c, environment, domain) for c in self.policy.components)

    def _desired(
        self, listing: TaskListing, rows: Mapping[str, bool | None]
    ) -> Sequence[RecordSet]:
        return desired_records(listing.tasks, self.policy.domain, self.policy.ttl, rows)

    def retire(self, environment: str, progress: Progress) -> None:
        """Delete all records of an environment that is about to be destroyed.

        Its tasks are not listed, because no record of it is desired. Raises `BackendError` if a
        record of gromit remains.
        """

        def current_plan() -> ZoneChanges:
            records = without_strays(self.zone.records_of(environment), self.policy.form)
            return plan((), records, self.policy.owner, {environment: False})

        self._write(current_plan(), current_plan, progress)

    def watch(
        self,
        feed: ChangeFeed,
        check: Callable[[], None],
        stop: threading.Event,
        intervals: WatchIntervals,
    ) -> None:
        """Repeat passes until `stop`: after announcements, and at the backstop.

        `check` runs before each pass and may forbid it (`Suspended`, `ConfigRootUnusable`). A
        failed pass is logged and repeated after 1, 2, 4 … seconds, whatever is announced. Only
        `Denied` and `ConfigError` end the watch.
        """
        blocked = NewReasons()

        def step() -> float:
            check()
            _log_blocked(self.run(_silent), blocked)
            return math.inf

        WatchLoop(
            feed=feed,
            stop=stop,
            intervals=intervals,
            retried=(BackendError, UnsafePlan, Suspended, ConfigRootUnusable),
            fatal=(Denied,),
            report=self.failed,
        ).run(step)

    def _plan(
        self, listing: TaskListing, actual: tuple[RecordSet, ...], rows: Mapping[str, bool | None]
    ) -> ZoneChanges:
        form = self.policy.form
        records, owner = without_strays(actual, form), self.policy.owner
        changes = plan(self._desired(listing, rows), records, owner, rows, _why_incomplete(listing))
        return report_strays(changes, actual, form)

    def _carry_out(self, look: Callable[[], PassResult], progress: Progress) -> PassResult:
        """Write what a look wants changed, and return it."""
        found = look()
        self._write(found.changes, lambda: look().changes, progress)
        for record, _ in (*found.changes.creates, *found.changes.upserts):
            if record.name in found.started:
                self.published(found.started[record.name])
        return found

    def _write(
        self, changes: ZoneChanges, replan: Callable[[], ZoneChanges], progress: Progress
    ) -> None:
        """Write the changes. If some were planned on old records, plan again and write once more.

        A look costs many calls, and does not help if the zone refuses a record for good.
        """
        if not changes:
            return
        try:
            self.zone.apply(changes, progress)
        except BackendError as refusal:
            if not refusal.is_outdated:
                raise
            # Most likely a concurrent pass was faster, and nothing is left to do.
            log.info("dns.refused", reason=refusal.message)
            if rest := replan():
                self.zone.apply(rest, progress)
        log.info(
            "dns.changed",
            created=len(changes.creates),
            updated=len(changes.upserts),
            deleted=len(changes.deletes),
        )


def _why_incomplete(listing: TaskListing) -> str:
    if listing.complete:
        return ""
    return listing.reason or "it was cut short"


def _log_passed(found: PassResult) -> None:
    changes = found.changes
    log.info(
        "dns.passed",
        records=changes.ours,
        changed=len(changes.creates) + len(changes.upserts) + len(changes.deletes),
        blocked=len(changes.blocked),
        incomplete=found.incomplete,
    )


def _figures(changes: ZoneChanges) -> DnsFigures:
    return DnsFigures(
        changes.ours,
        len(changes.blocked),
        len(changes.creates),
        len(changes.upserts),
        len(changes.deletes),
    )


def _log_blocked(found: PassResult, known: NewReasons) -> None:
    """Log what blocks records, once while it lasts."""
    reasons = {f"{r.name}: {reason}" for r, reason in found.changes.blocked}
    if found.incomplete:
        reasons.add(f"the task listing is incomplete: {found.incomplete}")
    reasons |= {
        f"the row of {name} cannot be read, so its records stay as they are"
        for name in found.unreadable
    }
    for reason in known.update(reasons):
        log.warning("dns.blocked", reason=reason)


def _silent(_line: str) -> None:
    """Show no progress: a watch logs what it wrote."""
