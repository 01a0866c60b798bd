"""The single path of writes to the table: it bounds histories, announces changes and logs them.

The audit in the log is complete; the history in a row keeps only the newest events.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from gromit.core.environments import history
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment, parse_environment
from gromit.core.environments.expiry import EXPIRING, is_touched, touch
from gromit.core.environments.row_writes import (
    Equals,
    Row,
    RowWrite,
    WriteAccepted,
    WriteResult,
    undo_write,
)
from gromit.core.environments.suspensions import (
    SUSPENSION_ROW,
    ActiveSuspensions,
    parse_suspensions,
)
from gromit.core.environments.v1_rows import is_v1_row, v1_names, v1_refusal
from gromit.core.environments.wakes import concerned_watchers
from gromit.core.names import EnvironmentName, Ref, parse_ref
from gromit.errors import BackendError, Conflict, Denied, Temporary, UnreadableRow
from gromit.log import AUDIT
from gromit.ports import Announcer, EnvironmentStore
from gromit.services.kept_order import WorkCount
from gromit.services.known_rows import KnownRows

audit = structlog.get_logger(AUDIT)

ATTEMPTS = 8
"""Attempts for a change that has to read first. Each loss means that another change succeeded."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The store of environments, with announcements, a log and bounded histories."""

    store: EnvironmentStore
    announcer: Announcer
    known: KnownRows = field(default_factory=KnownRows)
    made: WorkCount = field(default_factory=WorkCount)

    def read(self, name: str) -> Row | None:
        """Return the row of an environment; None if there is none."""
        row = self.store.read(name)
        self.known.keep(name, row)
        return row

    def resolve(self, name_or_ref: str) -> EnvironmentName:
        """Return `name_or_ref` unchanged if such a row exists, else the name it maps to as a ref.

        The two differ only for names that end in a hash, and for those that no environment can
        have: such a row is one of gromit v1.
        """
        mapped = parse_ref(name_or_ref).environment
        could_be_name = mapped != name_or_ref and "/" not in name_or_ref
        if could_be_name and self.read(name_or_ref) is not None:
            return EnvironmentName(name_or_ref)
        return mapped

    def require_migrated(self, ref: Ref) -> None:
        """Raise `Conflict` if a row of gromit v1 has another name of this branch.

        Its environment may run, and must not be created a second time.
        """
        for name in v1_names(ref):
            row = self.read(name)
            if row is not None and is_v1_row(row):
                raise v1_refusal(row)

    def suspensions(self, now_ms: int) -> ActiveSuspensions:
        """Return the suspensions that are in force. One read of the reserved row."""
        return parse_suspensions(self.store.read(SUSPENSION_ROW), now_ms)

    def find(self, name: str) -> Environment | None:
        """Return an environment, or the tombstone of one; None if there is no row.

        Raises `Conflict` for a row of gromit v1, and `UnreadableRow` for a damaged one.
        """
        row = self.read(name)
        return parse_environment(row) if row is not None else None

    def write(
        self, name: str, write: RowWrite, kind: str, *, wakes_all: bool = False
    ) -> WriteResult:
        """Apply a write; `kind` names the change in announcements and in the log.

        Only watchers that it makes work for are woken; with `wakes_all` every one, because the
        work was changed before.

        Raises `Temporary` if the history is full again after each attempt to truncate it.
        """
        for _ in range(ATTEMPTS):
            outcome = self.store.write(name, write)
            self.known.keep(name, outcome.row)
            if isinstance(outcome, WriteAccepted):
                self._record(name, write, kind, outcome, wakes_all=wakes_all)
                return outcome
            if outcome.row is None or not _lacks_room(write, outcome.row):
                return outcome
            # The history may be why the row refused: truncate it, and try again. If another
            # request truncates it at the same time, one of the two writes is refused, harmlessly.
            self.store.write(name, history.truncate_history(outcome.row))
        raise contention_error(name)

    def write_unread(self, name: str, write: RowWrite, kind: str) -> WriteResult:
        """Apply a write to a row that was not read before.

        Raises `UnreadableRow` if the row is damaged; the write is undone then.
        """
        outcome = self.store.write(name, write)
        self.known.keep(name, outcome.row)
        if isinstance(outcome, WriteAccepted):
            try:
                _check_row(outcome.before)
            except UnreadableRow:
                self.store.write(name, undo_write(outcome, Attribute.REVISION))
                raise
            self._record(name, write, kind, outcome)
        return outcome

    def known_environment(self, name: str) -> Environment | None:
        """Return an environment as this process knows it, without its history; None if it does not.

        It may have changed since.
        """
        row = self.known.guess(name)
        if row is None:
            return None
        try:
            return parse_environment(row)
        except (UnreadableRow, Conflict):
            return None  # it may have been corrected since

    def write_known(self, known: Environment, write: RowWrite, kind: str) -> WriteResult | None:
        """Apply a write to an environment that `known_environment` returned; refused if it changed.

        None if the write is impossible, because an operator has edited the row. Raises
        `UnreadableRow` if that has damaged the row; the write is undone then.
        """
        unchanged = (
            Equals(Attribute.REVISION, known.revision),
            Equals(Attribute.GENERATION, known.generation),
        )
        write = replace(write, conditions=tuple(dict.fromkeys((*write.conditions, *unchanged))))
        # An operator may have edited the row, which its revision does not show.
        try:
            return self.write_unread(known.name, write, kind)
        except (Temporary, Denied):
            raise
        except BackendError:
            return None  # such an edit can make the write impossible, so the row is read

    def _record(
        self,
        name: str,
        write: RowWrite,
        kind: str,
        accepted: WriteAccepted,
        *,
        wakes_all: bool = False,
    ) -> None:
        """Announce a change, and log it."""
        event = _last_event(write)
        text = event["text"] if event and kind == EXPIRING else None
        wakes = None if wakes_all else concerned_watchers(accepted.before, accepted.row)
        self.made.add(wakes)
        self.announcer.announce(name, kind, text, wakes)
        _log_change(name, kind, write, accepted.row)

    def touch(self, environment: Environment, stamp: history.ChangeContext) -> Environment:
        """Record an activity that changes nothing else; return the environment afterwards."""
        if not stamp.is_activity or is_touched(environment, stamp.now_ms):
            return environment
        # Nothing that watchers or the log need: as for a renewed lease.
        outcome = self.store.write(environment.name, touch(environment, stamp.now_ms))
        if isinstance(outcome, WriteAccepted):
            return parse_environment(outcome.row)
        return environment


