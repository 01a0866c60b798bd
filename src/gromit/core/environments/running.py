"""Time in which an environment has run, without the time in which it was parked.

The row stores when it was started last, and how long it had run before. Without either, an earlier
release has created it, and it counts as running since then.
"""

from typing import Any

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Want


def ran_ms(environment: Environment, now_ms: int) -> int:
    """Return the milliseconds in which an environment has run until now, or until it was gone."""
    before, started_ms = environment.ran_ms or 0, environment.started_ms
    if environment.gone_ms is None and not environment.infra:
        return before
    if started_ms is None and environment.ran_ms is None:
        started_ms = environment.created_ms
    elif started_ms is None:
        # A build has revived it after it was deleted while it was parked.
        is_revived = environment.want is Want.UP and not environment.parked
        started_ms = environment.touched_ms if is_revived else None
    until_ms = now_ms if environment.gone_ms is None else environment.gone_ms
    return before if started_ms is None else before + max(0, until_ms - started_ms)


def stopped(ran_so_far_ms: int) -> dict[str, Any]:
    """Return the attribute of an environment that stops; it loses the one of its start."""
    return {Attribute.RAN: ran_so_far_ms}


def started(now_ms: int) -> dict[str, Any]:
    """Return the attribute of an environment that starts."""
    return {Attribute.STARTED: now_ms}
