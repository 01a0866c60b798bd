"""Running tasks, merged from the listing of network interfaces and from ECS, and their records.

Listing the network interfaces of all tasks is cheap, but does not say whether a task runs. ECS says
so, for one cluster per call. So each pass lists the interfaces, and asks ECS only about
environments whose records would change.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gromit.core.dns.plan import (
    RecordSet,
    ZoneChanges,
    environment_for_name,
)
from gromit.core.stack.addresses import public_name


@dataclass(frozen=True, slots=True)
class PublicTask:
    """A running task of a public component."""

    environment: str
    component: str
    address: str
    """Its public IPv4 address."""
    started_ms: int | None = field(default=None, compare=False)
    """Instant at which it began to run; None if ECS was not asked."""


@dataclass(frozen=True, slots=True)
class TaskListing:
    """Running public tasks that a listing found."""

    tasks: tuple[PublicTask, ...]
    complete: bool
    """False if a part of the listing failed or was cut short; then nothing may be deleted."""
    reason: str = ""
    """Why the listing is incomplete."""


def desired_records(
    tasks: Iterable[PublicTask], domain: str, ttl: int, wanted: Mapping[str, bool | None]
) -> tuple[RecordSet, ...]:
    """Records for the running tasks of the `wanted` environments, and of no other cluster."""
    addresses: defaultdict[str, set[str]] = defaultdict(set)
    for task in tasks:
        if wanted.get(task.environment):
            addresses[public_name(task.component, task.environment, domain)].add(task.address)
    return tuple(
        RecordSet(name, "A", ttl, frozenset(values)) for name, values in sorted(addresses.items())
    )


def starts_by_name(tasks: Iterable[PublicTask], domain: str) -> Mapping[str, int]:
    """Return the start of the newest task of each public name, where it is known."""
    found: dict[str, int] = {}
    for task in tasks:
        if task.started_ms is not None:
            name = public_name(task.component, task.environment, domain)
            found[name] = max(task.started_ms, found.get(name, 0))
    return found


def unconfirmed(
    listing: TaskListing,
    changes: ZoneChanges,
    domain: str,
    wanted: Mapping[str, bool | None],
    components: frozenset[str],
) -> frozenset[str]:
    """Wanted environments whose running tasks ECS has to confirm before a change.

    A network interface does not show whether its task runs, starts or stops, and it can lag behind
    or lack its tags. So ECS has to confirm every environment with a changed record. If the listing
    is complete, it also has to confirm those where a public component has no interface. Without a
    change and a missing component, the result is empty.
    """
    touched = {
        environment_for_name(r.name, domain)
        for r, _ in (*changes.creates, *changes.upserts, *changes.deletes)
    }
    found: defaultdict[str, set[str]] = defaultdict(set)
    for task in listing.tasks:
        found[task.environment].add(task.component)
    doubtful = touched
    if listing.complete:
        doubtful = touched | {e for e in wanted if components - found[e]}
    return frozenset(e for e, is_wanted in wanted.items() if is_wanted and e in doubtful)


def merge_listings(
    listing: TaskListing,
    confirmed: TaskListing,
    asked: frozenset[str],
    published: frozenset[str],
    domain: str,
) -> TaskListing:
    """Merge the listing of interfaces with the tasks that ECS confirmed.

    In the environments `asked`, only confirmed tasks count, with one exception. If ECS confirms no
    task of a component, keep the addresses of its interfaces while its name is already `published`:
    such a task starts or stops, the address is still ours, and resolvers would cache a missing name
    for minutes. A name that was never published waits for the first running task.
    """
    running = {(t.environment, t.component) for t in confirmed.tasks}

    def is_kept(task: PublicTask) -> bool:
        if task.environment not in asked:
            return True
        name = public_name(task.component, task.environment, domain)
        return (task.environment, task.component) not in running and name in published

    kept = tuple(t for t in listing.tasks if is_kept(t))
    reason = "; ".join(r for r in (listing.reason, confirmed.reason) if r)
    return TaskListing((*kept, *confirmed.tasks), listing.complete and confirmed.complete, reason)
