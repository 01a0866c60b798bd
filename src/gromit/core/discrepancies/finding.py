"""Comparison of the facts about all environments. Facts in, discrepancies out."""

from collections.abc import Callable, Iterator, Sequence

from gromit.core.discrepancies import image_marks, records, resources, rows, states
from gromit.core.discrepancies.facts import InstallationInventory
from gromit.core.discrepancies.kinds import Discrepancy

_Check = Callable[[InstallationInventory], Iterator[Discrepancy]]
_CHECKS: tuple[_Check, ...] = (
    rows.unreadable,
    rows.unscheduled,
    rows.leases,
    rows.images,
    resources.worlds,
    resources.desired,
    resources.strays,
    states.orphans,
    states.foreign,
    states.lost,
    states.locks,
    records.dangling,
    records.foreign,
    records.folders,
    image_marks.orphans,
)


def find_discrepancies(inventory: InstallationInventory) -> Sequence[Discrepancy]:
    """Return all discrepancies, by environment.

    An environment whose row cannot be read, or has changed during the look, has no other one:
    nothing is known about what should exist of it.
    """
    unclear = inventory.changed | inventory.unreadable
    found = [
        d
        for check in _CHECKS
        for d in check(inventory)
        if check is rows.unreadable or d.environment not in unclear
    ]
    return sorted(found, key=lambda d: (d.environment, d.kind, d.subject))
