"""Suspensions of all work, of one environment or of one repository. Only the API uses this."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from gromit.core.environments import history, refusals, suspensions, work
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.row_writes import Row, RowWrite, WriteAccepted
from gromit.core.environments.suspensions import (
    EVERYTHING,
    SUSPENSION_ROW,
    SUSPENSIONS_MAX,
    ActiveSuspension,
    ActiveSuspensions,
    FileReport,
    ScopeKind,
    SuspensionScope,
    parse_suspensions,
)
from gromit.core.stack.catalogue import Catalogue
from gromit.core.text import plain_line
from gromit.core.time import iso
from gromit.errors import Conflict, GromitError, InvalidInput
from gromit.log import AUDIT
from gromit.services.ledger import ATTEMPTS, Ledger, contention_error

audit = structlog.get_logger(AUDIT)

PAGE = 500


@dataclass(frozen=True, slots=True)
class SuspensionRegistry:
    """Keeps the suspensions, in a reserved row of the table."""

    ledger: Ledger
    catalogue: Catalogue

    def current(self, now_ms: int) -> ActiveSuspensions:
        """Return the suspensions that are in force."""
        return self.ledger.suspensions(now_ms)

    def scope(self, kind: ScopeKind, target: str | None) -> SuspensionScope:
        """Return a scope whose target exists.

        Raises `InvalidInput` for a missing or needless target and for an unknown repository, and
        `NotFound` for an unknown environment.
        """
        if kind is ScopeKind.ALL or not target:
            if (kind is ScopeKind.ALL) == bool(target):
                raise InvalidInput(
                    "the scope and its target do not fit together",
                    hint="give a target for an environment or a repository, and none for all",
                )
            return EVERYTHING
        if kind is ScopeKind.REPOSITORY:
            self.catalogue.require(target)
            return SuspensionScope(kind, target)
        return SuspensionScope(kind, self.ledger.resolve(target))

    def suspend(
        self, scope: SuspensionScope, reason: str, until_ms: int | None, stamp: ChangeContext
    ) -> ActiveSuspension:
        """Stop work on what the scope names. What has begun is finished.

        The same caller with the same reason moves the end: an answer may have been lost. Raises
        `Conflict` if another has suspended it, `NotFound` for an unknown environment, and
        `InvalidInput` for an end in the past.
        """
        if until_ms is not None and until_ms <= stamp.now_ms:
            raise InvalidInput(
                f"{iso(until_ms)} is in the past: it is {iso(stamp.now_ms)} at serve",
                hint="give a later time, or a duration such as 2h",
            )
        if scope.kind is ScopeKind.ENVIRONMENT:
            self._require_environment(scope.target)
        new = ActiveSuspension(
            scope=scope,
            reason=plain_line(reason),
            by=stamp.actor,
            since=iso(stamp.now_ms),
            until_ms=until_ms,
        )

        def change(row: Row | None) -> RowWrite:
            nonlocal new
            found = parse_suspensions(row, stamp.now_ms)
            known = found.at(scope)
            if known and (known.by, known.reason) != (new.by, new.reason):
                raise Conflict(f"{scope} is already {known}", hint=known.remedy)
            if known:
                new = replace(new, since=known.since)
            elif len(found.found) >= SUSPENSIONS_MAX:
                raise Conflict(
                    f"there are {SUSPENSIONS_MAX} suspensions already",
                    hint="end those that are over: gromit suspend list",
                )
            return suspensions.suspend(row, new, stamp.now_ms)

        self._change(change)
        audit.warning(
            "processing.suspended",
            scope=str(scope.kind),
            target=scope.target,
            reason=new.reason,
            by=stamp.actor,
            until=iso(until_ms) if until_ms is not None else None,
        )
        self._note(scope, stamp, "suspended", str(new))
        return new

    def resume(
        self, scope: SuspensionScope, reason: str, stamp: ChangeContext
    ) -> ActiveSuspension | None:
        """Continue work on what the scope names; return the suspension that ends, if any."""
        ended: list[ActiveSuspension] = []

        def change(row: Row | None) -> RowWrite | None:
            found = parse_suspensions(row, stamp.now_ms).at(scope)
            ended[:] = [found] if found else []
            return suspensions.resume(row, scope, stamp.now_ms) if found and row else None

        self._change(change)
        if not ended:
            return None
        audit.warning(
            "processing.resumed",
            scope=str(scope.kind),
            target=scope.target,
            reason=reason,
            by=stamp.actor,
            was=str(ended[0]),
        )
        self._recall(scope)
        self._note(scope, stamp, "resumed", reason)
        return ended[0]

    def worker_halted(self, report: FileReport, now_ms: int) -> None:
        """Record that a worker has seen the file `noprocess` in its config root."""
        self._change(lambda row: suspensions.report_file(row, report, now_ms))

    def _change(self, change: Callable[[Row | None], RowWrite | None]) -> None:
        """Apply a change of the reserved row that depends on its content; None changes nothing."""
        for _ in range(ATTEMPTS):
            write = change(self.ledger.read(SUSPENSION_ROW))
            # Past the ledger: the row is no environment, and has no history.
            if write is None or isinstance(
                self.ledger.store.write(SUSPENSION_ROW, write), WriteAccepted
            ):
                return
        raise contention_error("the list of suspensions")

    def _require_environment(self, name: str) -> None:
        environment = self.ledger.find(name)
        if environment is None or environment.gone_ms is not None:
            raise refusals.not_found(name)

    def _note(self, scope: SuspensionScope, stamp: ChangeContext, kind: str, text: str) -> None:
        """Add the event to the history of the environment, and wake those who wait."""
        if scope.kind is ScopeKind.ENVIRONMENT:
            event = history.add_event(stamp, kind, text)
            self.ledger.write(scope.target, event, kind, wakes_all=True)
            return
        self.ledger.announcer.announce(scope.target or "*", kind)

    def _recall(self, scope: SuspensionScope) -> None:
        """Make the work due at once that was put off while it was suspended."""
        if scope.kind is ScopeKind.ENVIRONMENT:
            self._recall_row(self.ledger.read(scope.target) or {})
        if scope.kind is not ScopeKind.REPOSITORY:
            return
        after: str | None = None
        while True:
            page = self.ledger.store.page(after, PAGE)
            for row in page.rows:
                if _has_reported(row, scope.target):
                    self._recall_row(row)
            after = page.last
            if after is None:
                return

    def _recall_row(self, row: Row) -> None:
        write = work.recall(row)
        if write is not None:
            self.ledger.store.write(str(row[Attribute.NAME]), write)


def _has_reported(row: Row, repository: str) -> bool:
    try:
        return repository in parse_environment(row).reported
    except GromitError:
        return False  # of gromit v1, or damaged: no worker takes it anyway
