"""Discrepancies of rows alone, and of the images that they name."""

from collections.abc import Iterator

from gromit.core.discrepancies.facts import InstallationInventory, RowFacts
from gromit.core.discrepancies.kinds import Discrepancy, DiscrepancyKind, Repair
from gromit.core.environments.phases import Phase
from gromit.core.stack.made import is_digest
from gromit.core.time import iso

HOUR_MS = 3_600_000
LEASE_OVER_MS = {True: HOUR_MS, False: 26 * HOUR_MS}
"""Time after which a lease that is over is stuck, by whether the environment is desired.

sow watches or runs every 37 minutes. reap runs every four hours, or daily in an installation of an
earlier release.
"""
LEASE_AHEAD_MS = 24 * HOUR_MS
"""Time ahead of now beyond which no lease of serve ends."""
EXPIRY_WARNING_MS = 72 * HOUR_MS
"""Time before an image expires at which it is reported."""

_WAITING = frozenset({Phase.PENDING, Phase.FAILED, Phase.DELETING})


def unreadable(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Rows that serve cannot parse."""
    for name in sorted(inventory.unreadable):
        yield Discrepancy(
            kind=DiscrepancyKind.UNREADABLE_ROW,
            environment=name,
            seen="its row in the table cannot be read, so no worker touches it",
            repair=Repair.PERSON,
            remedy=f"see `gromit env get {name}`; correct the row, or restore it from a backup",
        )


def unscheduled(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Rows that need a worker, but are not in the index of work."""
    for row in inventory.rows.values():
        if row.phase in _WAITING and not row.is_scheduled:
            repair = Repair.REDEPLOY if row.is_desired else Repair.REAP
            yield Discrepancy(
                kind=DiscrepancyKind.UNSCHEDULED_WORK,
                environment=row.name,
                seen=f"it is {row.phase}, but no worker will ever get it: its row has no work",
                repair=repair,
                remedy="make it due",
            )


def leases(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Leases that are over and were not replaced, and leases that serve cannot have given."""
    now_ms = inventory.now_ms
    for row in inventory.rows.values():
        until_ms = row.lease_until_ms
        if until_ms is None:
            continue
        if until_ms > now_ms + LEASE_AHEAD_MS:
            yield _stuck(
                row,
                f"a worker has it until {iso(until_ms)}, which serve never grants",
                Repair.PERSON,
                "correct `lease_until` in the table; until then no worker gets it",
            )
        elif until_ms < now_ms - LEASE_OVER_MS[row.is_desired]:
            yield _stuck(
                row,
                f"the lease of its worker ended {iso(until_ms)}, and no worker has replaced it",
                Repair.RETRY if row.is_scheduled else Repair.REDEPLOY,
                "make it due, and check that its workers run",
            )


def images(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Images of desired environments that are missing, or will be soon."""
    if inventory.images is None:
        return
    for name, required in sorted(inventory.required.items()):
        for repository, reference in sorted(required):
            is_built = is_digest(reference)
            image = f"{repository}@{reference}" if is_built else f"{repository}:{reference}"
            facts = inventory.images.get((repository, reference))
            if facts is None:
                yield Discrepancy(
                    kind=DiscrepancyKind.IMAGE_MISSING,
                    environment=name,
                    subject=image,
                    seen=f"image {image} is not in the registry: no task can start from it",
                    repair=Repair.PERSON,
                    remedy="run the branch's build again, which pushes and reports it"
                    + ("; the next change or repair runs a fallback until then" * is_built),
                    is_of_build=not is_built,
                )
            elif _expires_soon(facts.expires_ms, inventory.now_ms):
                yield Discrepancy(
                    kind=DiscrepancyKind.IMAGE_EXPIRING,
                    environment=name,
                    subject=image,
                    seen=f"the registry removes image {image} on {iso(facts.expires_ms or 0)}",
                    repair=Repair.KEEP_IMAGE if is_built else Repair.PERSON,
                    remedy="tag it, so that the registry keeps it"
                    if is_built
                    else "run the branch's build again, or delete the environment",
                )


def _expires_soon(expires_ms: int | None, now_ms: int) -> bool:
    return expires_ms is not None and expires_ms < now_ms + EXPIRY_WARNING_MS


def _stuck(row: RowFacts, seen: str, repair: Repair, remedy: str) -> Discrepancy:
    return Discrepancy(
        kind=DiscrepancyKind.STUCK_LEASE,
        environment=row.name,
        seen=seen,
        repair=repair,
        remedy=remedy,
    )
