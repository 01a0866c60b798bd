"""Observations of running environments as conditional writes.

chitragupta sees what runs in all environments and reports what differs from the table. A part that
does not run makes a ready environment degraded, and due for a repair: its work is scheduled without
a new generation. Each repair soon after another one waits twice as long. A program that says that
it does not work makes the environment degraded too, without a repair.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gromit.core.environments.attributes import (
    FAILURE_ATTRIBUTES,
    WORK_ATTRIBUTES,
    Attribute,
)
from gromit.core.environments.environment import Environment
from gromit.core.environments.history import ROOM, ChangeContext
from gromit.core.environments.observed_status import (
    Degradation,
    Repairs,
    components_to_repair,
    health_to_row,
    names_to_row,
)
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.environments.row_writes import Equals, RowWrite
from gromit.core.environments.work import schedule_work
from gromit.core.stack.addresses import NameStatus
from gromit.core.stack.health import HealthStatus

REASON_MAX = 200
"""Characters of a reason in an observation."""


@dataclass(frozen=True, slots=True)
class Observation:
    """Facts that an observer saw of one environment."""

    name: str
    epoch: int
    """Epoch of the environment before the look; with another one, the observation is too old."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """Component that does not run or does not work, to the reason."""
    names: Mapping[str, NameStatus] = field(default_factory=dict)
    """Component to the status of its public name."""
    health: Mapping[str, HealthStatus] = field(default_factory=dict)
    """Component that runs, to what its program says."""


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

    | environment             | problems     | write                                             |
    |-------------------------|--------------|---------------------------------------------------|
    | deleted, claimed since  | any          | none: the observation is too old                  |
    | ready                   | some         | degraded                                          |
    | degraded                | none         | recovered: ready again, and not due               |
    | degraded                | others       | the new ones                                      |
    | any                     | the same     | names and health, if one of them changed          |

    A degraded environment is due for a repair while a component does not run. One whose program
    only says that it does not work runs as it was applied, so no apply can repair it.
    """
    if before.want is Want.GONE or before.epoch != seen.epoch:
        return None
    phase, known = before.phase(stamp.now_ms), before.degraded
    if phase is Phase.READY and seen.problems:
        return degrade(before, seen, stamp, _repair(before, seen, stamp, first_ms, longest_ms))
    if phase is Phase.DEGRADED and not seen.problems:
        return recover(before, seen, stamp)
    is_known = before.dns == dict(seen.names) and before.health == dict(seen.health)
    if phase is not Phase.DEGRADED or known is None:
        return None if is_known else _write(before, seen)
    if is_known and known.components.keys() == seen.problems.keys():
        return None
    return replace_problems(before, known, seen, _repair(before, seen, stamp, first_ms, longest_ms))


def _repair(
    before: Environment, seen: Observation, stamp: ChangeContext, first_ms: int, longest_ms: int
) -> dict[str, Any]:
    """Return the attributes of the next repair; none if there is nothing to repair."""
    if not components_to_repair(seen.problems, seen.health):
        return {}
    repairs, pause_ms = next_repair(before, stamp.now_ms, first_ms, longest_ms)
    return {
        Attribute.REPAIRS: repairs.to_row(),
        **schedule_work(Work.SOW, stamp.now_ms + pause_ms),
    }


def degrade(
    before: Environment, seen: Observation, stamp: ChangeContext, repair: Mapping[str, Any]
) -> RowWrite:
    """Record problems, and schedule the repair if there is one. The generation stays."""
    found, write = Degradation(stamp.now_ms, seen.problems), _write(before, seen)
    return replace(
        write,
        conditions=(*write.conditions, ROOM),
        sets={
            **write.sets,
            Attribute.PROBLEMS: found.to_row(),
            **repair,
            Attribute.CHANGED: stamp.now_ms,
        },
        appends={Attribute.EVENTS: (stamp.event("degraded", found.reason),)},
    )


def recover(before: Environment, seen: Observation, stamp: ChangeContext) -> RowWrite:
    """Record that everything runs and works again, before a worker began a repair."""
    write = _write(before, seen)
    return replace(
        write,
        conditions=(*write.conditions, ROOM),
        sets={**write.sets, Attribute.CHANGED: stamp.now_ms},
        appends={Attribute.EVENTS: (stamp.event("recovered", "all of it runs and works again"),)},
        removes=frozenset({Attribute.PROBLEMS}) | WORK_ATTRIBUTES | FAILURE_ATTRIBUTES,
    )


def replace_problems(
    before: Environment, known: Degradation, seen: Observation, repair: Mapping[str, Any]
) -> RowWrite:
    """Record other problems of a degraded environment, which stays degraded since the first.

    Its work stays due as it is, unless the first component to repair appears or the last one goes.
    """
    write, found = _write(before, seen), replace(known, components=seen.problems)
    sets = {**write.sets, Attribute.PROBLEMS: found.to_row()}
    if before.needs_repair and not repair:
        return replace(write, sets=sets, removes=WORK_ATTRIBUTES | FAILURE_ATTRIBUTES)
    if repair and not before.needs_repair:
        sets |= repair
    return replace(write, sets=sets)


def _write(before: Environment, seen: Observation) -> RowWrite:
    # A claim or any other change since `before` was read has another revision.
    return RowWrite(
        conditions=(Equals(Attribute.REVISION, before.revision),),
        sets={
            Attribute.DNS: names_to_row(seen.names),
            Attribute.HEALTH: health_to_row(seen.health),
        },
        increments={Attribute.REVISION: 1},
    )
