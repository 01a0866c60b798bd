"""The audit: lines of serve's log that say who changed what, and who was refused."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

EVENTS = ("environment.changed", "request.refused", "loglevel.changed")
"""Events of serve that are part of the audit."""
WHO = ("by", "person", "requester", "run", "serial")
"""Fields that name who sent a request."""
_PEOPLE = ("operator:", "developer:", "viewer:", "gateway:", "no role:")
"""Beginnings of the actors that are people and builds; all others are workers."""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """A choice of entries."""

    since_ms: int
    until_ms: int | None = None
    environment: str | None = None
    by: str | None = None
    """A part of the name, token, job or serial of who did it."""
    has_workers: bool = False
    """Also what workers did."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A line of the audit."""

    at_ms: int
    fields: Mapping[str, Any]

    @property
    def environment(self) -> str | None:
        """Environment that the entry is about, also if the request was refused."""
        named = self.fields.get("env")
        return str(named) if named else environment_in_path(str(self.fields.get("path", "")))


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries in the order in which they were written."""

    entries: tuple[AuditEntry, ...]
    next: str | None = None
    """Cursor of the next page; None after the last one."""


def environment_in_path(path: str) -> str | None:
    """Return the environment that a path of serve names; None if it names none."""
    parts = path.split("?", maxsplit=1)[0].strip("/").split("/")
    match parts:
        case ["env", name, *_] | ["v1", "environments" | "claims", name, *_]:
            return name
        case _:
            return None


def chosen_entries(entries: Iterable[AuditEntry], query: AuditQuery) -> tuple[AuditEntry, ...]:
    """Return the entries that a query chooses."""
    return tuple(entry for entry in entries if _is_chosen(entry, query))


def _is_chosen(entry: AuditEntry, query: AuditQuery) -> bool:
    fields = entry.fields
    return (
        fields.get("event") in EVENTS
        and query.since_ms <= entry.at_ms
        and (query.until_ms is None or entry.at_ms < query.until_ms)
        and query.environment in {None, entry.environment}
        and (query.by is None or _names(fields, query.by))
        and (query.has_workers or str(fields.get("by")).startswith(_PEOPLE))
    )


def _names(fields: Mapping[str, Any], wanted: str) -> bool:
    return any(wanted in str(fields[field]) for field in WHO if fields.get(field))
