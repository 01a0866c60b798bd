"""Reaping of what exists of an environment although no live row names it.

A row that is desired gone hands it to reap, with all its interlocks. Within the grace period a
build revives the environment, and adopts what exists.
"""

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment
from gromit.core.environments.history import ROOM, ChangeContext
from gromit.core.environments.phases import Want, Work
from gromit.core.environments.row_writes import Equals, Exists, NotExists, RowWrite
from gromit.core.environments.work import schedule_work
from gromit.errors import Conflict

_TEXT = "resources were left over"
_TOMBSTONE_ATTRIBUTES = frozenset({Attribute.GONE_AT, Attribute.EXPIRE_AT})


def reap_leftovers(
    before: Environment | None, incarnation: str, stamp: ChangeContext, grace_ms: int
) -> RowWrite:
    """Return a write that makes leftovers due for reaping after the grace period.

    | row                       | write                      |
    |---------------------------|----------------------------|
    | none                      | a row that is desired gone |
    | tombstone                 | deleted again              |
    | deleted, without any work | its work                   |

    Raises `Conflict` if the environment is desired.
    """
    due = schedule_work(Work.REAP, stamp.now_ms + grace_ms)
    event = stamp.event("deleted", _TEXT)
    if before is None:
        return RowWrite(
            conditions=(NotExists(Attribute.NAME),),
            sets={
                Attribute.INCARNATION: incarnation,
                Attribute.WANT: Want.GONE,
                Attribute.OBSERVED: 0,
                Attribute.PROTECTED: False,
                Attribute.CREATED: stamp.now_ms,
                Attribute.CHANGED: stamp.now_ms,
                # Epochs start at the current time, so that none repeats.
                Attribute.EPOCH: stamp.now_ms,
                Attribute.INFRA: True,
                **due,
            },
            increments={Attribute.GENERATION: 1, Attribute.REVISION: 1},
            appends={Attribute.EVENTS: (event,)},
        )
    if before.want is not Want.GONE:
        raise Conflict(
            f"{before.name} is not a leftover: its row names it",
            hint=f"`gromit env delete {before.name}` deletes an environment",
        )
    is_tombstone = before.gone_ms is not None
    return RowWrite(
        conditions=(
            ROOM,
            Equals(Attribute.REVISION, before.revision),
            Exists(Attribute.GONE_AT) if is_tombstone else NotExists(Attribute.GONE_AT),
        ),
        sets={
            Attribute.WANT: Want.GONE,
            Attribute.PROTECTED: False,
            Attribute.INFRA: True,
            Attribute.CHANGED: stamp.now_ms,
            **due,
        },
        increments={Attribute.GENERATION: 1, Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (event,)},
        removes=_TOMBSTONE_ATTRIBUTES if is_tombstone else frozenset(),
    )
