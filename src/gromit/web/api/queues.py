"""Places in the queues of due work, for the environments of one response."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Work
from gromit.core.environments.queue_place import QueuePlace, queue_place, queue_positions
from gromit.core.environments.suspensions import ActiveSuspensions
from gromit.services.ledger import Ledger
from gromit.services.run_times import RunTimes
from gromit.services.turns import Turns

DUE_MAX = 1000
"""Due work of a kind that is counted."""


@dataclass(slots=True)
class Queues:
    """Reads a queue when the first environment of a response waits in it.

    The order is the one in which work is handed out to workers.
    """

    ledger: Ledger
    turns: Turns
    run_times: RunTimes
    now_ms: int
    suspensions: ActiveSuspensions
    _due: dict[Work, Mapping[str, int]] = field(default_factory=dict)
    """Position of each environment whose work is due, by kind."""

    def place(self, environment: Environment) -> QueuePlace | None:
        """Return the place of an environment; None if it waits for something else than a worker."""
        kind = environment.work
        if kind is None or environment.due_ms > self.now_ms or environment.is_held(self.now_ms):
            return None
        if self.suspensions.shown_for(environment.name, environment.reported):
            return None
        if kind not in self._due:
            due = self.turns.due(self.ledger, kind, self.now_ms, DUE_MAX)
            self._due[kind] = queue_positions(due.names)
        return queue_place(environment.name, self._due[kind], self.run_times.sample(kind))
