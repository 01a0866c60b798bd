"""Watchers of changes, and those that a change makes work for.

A change is compared by the row before and after it, so that a new kind of change needs no entry
here. Watchers look at intervals as well: an announcement only shortens the wait.
"""

from enum import StrEnum

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.phases import Work
from gromit.core.environments.row_writes import Row

_OF_RECORDS = (
    Attribute.WANT,
    Attribute.PARKED,
    Attribute.GONE_AT,
    Attribute.OBSERVED,
    Attribute.MADE,
    Attribute.FAILED_EPOCH,
)
"""Attributes that change with what should have public names, or with the tasks that have them."""


class Watcher(StrEnum):
    """A part that waits for announcements."""

    SOW = "sow"
    REAP = "reap"
    CHITRAGUPTA = "chitragupta"


def concerned_watchers(before: Row | None, after: Row) -> frozenset[Watcher]:
    """Return the watchers that a change of a row makes work for."""
    found = set[Watcher]()
    work = _claimable(after)
    if work is not None and work != _claimable(before or {}):
        found.add(Watcher(work[0]))
    if any((before or {}).get(a) != after.get(a) for a in _OF_RECORDS):
        found.add(Watcher.CHITRAGUPTA)
    return frozenset(found)


def _claimable(row: Row) -> tuple[Work, int] | None:
    """Return the work of a row and when it is due; None if none is, or if a lease covers it.

    The end of a run that has the lease is a change, too, and then the work is claimable.
    """
    kind, due_ms = row.get(Attribute.WORK), row.get(Attribute.DUE)
    if kind not in set(Work) or type(due_ms) is not int:
        return None
    lease_ms = row.get(Attribute.LEASE_UNTIL)
    if Attribute.HOLDER in row and type(lease_ms) is int and lease_ms >= due_ms:
        return None
    return Work(kind), due_ms
