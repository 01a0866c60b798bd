"""Reaping of what exists of an environment although no live row names it.

A row that is desired gone hands it to reap, with all its interlocks. Within the grace period a
build revives the environment, and adopts what exists. A tombstone becomes a new incarnation, so
that such a build brings none of the versions and images of the dead one back.
"""

from dataclasses import replace

from gromit.core.environments.attributes import Attribute, incarnation_attributes
from gromit.core.environments.environment import Environment
from gromit.core.environments.fallbacks import dead_before
from gromit.core.environments.history import ROOM, ChangeContext
from gromit.core.environments.phases import Want, Work
from gromit.core.environments.row_writes import Condition, Equals, Exists, NotExists, RowWrite
from gromit.core.environments.work import schedule_work
from gromit.errors import Conflict

_TEXT = "resources were left over"


def reap_leftovers(
    before: Environment | None, incarnation: str, stamp: ChangeContext, grace_ms: int
) -> RowWrite:
    """Return a write that makes leftovers due for reaping after the grace period.

    | row                       | write                      |
    |---------------------------|----------------------------|
    | none                      | a row that is desired gone |
    | tombstone                 | a deleted new incarnation  |
    | deleted, without any work | its work                   |

    Raises `Conflict` if the environment is desired.
    """
    event = stamp.event("deleted", _TEXT)
    if before is None:
        write = _new_incarnation(incarnation, stamp, (NotExists(Attribute.NAME),))
        # Epochs start at the current time, so that none repeats.
        write = replace(write, sets={**write.sets, Attribute.EPOCH: stamp.now_ms})
    elif before.want is not Want.GONE:
        raise Conflict(
            f"{before.name} is not a leftover: its row names it",
            hint=f"`gromit env delete {before.name}` deletes an environment",
        )
    elif before.gone_ms is not None:
        write = _of_tombstone(before, incarnation, stamp)
    else:
        write = RowWrite(conditions=(*_unchanged(before), NotExists(Attribute.GONE_AT)))
    return replace(
        write,
        sets={
            **write.sets,
            Attribute.WANT: Want.GONE,
            Attribute.PROTECTED: False,
            Attribute.INFRA: True,
            Attribute.CHANGED: stamp.now_ms,
            **schedule_work(Work.REAP, stamp.now_ms + grace_ms),
        },
        increments={Attribute.GENERATION: 1, Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (event,)},
    )


def _unchanged(before: Environment) -> tuple[Condition, ...]:
    return ROOM, Equals(Attribute.REVISION, before.revision)


def _new_incarnation(
    incarnation: str, stamp: ChangeContext, conditions: tuple[Condition, ...]
) -> RowWrite:
    return RowWrite(
        conditions=conditions,
        sets={
            Attribute.INCARNATION: incarnation,
            Attribute.OBSERVED: 0,
            Attribute.CREATED: stamp.now_ms,
            Attribute.DELETED_AT: stamp.now_ms,
        },
    )


def _of_tombstone(tombstone: Environment, incarnation: str, stamp: ChangeContext) -> RowWrite:
    """Return the start of an incarnation that inherits no version; the events go on."""
    write = _new_incarnation(
        incarnation, stamp, (*_unchanged(tombstone), Exists(Attribute.GONE_AT))
    )
    sets = {**write.sets, Attribute.IMAGES_SINCE: dead_before(tombstone.row)}
    inherited = incarnation_attributes(tombstone.row) - sets.keys() - {Attribute.EVENTS}
    return replace(write, sets=sets, removes=inherited)
