"""Expiry as conditional writes: warnings, deletion at the deadline, extensions, and the next look.

    activity ──▶ (first lead before it) warning ──▶ (last lead before it) warning ──▶ deletion
        ▲                      │                              │
        └── build, extension, another action of a person ─────┘

A warning that comes late moves the deadline, so that half of its lead is left: nothing expires
without both warnings, whatever happened to serve, its clock or its settings in the meantime.
"""

from dataclasses import dataclass, replace
from typing import Any

from gromit.core.environments import desired_state
from gromit.core.environments.attributes import LIFE_ATTRIBUTES, MISSING, Attribute
from gromit.core.environments.desired_state import LIVE
from gromit.core.environments.environment import Environment
from gromit.core.environments.history import ROOM, ChangeContext
from gromit.core.environments.lifetime import (
    EXPIRED,
    WARNINGS,
    Lifetime,
    LifetimePolicy,
    activity,
    lifetime_of,
    scheduled_look,
)
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import (
    AtMost,
    Condition,
    Equals,
    NotExists,
    RowWrite,
)
from gromit.core.time import iso

TOUCHED_MS = 60_000
"""Time in which a second activity is not recorded again, because lifetimes are far longer."""
EXPIRING = "expiring"
"""Kind of the event of a warning."""


@dataclass(frozen=True, slots=True)
class LookOff:
    """The environment does not expire: it leaves the index."""


