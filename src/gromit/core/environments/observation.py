"""Observations of running environments as conditional writes.

chitragupta sees what runs in all environments and reports what differs from the table. A part that
does not run makes a ready environment degraded, and due for a repair: its work is scheduled without
a new generation. Each repair soon after another one waits twice as long.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gromit.core.environments.attributes import (
    FAILURE_ATTRIBUTES,
    WORK_ATTRIBUTES,
    Attribute,
)
from gromit.core.environments.environment import Environment
from gromit.core.environments.history import ROOM, ChangeContext
from gromit.core.environments.observed_status import Degradation, Repairs, names_to_row
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.environments.row_writes import Equals, RowWrite
from gromit.core.environments.work import schedule_work
from gromit.core.stack.addresses import NameStatus

REASON_MAX = 200
"""Characters of a reason in an observation."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Facts that an observer saw of one environment."""

    name: str
    epoch: int
    """Epoch of the environment before the look; with another one, the observation is too old."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Component that does not run, to the reason."""
    names: Mapping[str, NameStatus] = field(default_factory=dict)
    """Component to the status of its public name."""


def next_repair(
    before: Environment, now_ms: int, first_ms: int, longest_ms: int
) -> tuple[Repairs, int]:
    """Return the count of repairs with the next one, and the pause before it.

    The pause doubles with each repair up to `longest_ms`. After twice as long without one, the
    count begins again.
    """
    earlier = before.repairs
    is_recent = earlier is not None and now_ms - earlier.at_ms <= 2 * longest_ms
    times = earlier.times if earlier is not None and is_recent else 0
    return Repairs(times + 1, now_ms), min(first_ms * 2 ** min(times, 30), longest_ms)


def observation_write(
    before: Environment, seen: Observation, stamp: ChangeContext, first_ms: int, longest_ms: int
) -> RowWrite | None:
    """Return the write that records an observation; None if it changes nothing.

    | environment                     | problems  | write                                  |
    |---------------------------------|-----------|----------------------------------------|
    | deleted, or claimed since       | any       | none: the observation is too old       |
    | ready                           | some      | degraded, and due for a repair         |
    | degraded                        | none      | recovered: ready again, and not due    |
    | degraded                        | others    | the new ones; the work stays due       |
    | any                             | the same  | the names, if one of them changed      |
    """
    if before.want is Want.GONE or before.epoch != seen.epoch:
        return None
    phase, known = before.phase(stamp.now_ms), before.degraded
    if phase is Phase.READY and seen.problems:
        repairs, pause_ms = next_repair(before, stamp.now_ms, first_ms, longest_ms)
        return degrade(before, seen, repairs, stamp, pause_ms)
    if phase is Phase.DEGRADED and not seen.problems:
        return recover(before, seen, stamp)
    is_other = known is not None and known.components.keys() != seen.problems.keys()
    if before.dns == dict(seen.names) and not (phase is Phase.DEGRADED and is_other):
        return None
    return record_observation(before, seen, phase)


def degrade(
    before: Environment, seen: Observation, repairs: Repairs, stamp: ChangeContext, pause_ms: int
) -> RowWrite:
    """Record what does not run, and schedule a repair. The generation stays."""
    found, write = Degradation(stamp.now_ms, seen.problems), _write(before, seen)
    return replace(
        write,
        conditions=(*write.conditions, ROOM),
        sets={
            Attribute.DNS: names_to_row(seen.names),
            Attribute.PROBLEMS: found.to_row(),
            Attribute.REPAIRS: repairs.to_row(),
            **schedule_work(Work.SOW, stamp.now_ms + pause_ms),
            Attribute.CHANGED: stamp.now_ms,
        },
        appends={Attribute.EVENTS: (stamp.event("degraded", found.reason),)},
    )


def recover(before: Environment, seen: Observation, stamp: ChangeContext) -> RowWrite:
    """Record that everything runs again, before a worker began its repair."""
    write = _write(before, seen)
    return replace(
        write,
        conditions=(*write.conditions, ROOM),
        sets={Attribute.DNS: names_to_row(seen.names), Attribute.CHANGED: stamp.now_ms},
        appends={Attribute.EVENTS: (stamp.event("recovered", "all of it runs again"),)},
        removes=frozenset({Attribute.PROBLEMS}) | WORK_ATTRIBUTES | FAILURE_ATTRIBUTES,
    )


def record_observation(before: Environment, seen: Observation, phase: Phase) -> RowWrite:
    """Record names, and other components that do not run, without a change of the phase."""
    write = _write(before, seen)
    if phase is not Phase.DEGRADED or before.degraded is None:
        return write
    found = replace(before.degraded, components=seen.problems)
    return replace(write, sets={**write.sets, Attribute.PROBLEMS: found.to_row()})


def _write(before: Environment, seen: Observation) -> RowWrite:
    # A claim or any other change since `before` was read has another revision.
    return RowWrite(
        conditions=(Equals(Attribute.REVISION, before.revision),),
        sets={Attribute.DNS: names_to_row(seen.names)},
        increments={Attribute.REVISION: 1},
    )
