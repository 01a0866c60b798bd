"""History of an environment: the actor and time of each change, and the limits of a row."""

from dataclasses import dataclass
from typing import Any

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import HistoryEvent
from gromit.core.environments.row_writes import (
    AnyOf,
    Equals,
    Exists,
    NotExists,
    Row,
    RowWrite,
    ShorterThan,
    evaluate,
)
from gromit.core.stack.contract import StateMark
from gromit.core.time import iso

HISTORY_MAX = 60
"""Events that a row may have before it is truncated.

Most have some 200 bytes, so that they take less than 40 KB of an item's 400.
"""
HISTORY_KEPT = 30
"""Newest events that truncation keeps."""
RAN_KEPT = 5
"""Older events that truncation keeps because they say what ran."""
EVENT_TEXT_MAX = 400
"""Characters of an event's text. The row keeps the last failure in full besides."""
TOMBSTONE_MS = 30 * 86_400_000
"""A tombstone stays for 30 days, so that a late report of an old build revives nothing."""

ROOM = AnyOf((NotExists(Attribute.EVENTS), ShorterThan(Attribute.EVENTS, HISTORY_MAX)))
"""Condition that the history has room for one more event."""


@dataclass(frozen=True, slots=True)
class ChangeContext:
    """Actor and time of a change."""

    actor: str
    now_ms: int
    state: StateMark | None = None
    """Terraform state that a run left; None if it is not known."""
    origin: str | None = None
    """Certificate, token or job that the actor used; None for a worker."""
    requester: str | None = None
    """Token, or job's repository, that asked the gateway; None if the gateway was not asked."""
    run: int | None = None
    """Number of the run that reports: the epoch of its claim; None for other changes."""
    took_s: int | None = None
    """Seconds since that claim; None if they are not known."""
    is_activity: bool = True
    """Whether someone uses the environment, so that its idle time starts again."""

    def event(self, kind: str, text: str, **more: Any) -> dict[str, Any]:
        """Return an event of this change as the row stores it; `more` has facts about a run."""
        text, facts = text[:EVENT_TEXT_MAX], {"run": self.run, "took_s": self.took_s, **more}
        return HistoryEvent(self.now_ms, self.actor, kind, text, self.origin, **facts).to_row()

    def state_attributes(self) -> dict[str, Any]:
        """Return the attributes of the state that a run left; none keeps what is recorded."""
        if self.state is None:
            return {}
        return {
            Attribute.STATE_LINEAGE: self.state.lineage,
            Attribute.STATE_SERIAL: self.state.serial,
        }


def earlier_life(tombstone: Row) -> str:
    """Return the end of the text of a creation: when the name lived before, and where that is.

    Empty for a row that is no whole tombstone: it refuses the creation.
    """
    if not {Attribute.GONE_AT, Attribute.NAME} <= tombstone.keys():
        return ""
    until_ms = int(tombstone[Attribute.GONE_AT])
    since_ms = int(tombstone.get(Attribute.CREATED, until_ms))
    name = tombstone[Attribute.NAME]
    search = f"gromit audit --environment {name} --since {iso(since_ms)} --workers"
    return f"; it lived before, until {iso(until_ms)}: `{search}` has that history"


def may_accept(write: RowWrite, row: Row) -> bool:
    """Whether a row accepts a write, perhaps after its history was truncated."""
    return all(evaluate(c, row) for c in write.conditions if c != ROOM)


def add_event(stamp: ChangeContext, kind: str, text: str) -> RowWrite:
    """Add an event to the history of an environment that is not gone."""
    return RowWrite(
        conditions=(Exists(Attribute.GENERATION), NotExists(Attribute.GONE_AT), ROOM),
        increments={Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event(kind, text),)},
    )


def truncate_history(before: Row) -> RowWrite:
    """Keep only the newest events. As a write of its own it lets every other write just append."""
    return RowWrite(
        conditions=(Equals(Attribute.REVISION, before[Attribute.REVISION]),),
        sets={Attribute.EVENTS: _kept(list(before[Attribute.EVENTS]))},
        increments={Attribute.REVISION: 1},
    )


def _kept(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the newest events, and before them the last ones that say what ran.

    Many failures in a row must not forget what a rollback brings back.
    """
    older, newest = events[:-HISTORY_KEPT], events[-HISTORY_KEPT:]
    ran = [event for event in older if event.get("versions")]
    return [*ran[-RAN_KEPT:], *newest]