@dataclass(frozen=True, slots=True)
class LookAgain:
    """There is nothing to do before an instant."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class StartIdle:
    """The row of an older version: its idle time starts now."""


@dataclass(frozen=True, slots=True)
class Warn:
    """A warning is due."""

    ends_ms: int
    """The deadline, moved if the warning comes late."""
    look_ms: int
    """Instant of the next warning, or the deadline after the last one."""


@dataclass(frozen=True, slots=True)
class Expire:
    """The deadline is over, and both warnings were given."""

    why: str


LifetimeStep = LookOff | LookAgain | StartIdle | Warn | Expire


def next_lifetime_step(
    environment: Environment, policy: LifetimePolicy, now_ms: int
) -> LifetimeStep:
    """Return what is due for the lifetime of an environment.

    | deadline | warnings | instant                           | step                            |
    |----------|----------|-----------------------------------|---------------------------------|
    | none     |          |                                   | leaves the index                |
    | unknown  |          |                                   | its idle time starts            |
    | set      | 0        | from the first lead before it on  | warning                         |
    | set      | 1        | from the last lead before it on   | warning                         |
    | set      | 2        | from the deadline on              | expires                         |
    | set      | any      | earlier                           | looked at again at that instant |

    A deadline that a warning has announced comes no earlier, also if a setting has changed since.
    """
    lifetime = lifetime_of(environment, policy)
    if lifetime.ends_ms is None:
        can_start = lifetime_of(replace(environment, touched_ms=now_ms), policy).ends_ms
        return LookOff() if can_start is None else StartIdle()
    look_ms = environment.look_ms or 0
    if environment.warned >= WARNINGS:
        ends_ms = max(lifetime.ends_ms, look_ms)
        return Expire(lifetime.why) if ends_ms <= now_ms else LookAgain(ends_ms)
    if environment.warned:
        ends_ms = max(lifetime.ends_ms, look_ms + lifetime.last_lead_ms)
        lead_ms, next_lead_ms = lifetime.last_lead_ms, 0
    else:
        ends_ms = lifetime.ends_ms
        lead_ms, next_lead_ms = lifetime.first_lead_ms, lifetime.last_lead_ms
    if ends_ms - lead_ms > now_ms:
        return LookAgain(ends_ms - lead_ms)
    ends_ms = max(ends_ms, now_ms + lead_ms // 2)
    return Warn(ends_ms, ends_ms - next_lead_ms)


def unchanged(environment: Environment) -> tuple[Condition, ...]:
    """Return the conditions that nothing has happened to an environment since it was read."""
    touched = environment.touched_ms
    same: Condition = NotExists(Attribute.TOUCHED)
    if touched is not None:
        same = Equals(Attribute.TOUCHED, touched)
    return (Equals(Attribute.REVISION, environment.revision), same)


def scheduled(
    environment: Environment, step: LookOff | LookAgain | StartIdle, now_ms: int
) -> RowWrite:
    """Return the write of a step that only schedules the next look."""
    match step:
        case LookOff():
            return RowWrite(conditions=unchanged(environment), removes=LIFE_ATTRIBUTES)
        case LookAgain(at_ms):
            return look_again(environment, at_ms)
        case StartIdle():
            return RowWrite(conditions=unchanged(environment), sets=activity(now_ms))


def look_again(environment: Environment, at_ms: int) -> RowWrite:
    """Schedule the next look at a lifetime."""
    return RowWrite(conditions=unchanged(environment), sets=scheduled_look(at_ms))


def corrected_look(environment: Environment, step: LifetimeStep, now_ms: int) -> RowWrite | None:
    """Return the write that schedules a missing look, or a too late one; None if it is right.

    An older version has written the row, or a setting has changed since the last look.
    """
    look_ms = environment.look_ms
    if isinstance(step, StartIdle) or (isinstance(step, LookOff) and look_ms is not None):
        return scheduled(environment, step, now_ms)
    if isinstance(step, LookOff):
        return None
    due_ms = step.at_ms if isinstance(step, LookAgain) else now_ms
    is_late = look_ms is None or look_ms > due_ms
    return look_again(environment, due_ms) if is_late else None


def postpone_look(look_ms: int, until_ms: int) -> RowWrite:
    """Postpone the look at a row that cannot be read. Nothing else of it is touched."""
    return RowWrite(
        conditions=(Equals(Attribute.LOOK_AT, look_ms),), sets={Attribute.LOOK_AT: until_ms}
    )


def is_touched(environment: Environment, now_ms: int) -> bool:
    """Whether an activity now would change nothing that counts: one was recorded just before."""
    if environment.touched_ms is None or environment.warned or environment.missing:
        return False
    return 0 <= now_ms - environment.touched_ms < TOUCHED_MS


def touch(environment: Environment, now_ms: int) -> RowWrite:
    """Record an activity that changes nothing else: a build that is reported again.

    No event and no revision, as for a renewed lease: nothing that watchers see has changed.
    """
    return RowWrite(
        conditions=(*LIVE, Equals(Attribute.WANT, Want.UP)),
        sets={Attribute.TOUCHED: now_ms},
        removes=frozenset({Attribute.WARNED, *(MISSING + r for r in environment.missing)}),
    )


def extend(environment: Environment, until_ms: int, stamp: ChangeContext) -> RowWrite:
    """Keep an environment until an instant at least. It is an activity, too."""
    kept_ms = max(until_ms, environment.keep_until_ms)
    return RowWrite(
        conditions=(*LIVE, ROOM, Equals(Attribute.WANT, Want.UP), *unchanged(environment)),
        sets={Attribute.KEEP_UNTIL: kept_ms, **activity(stamp.now_ms)},
        increments={Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event("extended", f"until {iso(kept_ms)} at least"),)},
        removes=frozenset({Attribute.WARNED}),
    )


def warn(environment: Environment, lifetime: Lifetime, due: Warn, stamp: ChangeContext) -> RowWrite:
    """Record a warning, and move the deadline if it comes late."""
    moved: dict[str, Any] = {}
    if due.ends_ms != lifetime.ends_ms:
        moved = {Attribute.KEEP_UNTIL: due.ends_ms}
    text = f"expires at {iso(due.ends_ms)}: {lifetime.why}"
    return RowWrite(
        conditions=(*LIVE, ROOM, Equals(Attribute.WANT, Want.UP), *unchanged(environment)),
        sets={**moved, **scheduled_look(due.look_ms)},
        increments={Attribute.REVISION: 1, Attribute.WARNED: 1},
        appends={Attribute.EVENTS: (stamp.event(EXPIRING, text),)},
    )


def expire(environment: Environment, why: str, stamp: ChangeContext, grace_ms: int) -> RowWrite:
    """Delete an environment whose deadline is over, with all that a deletion requires.

    Its entry in the index stays, so that expiries can be counted.
    """
    write = desired_state.delete(stamp, grace_ms, f"expired: {why}")
    return replace(
        write,
        conditions=(
            *write.conditions,
            *unchanged(environment),
            AtMost(Attribute.LOOK_AT, stamp.now_ms),
        ),
        sets={**write.sets, Attribute.LIFE: EXPIRED, Attribute.LOOK_AT: stamp.now_ms},
        removes=write.removes - {Attribute.LIFE, Attribute.LOOK_AT},
    )
