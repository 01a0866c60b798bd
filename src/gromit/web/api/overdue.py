"""Overdue work: environments that wait too long for a worker, each logged once for an alarm."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from gromit.core.environments.phases import Work
from gromit.core.time import Millis

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OverdueWork:
    """Logs each environment when its work becomes overdue, and again after a restart of serve.

    An alarm on the oldest work alone would hide every further environment behind the first one.
    """

    limits_ms: Mapping[Work, int]
    """Longest time that work of a kind may take. A kind without a limit is never overdue."""
    _known: dict[Work, frozenset[str]] = field(default_factory=dict)
    """Environments that are overdue since an earlier call."""

    def update(self, kind: Work, unfinished: Mapping[str, int], now: Millis) -> None:
        """Log the environments that are overdue and were not at the last call for this kind.

        `unfinished` maps environments to the instants of the requests for their work.
        """
        limit_ms = self.limits_ms.get(kind)
        if limit_ms is None:
            return
        overdue = {name: now - since for name, since in unfinished.items()}
        overdue = {name: age_ms for name, age_ms in overdue.items() if age_ms > limit_ms}
        for name in sorted(overdue.keys() - self._known.get(kind, frozenset())):
            log.warning(
                "work.overdue", kind=str(kind), env=name, seconds=round(overdue[name] / 1000)
            )
        self._known[kind] = frozenset(overdue)
