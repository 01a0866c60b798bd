"""Discrepancies of Terraform states and their locks."""

from collections.abc import Iterator

from gromit.core.discrepancies.facts import InstallationInventory, StateFacts
from gromit.core.discrepancies.kinds import Discrepancy, DiscrepancyKind, Repair
from gromit.core.discrepancies.resources import resources_of
from gromit.core.discrepancies.rows import HOUR_MS
from gromit.core.time import parse_iso


def orphans(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """States of environments of which nothing else exists."""
    for name in sorted(inventory.states):
        # What exists besides its state is reaped, and its state with it.
        if _is_neighbours(inventory.states[name]):
            continue
        if inventory.tombstone_or_none(name) and not resources_of(inventory, name):
            why = "it is gone" if name in inventory.rows else "no row names it"
            yield Discrepancy(
                kind=DiscrepancyKind.ORPHAN_STATE,
                environment=name,
                seen=f"it has a Terraform state, although {why}",
                repair=Repair.SET_ASIDE_STATE,
                remedy="set the state aside, beside its place in the bucket",
            )


def foreign(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """States that no run may act on: another environment's, or no Terraform state."""
    for name, state in sorted(inventory.states.items()):
        is_neighbours = _is_neighbours(state)
        is_orphan = inventory.tombstone_or_none(name) and not resources_of(inventory, name)
        if is_orphan and not is_neighbours:
            continue
        if seen := _fault(name, state):
            yield Discrepancy(
                kind=DiscrepancyKind.FOREIGN_STATE,
                environment=name,
                seen=seen,
                repair=Repair.PERSON if is_neighbours else Repair.SET_ASIDE_STATE,
                remedy="give each installation a bucket of its own: state.bucket"
                if is_neighbours
                else "set the state aside; the next run finds in AWS what exists",
            )


def lost(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Ready environments whose resources are in no state."""
    for row in inventory.rows.values():
        state = inventory.states.get(row.name)
        if not row.is_settled or (state is not None and (state.problem or _has(state))):
            continue
        # Without resources, the environment itself is missing.
        if resources_of(inventory, row.name):
            yield Discrepancy(
                kind=DiscrepancyKind.LOST_STATE,
                environment=row.name,
                seen=f"it is {row.phase}, but its Terraform state is missing or empty",
                repair=Repair.REDEPLOY,
                remedy="deploy it again, which adopts what exists",
            )


def locks(inventory: InstallationInventory) -> Iterator[Discrepancy]:
    """Locks that no run holds."""
    for name, lock in sorted(inventory.locks.items()):
        row = inventory.rows.get(name)
        if row is not None and row.is_leased(inventory.now_ms):
            continue
        if lock.verdict.dead:
            repair, remedy = Repair.UNLOCK, "remove the lock"
        elif not lock.verdict.lives and _is_old(lock.found.created, inventory.now_ms):
            repair, remedy = Repair.PERSON, f"make sure of it, then `gromit env unlock {name}`"
        else:
            continue
        yield Discrepancy(
            kind=DiscrepancyKind.STALE_LOCK,
            environment=name,
            subject=lock.found.id,
            seen=f"its state is locked by {lock.found.who}: {lock.verdict.reason}",
            repair=repair,
            remedy=remedy,
        )


def _fault(name: str, state: StateFacts) -> str:
    if state.problem:
        return state.problem
    if state.head is None or not (strangers := state.head.strangers(name)):
        return ""
    named = sorted(strangers - {""}) or ["no environment"]
    return f"its Terraform state has resources of {', '.join(named)}"


def _is_neighbours(state: StateFacts) -> bool:
    """Whether another installation works with the state, in the same bucket."""
    return state.head is not None and bool(state.head.neighbours)


def _has(state: StateFacts) -> bool:
    return state.head is not None and state.head.resources > 0


def _is_old(created: str, now_ms: int) -> bool:
    """Whether a lock is older than an hour; True for one without a valid time."""
    try:
        return parse_iso(created) < now_ms - HOUR_MS
    except ValueError:
        return True
