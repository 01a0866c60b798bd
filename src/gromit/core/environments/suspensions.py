"""Suspensions: what operators have stopped, until when and why.

serve keeps them in one reserved row of the table, which is no environment. The row has one map for
each scope: `all`, `environment:NAME` and `repository:NAME`. A fourth, `file`, is the last report of
a worker that has seen the file `noprocess` in its config root.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gromit.core.environments.attributes import RESERVED, Attribute
from gromit.core.environments.row_writes import Condition, Equals, Exists, NotExists, Row, RowWrite
from gromit.core.text import plain_line
from gromit.core.time import iso
from gromit.errors import Suspended

SUSPENSION_ROW = f"{RESERVED}suspensions"
"""Name of the reserved row."""
REASON_MAX = 500
SUSPENSIONS_MAX = 100
"""Suspensions at once, so that the row stays small."""
FILE_REPORT_MS = 30 * 60_000
"""Time for which a report of the file counts, if no worker says that the file is gone."""
FILE_REPORT_AGAIN_MS = 30_000
"""Age of a report that a new one of the same file renews."""
PUT_OFF_MS = 60_000
"""Longest time for which serve puts off the work of a suspended environment."""

_FILE = "file"
_BEGUN = "begun"
_TEXTS = ("reason", "by", _BEGUN)


class ScopeKind(StrEnum):
    """Kind of what is suspended."""

    ALL = "all"
    ENVIRONMENT = "environment"
    REPOSITORY = "repository"


@dataclass(frozen=True, slots=True)
class SuspensionScope:
    """Scope of a suspension."""

    kind: ScopeKind
    target: str = ""
    """Name of the environment or repository; empty for everything."""

    @property
    def attribute(self) -> str:
        """Attribute of the reserved row."""
        return f"{self.kind}:{self.target}" if self.target else str(self.kind)

    def __str__(self) -> str:
        return f"{self.kind} {self.target}" if self.target else "processing"


EVERYTHING = SuspensionScope(ScopeKind.ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveSuspension:
    """A suspension that is in force."""

    scope: SuspensionScope
    reason: str
    by: str
    since: str
    """Time, in ISO 8601."""
    until_ms: int | None = None
    """End; None if a person has to end it. A report of the file counts until then."""
    is_file: bool = False
    """Whether it is the file in the config root, as a worker reported it."""

    def __str__(self) -> str:
        who = f" by {self.by}" if self.by else ""
        when = f" since {self.since}" if self.since else ""
        has_end = self.until_ms is not None and not self.is_file
        until = f" until {iso(self.until_ms or 0)}" if has_end else ""
        return f"suspended{who}{when}{until}: {self.reason or 'no reason given'}"

    @property
    def remedy(self) -> str:
        """Command that ends it."""
        if self.is_file:
            return "where the config volume is mounted, run `gromit resume` with its folder"
        option = f" --{_OPTIONS[self.scope.kind]} {self.scope.target}" if self.scope.target else ""
        return f"run `gromit resume{option}` to continue"

    def error(self) -> Suspended:
        """Return it as the refusal of work."""
        return Suspended(f"{self.scope} is {self}", hint=self.remedy)


_OPTIONS: Mapping[ScopeKind, str] = {
    ScopeKind.ENVIRONMENT: "env",
    ScopeKind.REPOSITORY: "repository",
}


@dataclass(frozen=True, slots=True)
class FileReport:
    """Content of the file `noprocess`, as a worker read it."""

    reason: str
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class ActiveSuspensions:
    """All suspensions that are in force at an instant."""

    found: tuple[ActiveSuspension, ...] = ()

    def at(self, scope: SuspensionScope) -> ActiveSuspension | None:
        """Return the suspension of exactly this scope that serve keeps."""
        return next((s for s in self.found if s.scope == scope and not s.is_file), None)

    @property
    def of_everything(self) -> ActiveSuspension | None:
        """Return the one that stops all work, without reports of the file: those end elsewhere."""
        return self.at(EVERYTHING)

    @property
    def file(self) -> ActiveSuspension | None:
        """Return the last report of the file."""
        return next((s for s in self.found if s.is_file), None)

    def that_stops(self, name: str, repositories: Collection[str]) -> ActiveSuspension | None:
        """Return what keeps serve from handing out the work of an environment.

        `repositories` are those with a reported version in it.
        """
        if not self.found:
            return None
        scopes = [
            EVERYTHING,
            SuspensionScope(ScopeKind.ENVIRONMENT, name),
            *(SuspensionScope(ScopeKind.REPOSITORY, r) for r in sorted(repositories)),
        ]
        return next((found for scope in scopes if (found := self.at(scope))), None)

    def shown_for(self, name: str, repositories: Collection[str]) -> ActiveSuspension | None:
        """Return what people who wait for an environment should know, also a report of the file."""
        return self.that_stops(name, repositories) or self.file


NOTHING_SUSPENDED = ActiveSuspensions()


def parse_suspensions(row: Row | None, now_ms: int) -> ActiveSuspensions:
    """Return the suspensions in the reserved row that are in force.

    Fails closed: what cannot be read counts as a suspension, and says so.
    """
    if row is None:
        return NOTHING_SUSPENDED
    entries = sorted((a, v) for a, v in row.items() if a not in _OWN)
    found = (_parse(attribute, value) for attribute, value in entries)
    return ActiveSuspensions(tuple(s for s in found if not _is_over(s, now_ms)))


def suspend(before: Row | None, new: ActiveSuspension, now_ms: int) -> RowWrite:
    """Add a suspension, and remove those that are over."""
    return _write(
        before,
        {new.scope.attribute: _entry(new)},
        _ended(before, now_ms) - {new.scope.attribute},
    )


def resume(before: Row, scope: SuspensionScope, now_ms: int) -> RowWrite:
    """Remove a suspension, and those that are over."""
    return _write(before, {}, _ended(before, now_ms) | {scope.attribute})


def report_file(before: Row | None, report: FileReport, now_ms: int) -> RowWrite | None:
    """Record that a worker has seen the file; None if that is known."""
    entry = {
        "reason": _plain(report.reason),
        "by": _plain(report.by),
        _BEGUN: _plain(report.at),
        "until": now_ms + FILE_REPORT_MS,
    }
    known = before.get(_FILE) if before else None
    if isinstance(known, dict) and _is_recent(known, entry):
        return None
    return _write(before, {_FILE: entry}, frozenset())


def forget_file() -> RowWrite:
    """Record that a worker has not seen the file."""
    return RowWrite(
        conditions=(Exists(_FILE),),
        increments={Attribute.REVISION: 1},
        removes=frozenset({_FILE}),
    )


def _is_recent(known: Mapping[str, Any], entry: Mapping[str, Any]) -> bool:
    until = known.get("until")
    is_same = all(known.get(key) == entry[key] for key in _TEXTS)
    return is_same and type(until) is int and until > entry["until"] - FILE_REPORT_AGAIN_MS


_OWN = frozenset({Attribute.NAME, Attribute.REVISION})


def _write(before: Row | None, sets: Mapping[str, Any], removes: frozenset[str]) -> RowWrite:
    revision = before.get(Attribute.REVISION) if before else None
    unchanged: Condition = NotExists(Attribute.REVISION)
    if isinstance(revision, int):
        unchanged = Equals(Attribute.REVISION, revision)
    return RowWrite(
        conditions=(unchanged,),
        sets=sets,
        increments={Attribute.REVISION: 1},
        removes=removes,
    )


def _entry(new: ActiveSuspension) -> dict[str, Any]:
    entry: dict[str, Any] = {"reason": _plain(new.reason), "by": new.by, _BEGUN: new.since}
    return entry if new.until_ms is None else {**entry, "until": new.until_ms}


def _ended(row: Row | None, now_ms: int) -> frozenset[str]:
    entries = row.items() if row else ()
    return frozenset(a for a, v in entries if a not in _OWN and _is_over(_parse(a, v), now_ms))


def _is_over(suspension: ActiveSuspension, now_ms: int) -> bool:
    return suspension.until_ms is not None and suspension.until_ms <= now_ms


def _parse(attribute: str, value: Any) -> ActiveSuspension:
    kind, _, target = attribute.partition(":")
    is_file = attribute == _FILE
    scope = EVERYTHING if is_file or kind not in set(ScopeKind) else _scope(kind, target)
    entry = value if isinstance(value, dict) else {}
    texts = [entry.get(key) for key in _TEXTS]
    until = entry.get("until")
    is_readable = all(isinstance(text, str) for text in texts) and (
        until is None or type(until) is int
    )
    if not is_readable or (scope == EVERYTHING and not is_file and attribute != ScopeKind.ALL):
        reason = f"`{attribute}` of the row {SUSPENSION_ROW} cannot be read: remove it in the table"
        return ActiveSuspension(scope=scope, reason=reason, by="", since="")
    reason, by, since = (str(text) for text in texts)
    return ActiveSuspension(
        scope=scope, reason=reason, by=by, since=since, until_ms=until, is_file=is_file
    )


def _scope(kind: str, target: str) -> SuspensionScope:
    return SuspensionScope(ScopeKind(kind), target)


def _plain(text: str) -> str:
    return plain_line(text)[:REASON_MAX]
