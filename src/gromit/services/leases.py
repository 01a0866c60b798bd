"""Claims, renewals and outcomes: serve's side of the protocol. Used only by the API."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import structlog

from gromit.core.environments import work
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.claims import Claimant, Fence, backoff_ms, put_off_ms
from gromit.core.environments.environment import Environment, parse_environment, unreadable_row
from gromit.core.environments.failures import Failure, first_pause_ms
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Work
from gromit.core.environments.row_writes import (
    Condition,
    Equals,
    Row,
    RowWrite,
    WriteAccepted,
    WriteRefused,
    WriteResult,
    evaluate,
)
from gromit.core.environments.run_progress import RunProgress
from gromit.core.environments.suspensions import (
    PUT_OFF_MS,
    SUSPENSION_ROW,
    ActiveSuspensions,
    forget_file,
)
from gromit.core.stack.contract import StateMark
from gromit.core.stack.made import MadeStack
from gromit.core.text import plain_line
from gromit.errors import Conflict, GromitError, Suspended, UnreadableRow
from gromit.services.ledger import Ledger
from gromit.services.turns import Turns

log = structlog.get_logger(__name__)

CANDIDATES = 16
"""Due rows that one request tries to claim. If other workers take all of them, no worker idles."""


@dataclass(frozen=True, slots=True)
class LeasePolicy:
    """Settings of this service, in milliseconds."""

    ttl_ms: int
    retry_ms: int
    retry_max_ms: int


@dataclass(frozen=True, slots=True)
class NoWorkAvailable:
    """There is no work now."""

    next_ms: int | None
    """When the next work is due; None if none is scheduled."""


@dataclass(frozen=True, slots=True)
class Leases:
    """Hands out work and records its outcomes."""

    ledger: Ledger
    policy: LeasePolicy
    jitter: Callable[[], float]
    """Random numbers from 0 to 1."""
    turns: Turns = field(default_factory=Turns)

    def claim(self, kind: Work, claimant: Claimant, now_ms: int) -> Environment | NoWorkAvailable:
        """Claim due work of a kind for a worker: the oldest of the repository whose turn it is.

        A row that cannot be read is put off and reported, so that it does not block other rows.
        That of a suspended environment is put off, too. Raises `Suspended` if everything is.
        """
        request = _Request(kind, claimant, now_ms, self._check_suspension(now_ms))
        if kept := self._claim_kept(request):
            return kept
        seen: set[str] = set()
        while True:
            limit = CANDIDATES + len(seen)
            due = self.turns.due(self.ledger, kind, now_ms, limit, claimant.nonce)
            is_any_put_off = False
            for name in self._untaken_first([n for n in due.names if n not in seen], request):
                seen.add(name)
                with self.turns.trying(name):
                    found = self._claim_or_put_off(name, request)
                    if isinstance(found, Environment):
                        self.turns.take(kind, found)
                        return found
                is_any_put_off = is_any_put_off or found is _PUT_OFF
            if not is_any_put_off:
                return NoWorkAvailable(due.next_ms)
            # Rows that were put off took places of this look: others may be due behind them.

    def _claim_kept(self, request: "_Request") -> Environment | None:
        """Claim what the last look found; None if a look is needed."""
        kind = request.kind
        names = self.turns.kept(self.ledger, kind, request.now_ms, request.claimant.nonce)
        for name in islice(names, CANDIDATES):
            with self.turns.trying(name):
                found = self._claim_or_put_off(name, request)
                if isinstance(found, Environment):
                    self.turns.take(kind, found)
                    return found
            if found is None:  # another process has claimed it
                break
        self.turns.forget(kind)
        return None

    def _untaken_first(self, names: Sequence[str], request: "_Request") -> Iterator[str]:
        """Yield names, last those that another request of this process takes or has just taken.

        A write that is refused costs as much as one that is not.
        """
        taken: list[str] = []
        for name in names:
            row = self.ledger.known.guess(name) or {}
            if self.turns.is_tried(name) or _is_held_by_another(row, request):
                taken.append(name)
            else:
                yield name
        yield from taken

    def _check_suspension(self, now_ms: int) -> ActiveSuspensions:
        """Return the suspensions of a part of the work. Raises `Suspended` if all is suspended."""
        suspensions = self.ledger.suspensions(now_ms)
        if suspensions.of_everything:
            raise suspensions.of_everything.error()
        if suspensions.file:
            # A worker that sees the file `noprocess` asks for no work.
            self.ledger.store.write(SUSPENSION_ROW, forget_file())
        return suspensions

    def _claim_or_put_off(self, name: str, request: "_Request") -> "Environment | _PutOff | None":
        """Claim the work of one row. If no worker can have it, put it off."""
        try:
            return self._claim_row(name, request)
        except (UnreadableRow, Conflict) as fault:
            self._set_aside(name, request.kind, fault, request.now_ms)
        except Suspended:
            self._put_off(name, request.kind, request.now_ms + PUT_OFF_MS)
        self.turns.drop(name)
        return _PUT_OFF

    def _claim_row(self, name: str, request: "_Request") -> Environment | None:
        """Claim the work of one row; None if another worker was faster.

        Raises `UnreadableRow`, `Conflict` for a row of gromit v1, and `Suspended`.
        """
        row = self.ledger.read(name)
        if row is None:
            return None
        # Before the claim is written: no worker could use it, or give it back.
        environment = parse_environment(row)
        halt = request.suspensions.that_stops(name, environment.reported)
        if halt and row.get(Attribute.CLAIM_ID) != request.claimant.nonce:
            raise halt.error()
        kind, claimant, now_ms = request.kind, request.claimant, request.now_ms
        write = work.claim(kind, claimant, now_ms, self.policy.ttl_ms)
        match self.ledger.write(name, write, "claimed"):
            case WriteAccepted(row):
                return parse_environment(row)
            # The same request again, because its answer was lost: the row has its nonce already.
            case WriteRefused(row) if row and row.get(Attribute.CLAIM_ID) == claimant.nonce:
                return parse_environment(row)
            case WriteRefused(row) if row and (why := work.contradiction(kind, row, now_ms)):
                raise unreadable_row(name, why)
            case _:
                # Another worker was faster, or the row has changed since the query.
                return None

    def _put_off(self, name: str, kind: Work, until_ms: int) -> None:
        """Postpone the work of a suspended environment, so that it takes no place of others."""
        due_ms = (self.ledger.read(name) or {}).get(Attribute.DUE)
        if type(due_ms) is int:
            self.ledger.store.write(name, work.put_off(kind, due_ms, until_ms))

    def _set_aside(self, name: str, kind: Work, fault: GromitError, now_ms: int) -> None:
        row = self.ledger.read(name) or {}
        due_ms, since_ms = row.get(Attribute.DUE), row.get(Attribute.SINCE)
        if type(due_ms) is not int:
            return  # it is not in the index of work, so no claim finds it again
        waited_ms = now_ms - since_ms if type(since_ms) is int else 0
        pause_ms = put_off_ms(waited_ms, self.policy.retry_ms, self.policy.retry_max_ms)
        # Past the ledger: a postponement is no change of the environment, and needs no history.
        self.ledger.store.write(name, work.put_off(kind, due_ms, now_ms + pause_ms))
        self.ledger.announcer.announce(name, "set_aside", wakes=())
        log.error(
            "row.set_aside",
            env=name,
            reason=fault.message,
            hint=fault.hint,
            retry_s=round(pause_ms / 1000),
        )

    def renew(
        self, name: str, fence: Fence, now_ms: int, progress: RunProgress | None = None
    ) -> Environment:
        """Extend the lease of a claim. Raises `Conflict` if the claim is no longer valid.

        The ledger is passed over: a renewal changes nothing that the log needs. Its progress is
        announced to those who follow it.
        """
        # An expired lease may be renewed too: only another claim, which changes the epoch, ends it.
        write = work.renew(fence, now_ms, self.policy.ttl_ms, progress)
        environment = self._require_held(name, self.ledger.store.write(name, write))
        if progress is not None:
            self.ledger.announcer.announce(name, "progress", str(progress), ())
        return environment

    def forget_state(self, name: str, fence: Fence, now_ms: int) -> Environment:
        """Extend the lease of a claim, and forget its lost state.

        Raises `Conflict` if the claim is no longer valid.
        """
        write = work.forget_state(fence, now_ms, self.policy.ttl_ms)
        return self._require_held(name, self.ledger.store.write(name, write))

    def record_hooks(
        self, name: str, fence: Fence, components: Sequence[str], now_ms: int
    ) -> Environment:
        """Extend the lease, and record the components whose hook `on_create` has succeeded.

        Raises `Conflict` if the claim is no longer valid.
        """
        write = work.record_hooks(fence, components, now_ms, self.policy.ttl_ms)
        return self._require_held(name, self.ledger.store.write(name, write))

    def release(self, name: str, fence: Fence) -> Environment:
        """Release a claim without an outcome. Raises `Conflict` if it is no longer valid."""
        outcome = self.ledger.write(name, work.release(fence), "released")
        return self._require_held(name, outcome)

    def sown(
        self, name: str, fence: Fence, claim_id: str, made: MadeStack, stamp: ChangeContext
    ) -> Environment:
        """Record what the claimed generation made."""
        stamp = replace(stamp, run=fence.epoch)
        took_s = self._seconds_since_claim(name, fence, stamp.now_ms)
        writes = (
            work.sown(fence, claim_id, made, stamp, took_s),
            work.sown_superseded(fence, claim_id, made, stamp, took_s),
        )
        return self._record(name, writes, "sown", Equals(Attribute.LAST_DONE, claim_id))

    def reaped(self, name: str, fence: Fence, claim_id: str, stamp: ChangeContext) -> Environment:
        """Record that nothing of the environment is left."""
        stamp = replace(stamp, run=fence.epoch)
        writes = (
            work.reaped(fence, claim_id, stamp),
            work.reaped_revived(fence, claim_id, stamp),
        )
        return self._record(name, writes, "reaped", Equals(Attribute.LAST_DONE, claim_id))

    def failed(
        self, name: str, fence: Fence, failure: Failure, state: StateMark | None = None
    ) -> Environment:
        """Record a failure. The next attempt is due after a backoff that doubles with each one.

        The class of the failure decides how long the first one is.

        `state` is the one that the run left; None keeps what is recorded.
        """
        environment = self.ledger.find(name)
        attempts = environment.attempts if environment else 0
        policy, found = self.policy, failure.failure_class
        first = first_pause_ms(found, policy.retry_ms, policy.retry_max_ms)
        pause = backoff_ms(attempts, first, policy.retry_max_ms, self.jitter())
        took_s = _seconds_of_claim(environment, fence, failure.at_ms)
        stamp = ChangeContext(fence.holder, failure.at_ms, state, run=fence.epoch, took_s=took_s)
        # Words of terraform, AWS or a lock. All that is recorded of a failure goes through here.
        what: dict[str, Any] = {
            "kind": plain_line(failure.kind),
            "message": plain_line(failure.message),
        }
        if failure.output:
            what["output"] = [last.to_row() for last in failure.output]
        writes = (
            work.failed(fence, what, pause, stamp),
            work.failed_superseded(fence, what, stamp),
        )
        is_recorded = Equals(Attribute.FAILED_EPOCH, fence.epoch)
        recorded = self._record(name, writes, "failed", is_recorded)
        log.warning(
            "failure.recorded",
            env=name,
            failure_class=str(found),
            kind=what["kind"],
            reason=what["message"],
            attempts=recorded.attempts,
            retry_s=round(pause / 1000),
        )
        return recorded

    def _record(
        self, name: str, writes: tuple[RowWrite, RowWrite], kind: str, recorded: Condition
    ) -> Environment:
        """Record an outcome with the first write that the row accepts.

        The first write requires that the claimed generation is still the newest, the second one
        that it is not. `recorded` holds for a row that has this outcome already, because the
        answer to the same report was lost. Raises `Conflict` if the claim is no longer valid.
        """
        outcome: WriteResult = WriteRefused(None)
        for write in writes:
            outcome = self.ledger.write(name, write, kind)
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        if outcome.row is not None and evaluate(recorded, outcome.row):
            return parse_environment(outcome.row)
        raise _claim_lost(name, outcome.row)

    def _seconds_since_claim(self, name: str, fence: Fence, now_ms: int) -> int | None:
        row = self.ledger.read(name) or {}
        since_ms: int | None = row.get(Attribute.CLAIMED_AT)
        # A claim that an older serve gave out has no time.
        if since_ms is None or row.get(Attribute.EPOCH) != fence.epoch:
            return None
        return max(0, round((now_ms - since_ms) / 1000))

    def _require_held(self, name: str, outcome: WriteResult) -> Environment:
        if isinstance(outcome, WriteAccepted):
            return parse_environment(outcome.row)
        raise _claim_lost(name, outcome.row)


@dataclass(frozen=True, slots=True)
class _Request:
    """A worker's request, and what is suspended meanwhile."""

    kind: Work
    claimant: Claimant
    now_ms: int
    suspensions: ActiveSuspensions


def _is_held_by_another(row: Row, request: _Request) -> bool:
    until_ms = row.get(Attribute.LEASE_UNTIL)
    is_held = isinstance(until_ms, int) and until_ms >= request.now_ms
    return is_held and row.get(Attribute.CLAIM_ID) != request.claimant.nonce


@dataclass(frozen=True, slots=True)
class _PutOff:
    """A row was due, but no worker can have it now."""


_PUT_OFF = _PutOff()


def _seconds_of_claim(environment: Environment | None, fence: Fence, now_ms: int) -> int | None:
    lease = environment.lease if environment else None
    if lease is None or lease.epoch != fence.epoch or lease.since_ms is None:
        return None
    return max(0, round((now_ms - lease.since_ms) / 1000))


def _claim_lost(name: str, row: Row | None) -> Conflict:
    holder = row.get(Attribute.HOLDER) if row else None
    now = f"{holder} holds it now" if holder else "no worker holds it now"
    return Conflict(f"the claim on {name} is no longer valid; {now}", hint="stop, and claim again")
