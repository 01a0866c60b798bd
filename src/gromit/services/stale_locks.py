"""Removal of Terraform locks that dead workers have left, where no run would come across them.

A worker that dies between its report and its unlock leaves the lock of an environment that needs no
work. A deleted environment never needs any again.
"""

import structlog

from gromit.errors import GromitError
from gromit.ports import OwnerWatch, StateBucket

log = structlog.get_logger(__name__)


def remove_stale_locks(states: StateBucket, owners: OwnerWatch) -> None:
    """Remove each lock whose owner is proven dead. Whatever fails is logged, and tried again later.

    No claim is needed: exactly the lock that was judged is removed, so that a run that takes the
    lock over at the same time keeps its own.
    """
    try:
        environments = states.locked()
    except GromitError as error:
        log.warning("locks.unknown", reason=error.message)
        return
    for name in environments:
        try:
            found = states.find_lock(name)
            if found is None or not owners.check_owner(found).dead:
                continue
            if states.unlock(found):
                log.warning("lock.stale_removed", env=name, left_by=found.who, lock=found.id)
        except GromitError as error:
            log.warning("lock.not_removed", env=name, reason=error.message)
