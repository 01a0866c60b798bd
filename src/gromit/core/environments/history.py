"""The history of an environment: who changed it and when, and how many events a row keeps."""

from dataclasses import dataclass
from typing import Any

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import HistoryEvent
from gromit.core.environments.rows import AnyOf, Equals, NotExists, Row, RowWrite, ShorterThan

HISTORY_MAX = 60
"""Events a row may hold before it is cut back; mostly of some 150 bytes, they stay below 40 KB of an item's 400."""
HISTORY_KEPT = 30
EVENT_TEXT_MAX = 400
"""Characters of an event's text; what went wrong last is also kept whole, once."""
TOMBSTONE_MS = 30 * 86_400_000
"""A tombstone stays for 30 days, so that a late report of an old build cannot bring an environment back."""


ROOM = AnyOf((NotExists(Attribute.EVENTS), ShorterThan(Attribute.EVENTS, HISTORY_MAX)))
"""Condition that the row has room for one more event."""


@dataclass(frozen=True, slots=True)
class ChangeContext:
    """Who asked for a change, and when."""

    actor: str
    now_ms: int

    def event(self, kind: str, text: str) -> dict[str, Any]:
        """An event of this change, as it lies in the row."""
        return HistoryEvent(self.now_ms, self.actor, kind, text[:EVENT_TEXT_MAX]).to_row()


def truncate_history(before: Row) -> RowWrite:
    """Keep only the newest events, in a write of its own, so that every other write can just append."""
    return RowWrite(
        conditions=(Equals(Attribute.REVISION, before[Attribute.REVISION]),),
        sets={Attribute.EVENTS: list(before[Attribute.EVENTS])[-HISTORY_KEPT:]},
        increments={Attribute.REVISION: 1},
    )
