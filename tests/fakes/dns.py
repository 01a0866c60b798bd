"""A zone, running tasks, serve's environments and its announcements, all in memory."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from gromit.core.dns.plan import RecordSet, ZoneChanges
from gromit.core.dns.tasks import PublicTask, TaskListing, desired_records
from gromit.core.environments.known_environments import KnownEnvironment
from gromit.errors import BackendError
from gromit.ports import Progress


@dataclass
class FakeZone:
    """A `RecordStore` as strict as Route53.

    An existing record cannot be created, and only an exactly equal record can be deleted, or be
    replaced if the changes name it.
    """

    content: dict[tuple[str, str, str], RecordSet] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    """Names that it always refuses to write."""
    failures: list[Exception] = field(default_factory=list)
    """Errors that the next calls of `apply` raise before any change, one each."""
    before_apply: list[Callable[[], None]] = field(default_factory=list)
    """Called before the next calls of `apply`, one each: another process is faster."""
    batches: int = 0
    looks: int = 0
    """Number of listings."""

    @classmethod
    def of(cls, *records: RecordSet) -> "FakeZone":
        """A zone with these records."""
        return cls({_key(r): r for r in records})

    def records(self) -> Sequence[RecordSet]:
        """Return all records."""
        self.looks += 1
        return tuple(self.content.values())

    def records_of(self, environment: str) -> Sequence[RecordSet]:
        """Return the records below the environment's name."""
        return tuple(r for r in self.records() if _environment(r).startswith(f"{environment}."))

    def apply(self, changes: ZoneChanges, progress: Progress) -> None:
        """Write what can be written, and name the rest."""
        if self.before_apply:
            self.before_apply.pop(0)()
        if self.failures:
            raise self.failures.pop(0)
        self.batches += 1
        bad: list[str] = []
        is_outdated = False
        for environment in sorted(
            {_environment(r) for r, _ in (*changes.creates, *changes.upserts, *changes.deletes)}
        ):
            obstacles = self._apply_one(
                deletes=[r for r, _ in changes.deletes if _environment(r) == environment],
                creates=[r for r, _ in changes.creates if _environment(r) == environment],
                upserts=[r for r, _ in changes.upserts if _environment(r) == environment],
                replaced=[r for r in changes.replaced if _environment(r) == environment],
            )
            is_outdated |= bool(set(obstacles) - self.refused)
            bad += obstacles
        if bad:
            raise BackendError("refused by the zone: " + ", ".join(bad), is_outdated=is_outdated)
        progress("written")

    def values(self, name: str, kind: str = "A") -> set[str]:
        """Return the values of a plain record; empty if it does not exist."""
        record = self.content.get((name, kind, ""))
        return set(record.values) if record else set()

    def names(self, kind: str = "A") -> set[str]:
        """Return the names of all records of a type."""
        return {r.name for r in self.content.values() if r.type == kind}

    def _apply_one(
        self,
        *,
        deletes: list[RecordSet],
        creates: list[RecordSet],
        upserts: list[RecordSet],
        replaced: list[RecordSet],
    ) -> list[str]:
        """Apply all changes of one environment or none; return the obstacles."""
        bad = [r.name for r in (*deletes, *creates, *upserts) if r.name in self.refused]
        bad += [r.name for r in (*deletes, *replaced) if self.content.get(_key(r)) != r]
        bad += [r.name for r in creates if _key(r) in self.content]
        if not bad:
            for record in deletes:
                del self.content[_key(record)]
            self.content |= {_key(r): r for r in (*creates, *upserts)}
        return bad


@dataclass
class FakeTasks:
    """A `TaskSource`: tasks with a network interface, and those that run."""

    seen: list[PublicTask] = field(default_factory=list)
    not_running: set[PublicTask] = field(default_factory=set)
    """Tasks that start or stop: they have an interface, but ECS does not call them running."""
    untagged: list[PublicTask] = field(default_factory=list)
    """Running tasks that only ECS knows."""
    reason: str = ""
    """Reason why the listing of interfaces is incomplete; empty if it is complete."""
    confirm_reason: str = ""
    """Reason why the listing of ECS is incomplete."""
    asked: list[frozenset[str]] = field(default_factory=list)

    def public_tasks(self, environment: str | None = None) -> TaskListing:
        """Return every task with an interface, or those of an environment."""
        tasks = tuple(t for t in self.seen if environment in {None, t.environment})
        return TaskListing(tasks, not self.reason, self.reason)

    def running_tasks(self, environments: Collection[str]) -> TaskListing:
        """Return the running tasks of these environments."""
        self.asked.append(frozenset(environments))
        running = [
            t
            for t in (*self.seen, *self.untagged)
            if t not in self.not_running and t.environment in environments
        ]
        return TaskListing(
            () if self.confirm_reason else tuple(running),
            not self.confirm_reason,
            self.confirm_reason,
        )

    def tasks_of(self, environment: str) -> TaskListing:
        """Return the running tasks of one environment."""
        return self.running_tasks([environment])


@dataclass
class FakeEnvironments:
    """The environments of serve."""

    rows: dict[str, bool | None] = field(default_factory=dict)
    failures: list[Exception] = field(default_factory=list)
    """Errors that the next calls raise, one each."""

    def environments(self) -> Mapping[str, KnownEnvironment | None]:
        """Return every environment that has a row."""
        if self.failures:
            raise self.failures.pop(0)
        return {
            name: None if up is None else KnownEnvironment(name=name, is_desired=up)
            for name, up in self.rows.items()
        }


@dataclass
class FakeKeeper:
    """A `RecordKeeper` that records its calls, and raises the next of `failures` in each."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    result: ZoneChanges = field(default_factory=ZoneChanges)

    def publish(self, environment: str, progress: Progress) -> ZoneChanges:
        """Record the call."""
        self._called("publish", environment)
        progress("published")
        return self.result

    def retire(self, environment: str, progress: Progress) -> None:
        """Record the call."""
        self._called("retire", environment)
        progress("retired")

    def _called(self, what: str, environment: str) -> None:
        self.calls.append((what, environment))
        if self.failures:
            raise self.failures.pop(0)


@dataclass
class FakeFeed:
    """A `ChangeFeed` that does not wait: it runs a script, and then stops the watch."""

    stop: threading.Event
    script: list[Callable[[], bool]] = field(default_factory=list)
    """Called in turn by `wait`; each returns whether there was an announcement."""
    waited: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        """Time of a clock that only waits advance, in seconds."""
        return sum(self.waited)

    def wait(self, seconds: float) -> bool:
        """Record the seconds, and run the next step."""
        self.waited.append(seconds)
        if self.script:
            return self.script.pop(0)()
        self.stop.set()
        return False

    def is_awaited(self) -> bool:
        """Whether an announcement is followed by further looks: always."""
        return True

    def forget(self) -> None:
        """Forget nothing."""


def records_of(*tasks: PublicTask, domain: str, ttl: int = 10) -> tuple[RecordSet, ...]:
    """Return the desired records of these tasks, if all their environments exist."""
    return desired_records(tasks, domain, ttl, {t.environment: True for t in tasks})


def _environment(record: RecordSet) -> str:
    return record.name.partition(".")[2]


def _key(record: RecordSet) -> tuple[str, str, str]:
    return record.name, record.type, record.routing
