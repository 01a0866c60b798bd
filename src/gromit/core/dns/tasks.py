"""Which running tasks count for the public records, when two sources tell of them.

The network interfaces of all tasks are seen at once and cheaply, but they do not say whether a task runs; ECS says so, but only
for one cluster at a time. So the interfaces are looked at every time, and ECS is asked where something would change.
"""

from collections import defaultdict
from collections.abc import Mapping

from gromit.core.dns.plan import PublicTask, TaskListing, ZoneChanges, environment_for_name
from gromit.core.stack.addresses import public_name


def unconfirmed(
    seen: TaskListing,
    changes: ZoneChanges,
    domain: str,
    wanted: Mapping[str, bool],
    components: frozenset[str],
) -> frozenset[str]:
    """Wanted environments about which ECS itself has to be asked before anything is written.

    Network interfaces alone do not tell a task that runs from one that starts or stops, and can lag behind or lack their tags. So
    ECS is asked wherever a record would change and, if all interfaces were seen, where a public component has none. So a world
    in which everything runs and nothing changes asks nothing.
    """
    touched = {
        environment_for_name(r.name, domain)
        for r, _ in (*changes.creates, *changes.upserts, *changes.deletes)
    }
    found: defaultdict[str, set[str]] = defaultdict(set)
    for task in seen.tasks:
        found[task.environment].add(task.component)
    lacking = {e for e in wanted if components - found[e]} if seen.complete else set()
    return frozenset(e for e, up in wanted.items() if up and e in touched | lacking)


def merge_listings(
    seen: TaskListing,
    confirmed: TaskListing,
    asked: frozenset[str],
    published: frozenset[str],
    domain: str,
) -> TaskListing:
    """The listing that counts, after ECS was asked about the environments `asked`.

    There, tasks that ECS confirms as running count. A component of which none runs keeps what has an interface if its name is
    already `published`: such a task starts or stops, the address is still ours, and a name that vanishes meanwhile would be
    remembered as missing by resolvers for minutes. A name that was never published waits for the first running task.
    """
    running = {(t.environment, t.component) for t in confirmed.tasks}

    def holds(task: PublicTask) -> bool:
        if task.environment not in asked:
            return True
        name = public_name(task.component, task.environment, domain)
        return (task.environment, task.component) not in running and name in published

    kept = tuple(t for t in seen.tasks if holds(t))
    reason = "; ".join(r for r in (seen.reason, confirmed.reason) if r)
    return TaskListing((*kept, *confirmed.tasks), seen.complete and confirmed.complete, reason)
