"""All writing to the table goes through here: histories stay bounded, every accepted write is announced, and logged.

The log is the full audit; the history in a row keeps the newest events alone.
"""

from dataclasses import dataclass
from typing import Any

import structlog

from gromit.core.environments import history
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.rows import Row, RowWrite, WriteAccepted, WriteRefused, WriteResult
from gromit.errors import Temporary
from gromit.ports import Announcer, EnvironmentStore

log = structlog.get_logger(__name__)

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

    def write(self, name: str, write: RowWrite, kind: str) -> WriteResult:
        """Carry out a write; `kind` names the change to those who watch. Raises `Temporary` after too many collisions."""
        for _ in range(ATTEMPTS):
            outcome = self.store.write(name, write)
            match outcome:
                case WriteAccepted(row):
                    self.announcer.announce(name, kind)
                    _log_change(name, kind, write, row)
                    return outcome
                case WriteRefused(row) if (
                    row is not None
                    and write.appends
                    and len(row.get(Attribute.EVENTS, ())) >= history.HISTORY_MAX
                ):
                    self.store.write(name, history.truncate_history(row))
                case WriteRefused():
                    return outcome
        raise contention_error(name)


def _log_change(name: str, kind: str, write: RowWrite, row: Row) -> None:
    events: list[dict[str, Any]] = [
        *write.appends.get(Attribute.EVENTS, ()),
        *write.sets.get(Attribute.EVENTS, ()),
    ]
    by = events[-1]["actor"] if events else write.sets.get(Attribute.HOLDER)
    why = events[-1]["text"] if events else None
    log.info(
        "environment.changed",
        env=name,
        kind=kind,
        by=by,
        why=why,
        generation=row.get(Attribute.GENERATION),
        epoch=row.get(Attribute.EPOCH),
    )


def contention_error(name: str) -> Temporary:
    """The error for a row that changed under every attempt."""
    return Temporary(f"{name} is being changed by too many at once", hint="send the request again")
