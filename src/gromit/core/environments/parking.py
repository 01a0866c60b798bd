"""Parking as conditional writes: a parked environment keeps its row and config, and runs nothing.

Its services stay with a desired count of 0. Builds are recorded and start nothing; unparking brings
it back with the newest versions. A deletion ends the parking.
"""

from dataclasses import replace
from typing import Any

from gromit.core.environments import running
from gromit.core.environments.attributes import FAILURE_ATTRIBUTES, WORK_ATTRIBUTES, Attribute
from gromit.core.environments.desired_state import LIVE
from gromit.core.environments.history import EVENT_TEXT_MAX, ROOM, ChangeContext
from gromit.core.environments.lifetime import activity
from gromit.core.environments.phases import Want, Work
from gromit.core.environments.row_writes import AnyOf, Equals, Exists, NotExists, RowWrite
from gromit.core.environments.sleep import awakened
from gromit.core.environments.work import schedule_work

_NOTE = "; it is parked, so this starts nothing"


def park(stamp: ChangeContext, ran_so_far_ms: int = 0) -> RowWrite:
    """Park an environment that is up: the next run stops its tasks."""
    write = _scheduled(stamp, "parked", "its tasks are stopped; unparking starts them again")
    return replace(
        write,
        conditions=(
            *write.conditions,
            AnyOf((NotExists(Attribute.PARKED), Exists(Attribute.ASLEEP))),
        ),
        sets={**write.sets, Attribute.PARKED: True, **running.stopped(ran_so_far_ms)},
        removes=write.removes | {Attribute.STARTED, Attribute.ASLEEP},
    )


def unpark(stamp: ChangeContext) -> RowWrite:
    """Bring a parked environment back: the next run starts the newest versions."""
    write = _scheduled(stamp, "unparked", "the newest versions are started")
    return replace(
        write,
        conditions=(*write.conditions, Equals(Attribute.PARKED, value=True)),
        sets={**write.sets, **running.started(stamp.now_ms)},
        # Parking has removed its names, and no pass of chitragupta may have seen that.
        removes=write.removes
        | {Attribute.PARKED, Attribute.ASLEEP, Attribute.DNS, Attribute.HEALTH},
    )


def build_write(write: RowWrite, *, is_parked: bool, asleep_at_ms: int | None = None) -> RowWrite:
    """Return the write of a build for an environment that is parked, or that is not.

    The build of a parked one is recorded without work and without a new generation. One that is
    `asleep` wakes.
    """
    if asleep_at_ms is not None:
        return awakened(write, asleep_at_ms)
    if not is_parked:
        return replace(write, conditions=(*write.conditions, NotExists(Attribute.PARKED)))
    quiet = WORK_ATTRIBUTES | {Attribute.WANT}
    return replace(
        write,
        conditions=(
            *write.conditions,
            Equals(Attribute.PARKED, value=True),
            NotExists(Attribute.ASLEEP),
        ),
        sets={a: value for a, value in write.sets.items() if a not in quiet},
        increments={Attribute.REVISION: 1},
        appends={a: tuple(map(_noted, events)) for a, events in write.appends.items()},
        # A failure to park it stays, with the work that tries again.
        removes=write.removes - FAILURE_ATTRIBUTES,
    )


def _noted(event: dict[str, Any]) -> dict[str, Any]:
    text = event["text"][: EVENT_TEXT_MAX - len(_NOTE)]
    return {**event, "text": text + _NOTE}


def _scheduled(stamp: ChangeContext, kind: str, text: str) -> RowWrite:
    return RowWrite(
        conditions=(*LIVE, ROOM, Equals(Attribute.WANT, Want.UP)),
        sets={
            **activity(stamp.now_ms),
            **schedule_work(Work.SOW, stamp.now_ms),
            Attribute.CHANGED: stamp.now_ms,
        },
        increments={Attribute.GENERATION: 1, Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event(kind, text),)},
        removes=FAILURE_ATTRIBUTES | {Attribute.WARNED},
    )
