"""Limits on the deletes of a plan that no row explains."""

from gromit.core.dns.plan import ZoneChanges
from gromit.errors import UnsafePlan

_NAMED = 20


def enforce_delete_limits(changes: ZoneChanges, percent: int, free: int) -> None:
    """Limit the unexplained deletes of a plan.

    Raises `UnsafePlan` if there are more than `free`, and more than `percent` of our records.
    """
    count = len(changes.unexplained)
    if count <= free or count * 100 <= percent * changes.ours:
        return
    named = ", ".join(changes.unexplained[:_NAMED])
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    raise UnsafePlan(
        f"{count} of {changes.ours} public records would be deleted"
        f" although no row says that their environments are gone: {named}{more}",
        hint="check that serve lists all environments and that their tasks run;"
        " --force deletes the records anyway",
    )
