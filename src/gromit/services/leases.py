"""Claims, renewals and outcomes of workers: the serve side of the protocol. Used by the API alone."""

from collections.abc import Callable
from dataclasses import dataclass

from gromit.core.environments import work
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.claims import Claimant, Fence, backoff_ms
from gromit.core.environments.environment import Environment, Failure, Work, parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.rows import (
    Condition,
    Equals,
    Row,
    RowWrite,
    WriteAccepted,
    WriteRefused,
    WriteResult,
    evaluate,
)
from gromit.errors import Conflict
from gromit.services.ledger import Ledger

CANDIDATES = 16
"""Due rows looked at for one claim; losing all of them to others means that there is enough for everybody."""


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
    """When the next work is due, if any is known."""


@dataclass(frozen=True, slots=True)
class Leases:
    """Hands out work and takes outcomes."""

    ledger: Ledger
    terms: LeasePolicy
    jitter: Callable[[], float]
    """Random numbers from 0 to 1."""

    def claim(self, kind: Work, claimant: Claimant, now_ms: int) -> Environment | NoWorkAvailable:
        """The oldest due work of a kind, now held by the claimant."""
        due = self.ledger.store.due(kind, now_ms, CANDIDATES, claimant.nonce)
        write = work.claim(kind, claimant, now_ms, self.terms.ttl_ms)
        for name in due.names:
            match self.ledger.write(name, write, "claimed"):
                case WriteAccepted(row):
                    return parse_environment(row)
                case WriteRefused(row) if (
                    row is not None and row.get(Attribute.CLAIM_ID) == claimant.nonce
                ):
                    return parse_environment(row)  # this very request, sent again
                case WriteRefused():
                    continue
        return NoWorkAvailable(due.next_ms)

    def renew(self, name: str, fence: Fence, now_ms: int) -> Environment:
        """Keep a claim. Raises `Conflict` if it is no longer valid."""
        outcome = self.ledger.store.write(name, work.renew(fence, now_ms, self.terms.ttl_ms))
        return self._held(name, outcome)

    def release(self, name: str, fence: Fence) -> Environment:
        """Give a claim back."""
        return self._held(name, self.ledger.write(name, work.release(fence), "released"))

    def sown(
        self, name: str, fence: Fence, claim_id: str, spec_hash: str, stamp: ChangeContext
    ) -> Environment:
        """The claimed generation runs."""
        writes = (
            work.sown(fence, claim_id, spec_hash, stamp),
            work.sown_superseded(fence, claim_id, spec_hash, stamp),
        )
        return self._outcome(name, writes, "sown", Equals(Attribute.LAST_DONE, claim_id))

    def reaped(self, name: str, fence: Fence, claim_id: str, stamp: ChangeContext) -> Environment:
        """Nothing of it is left."""
        writes = (work.reaped(fence, claim_id, stamp), work.reaped_revived(fence, claim_id, stamp))
        return self._outcome(name, writes, "reaped", Equals(Attribute.LAST_DONE, claim_id))

    def failed(self, name: str, fence: Fence, failure: Failure) -> Environment:
        """It did not work; it is due again after a pause that grows with each failure in a row."""
        row = self.ledger.read(name) or {}
        pause = backoff_ms(
            row.get(Attribute.ATTEMPTS, 0),
            self.terms.retry_ms,
            self.terms.retry_max_ms,
            self.jitter(),
        )
        stamp = ChangeContext(fence.holder, failure.at_ms)
        what = {"kind": failure.kind, "message": failure.message}
        writes = (
            work.failed(fence, what, pause, stamp),
            work.failed_superseded(fence, what, stamp),
        )
        return self._outcome(name, writes, "failed", Equals(Attribute.FAILED_EPOCH, fence.epoch))

    def _outcome(
        self, name: str, writes: tuple[RowWrite, RowWrite], kind: str, recorded: Condition
    ) -> Environment:
        """The first write is for a claim that nothing has overtaken, the second for one that something newer has.

        `recorded` holds for a row that has this very outcome already: it was sent again because the answer was lost.
        """
        outcome: WriteResult = WriteRefused(None)
        for write in writes:
            outcome = self.ledger.write(name, write, kind)
            if isinstance(outcome, WriteAccepted):
                return parse_environment(outcome.row)
        if outcome.row is not None and evaluate(recorded, outcome.row):
            return parse_environment(outcome.row)
        raise _fenced(name, outcome.row)

    def _held(self, name: str, outcome: WriteResult) -> Environment:
        if isinstance(outcome, WriteAccepted):
            return parse_environment(outcome.row)
        raise _fenced(name, outcome.row)


def _fenced(name: str, row: Row | None) -> Conflict:
    holder = row.get(Attribute.HOLDER) if row else None
    now = f"{holder} holds it now" if holder else "nobody holds it now"
    return Conflict(f"the claim on {name} is no longer valid; {now}", hint="stop, and claim again")
