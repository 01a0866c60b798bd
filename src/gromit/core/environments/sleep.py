"""Sleep: environments that no one uses are parked outside of weekly hours.

A sleeping environment is parked with a mark. The next hours wake it, and so does a build or
whatever a person asks of it: a redeployment, a rollback, other versions. One that a person has
parked is not woken, and one that is protected does not sleep.

    ready ──(outside of the hours, at rest)──▶ parked, asleep ──(hours, build, person)──▶ ready
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from gromit.core.environments import running
from gromit.core.environments.attributes import FAILURE_ATTRIBUTES, Attribute
from gromit.core.environments.desired_state import LIVE
from gromit.core.environments.environment import Environment
from gromit.core.environments.expiry import unchanged
from gromit.core.environments.history import ROOM, ChangeContext
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.environments.row_writes import Equals, NotExists, RowWrite
from gromit.core.environments.weekly_hours import WeeklyHours
from gromit.core.environments.work import schedule_work
from gromit.core.time import iso

REST_MS = 2 * 3_600_000
"""Time since the last build or action of a person in which an environment does not fall asleep."""


@dataclass(frozen=True, slots=True)
class SleepPolicy:
    """When environments sleep."""

    hours: WeeklyHours | None = None
    """Hours in which they are awake; None: they never sleep."""
    exempt: Collection[str] = ()
    """Names that do not sleep."""


NO_SLEEP = SleepPolicy()


def should_wake(environment: Environment, policy: SleepPolicy, now_ms: int) -> bool:
    """Whether an environment is asleep, and should not be."""
    hours = policy.hours
    return environment.asleep and (hours is None or hours.contain(now_ms))


def should_sleep(environment: Environment, policy: SleepPolicy, now_ms: int) -> bool:
    """Whether an environment runs, has no work, and no one has used it for a while.

    A repair that is due is no work of a person: what fails all night does not run all night.
    """
    hours = policy.hours
    if hours is None or hours.contain(now_ms) or not _can_sleep(environment, policy):
        return False
    is_applied = environment.work is None or environment.phase(now_ms) is Phase.DEGRADED
    is_idle = is_applied and environment.lease is None
    return is_idle and _rested_ms(environment) <= now_ms


def next_sleep(environment: Environment, policy: SleepPolicy, now_ms: int) -> int | None:
    """Return the instant from which on an environment sleeps if no one uses it until then."""
    hours = policy.hours
    if hours is None or environment.parked or not _can_sleep(environment, policy):
        return None
    at_ms = max(now_ms, _rested_ms(environment))
    return hours.next_change(at_ms) if hours.contain(at_ms) else at_ms


def next_waking(environment: Environment, policy: SleepPolicy, now_ms: int) -> int | None:
    """Return the instant at which the hours wake an environment; None if they do not."""
    if not environment.asleep:
        return None
    hours = policy.hours
    return now_ms if hours is None or hours.contain(now_ms) else hours.next_change(now_ms)


def fall_asleep(environment: Environment, policy: SleepPolicy, stamp: ChangeContext) -> RowWrite:
    """Park an environment until the next hours, if nothing has happened since it was read."""
    waking = policy.hours.next_change(stamp.now_ms) if policy.hours else None
    until = f" until {iso(waking)}" if waking is not None else ""
    text = f"it sleeps{until}, by environments.sleep; a build, or `gromit env wake`, wakes it"
    write = _scheduled(environment, stamp, "parked", text)
    return replace(
        write,
        conditions=(*write.conditions, NotExists(Attribute.PARKED)),
        sets={
            **write.sets,
            Attribute.PARKED: True,
            Attribute.ASLEEP: True,
            **running.stopped(running.ran_ms(environment, stamp.now_ms)),
        },
        removes=write.removes | {Attribute.STARTED},
    )


def wake(environment: Environment, stamp: ChangeContext) -> RowWrite:
    """Bring a sleeping environment back; no one has used it, so its idle time goes on."""
    write = _scheduled(environment, stamp, "unparked", "it wakes, by environments.sleep")
    return awakened(
        replace(write, conditions=(*write.conditions, Equals(Attribute.PARKED, value=True))),
        stamp.now_ms,
    )


def awakened(write: RowWrite, now_ms: int) -> RowWrite:
    """Return a write that also wakes an environment: it is refused by one that is not asleep."""
    return replace(
        write,
        conditions=(*write.conditions, Equals(Attribute.ASLEEP, value=True)),
        sets={**write.sets, **running.started(now_ms)},
        # Sleep has removed its names, and no pass of chitragupta may have seen that.
        removes=write.removes
        | {Attribute.PARKED, Attribute.ASLEEP, Attribute.DNS, Attribute.HEALTH},
    )


def waking(write: RowWrite, environment: Environment, stamp: ChangeContext) -> RowWrite:
    """Return the write of a change that also wakes an environment, if a person wants the change.

    It is refused by a row that has fallen asleep or has been woken since it was read.
    """
    if not stamp.is_activity:
        return write
    if environment.asleep:
        return awakened(write, stamp.now_ms)
    return replace(write, conditions=(*write.conditions, NotExists(Attribute.ASLEEP)))


def _scheduled(environment: Environment, stamp: ChangeContext, kind: str, text: str) -> RowWrite:
    """Return the write of a change that is no activity: it does not lengthen a lifetime."""
    return RowWrite(
        conditions=(*LIVE, ROOM, Equals(Attribute.WANT, Want.UP), *unchanged(environment)),
        sets={**schedule_work(Work.SOW, stamp.now_ms), Attribute.CHANGED: stamp.now_ms},
        increments={Attribute.GENERATION: 1, Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event(kind, text),)},
        removes=FAILURE_ATTRIBUTES,
    )


def _can_sleep(environment: Environment, policy: SleepPolicy) -> bool:
    is_up = environment.want is Want.UP and environment.gone_ms is None
    is_kept = environment.protected or environment.name in policy.exempt
    return is_up and not is_kept and not environment.parked


def _rested_ms(environment: Environment) -> int:
    last_ms = environment.touched_ms
    return (environment.created_ms if last_ms is None else last_ms) + REST_MS
