"""Announcements of changes as their readers see them, and the work that a reader waits for."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gromit.core.environments.wakes import Watcher

CLAIMED = "claimed"
"""Kind of the change with which a worker takes announced work."""
EVERYTHING = "*"
"""In place of a name: something may have changed anywhere."""
_OF_EVERYTHING = frozenset({"suspended", "resumed", "missed"})
"""Kinds that may concern any environment, whatever name they have."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One change, as the stream of changes announces it."""

    name: str
    kind: str
    wakes: frozenset[str] | None = None
    """Watchers that it makes work for; None if that is not known, so all of them."""

    def makes_work_for(self, watcher: Watcher) -> bool:
        """Whether a watcher has to look."""
        return self.wakes is None or watcher in self.wakes

    def is_about(self, names: Collection[str]) -> bool:
        """Whether it may change what is shown of an environment that has one of the names."""
        return self.name in names or self.kind in _OF_EVERYTHING


@dataclass(slots=True)
class HeardChanges:
    """Announced work of one watcher, until it is claimed."""

    concerns: Callable[[Announcement], bool]
    """Whether an announcement ends a wait."""
    _new: set[str] = field(default_factory=set)
    """Environments whose announcements have ended no wait yet."""
    _awaited: set[str] = field(default_factory=set)
    """Environments whose announcements have, and which no worker has claimed since."""

    def hear(self, change: Announcement | None) -> bool:
        """Note a change; None may be any. Return whether it ends a wait."""
        if change is None:
            self._new.add(EVERYTHING)
            return True
        if change.kind == CLAIMED:
            self._new.discard(change.name)
            self._awaited.discard(change.name)
        is_concerned = self.concerns(change)
        if is_concerned:
            self._new.add(change.name)
        return is_concerned

    def end_wait(self) -> None:
        """Await the work of all announcements that were heard."""
        self._awaited |= self._new
        self._new.clear()

    def is_awaited(self) -> bool:
        """Whether announced work may still be unclaimed."""
        return bool(self._awaited | self._new)

    def forget(self) -> None:
        """Await the work no more whose announcements ended a wait."""
        self._awaited.clear()


def parse_announcement(text: str) -> Announcement | None:
    """Read one announcement; None if it is none. A serve of an earlier release names no watcher."""
    try:
        found: Mapping[str, Any] = json.loads(text)
        wakes = found.get("wakes")
        known = frozenset(map(str, wakes)) if wakes is not None else None
        return Announcement(str(found["name"]), str(found["kind"]), known)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
