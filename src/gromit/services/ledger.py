"""All writing to the table goes through here: histories stay bounded and every accepted write is announced."""

from dataclasses import dataclass

from gromit.core import lifecycle
from gromit.core.rows import Accepted, Outcome, Refused, Row, Write
from gromit.errors import Temporary
from gromit.ports import Announcer, EnvironmentStore

ATTEMPTS = 8
"""Tries for a change that has to read first; each loss means that somebody else's change got through."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The store, with histories cut back when they are full."""

    store: EnvironmentStore
    announcer: Announcer

    def read(self, name: str) -> Row | None:
        """The row of an environment."""
        return self.store.read(name)

    def write(self, name: str, write: Write, kind: str) -> Outcome:
        """Carry out a write; `kind` names the change to those who watch. Raises `Temporary` after too many collisions."""
        for _ in range(ATTEMPTS):
            outcome = self.store.write(name, write)
            match outcome:
                case Accepted():
                    self.announcer.announce(name, kind)
                    return outcome
                case Refused(row) if row is not None and write.appends and len(row.get("events", ())) >= lifecycle.HISTORY_MAX:
                    self.store.write(name, lifecycle.cut_history(row))
                case Refused():
                    return outcome
        raise crowded(name)


def crowded(name: str) -> Temporary:
    """The error for a row that changed under every attempt."""
    return Temporary(f"{name} is being changed by too many at once", hint="send the request again")