def _check_row(row: Row | None) -> None:
    """Raise `UnreadableRow` if there is a row and it is damaged."""
    if row is not None:
        parse_environment(row)


def _lacks_room(write: RowWrite, row: Row) -> bool:
    """Whether a write adds an event to a history that is full."""
    return bool(write.appends) and len(row.get(Attribute.EVENTS, ())) >= history.HISTORY_MAX


def _last_event(write: RowWrite) -> dict[str, Any] | None:
    appended = write.appends.get(Attribute.EVENTS, ())
    events: list[dict[str, Any]] = [*appended, *write.sets.get(Attribute.EVENTS, ())]
    return events[-1] if events else None


def _log_change(name: str, kind: str, write: RowWrite, row: Row) -> None:
    event = _last_event(write)
    # A claim adds no event; its holder is the actor.
    by = event["actor"] if event else write.sets.get(Attribute.HOLDER)
    why = event["text"] if event else None
    audit.info(
        "environment.changed",
        env=name,
        kind=kind,
        by=by,
        why=why,
        generation=row.get(Attribute.GENERATION),
        epoch=row.get(Attribute.EPOCH),
    )


def contention_error(name: str) -> Temporary:
    """Return the error for a row that changed during every attempt."""
    return Temporary(
        f"{name} is being changed by too many requests at once", hint="send the request again"
    )
