"""Reports of what runs: serve's side. Only what differs from a row is written."""

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.observation import Observation, observation_write
from gromit.core.environments.phases import Phase
from gromit.core.environments.row_writes import WriteAccepted
from gromit.errors import Conflict, UnreadableRow
from gromit.services.ledger import Ledger

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Observations:
    """Records observations of environments."""

    ledger: Ledger
    repair_ms: int
    """Pause before the first repair of a degraded environment."""
    repair_max_ms: int

    def record(self, seen: Iterable[Observation], stamp: ChangeContext) -> list[Environment]:
        """Record observations; return the environments that changed.

        An observation of a row that changed meanwhile is dropped: the next pass sees it again.
        """
        changed = (self._record(one, stamp) for one in seen)
        return [environment for environment in changed if environment]

    def _record(self, seen: Observation, stamp: ChangeContext) -> Environment | None:
        try:
            before = self.ledger.find(seen.name)
        except (Conflict, UnreadableRow) as fault:
            log.info("observation.dropped", env=seen.name, reason=fault.message)
            return None
        if before is None:
            return None
        write = observation_write(before, seen, stamp, self.repair_ms, self.repair_max_ms)
        if write is None:
            return None
        outcome = self.ledger.write(seen.name, write, "observed")
        if not isinstance(outcome, WriteAccepted):
            return None
        after = parse_environment(outcome.row)
        _log(before, after, stamp)
        return after


def _log(before: Environment, after: Environment, stamp: ChangeContext) -> None:
    if after.phase(stamp.now_ms) is Phase.DEGRADED and before.degraded is None and after.degraded:
        log.warning(
            "environment.degraded",
            env=after.name,
            reason=after.degraded.reason,
            repair_s=round((after.due_ms - stamp.now_ms) / 1000) if after.work else None,
        )
