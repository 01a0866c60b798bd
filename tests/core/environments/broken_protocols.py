"""Protocols that are broken on purpose: an exploration that finds no fault in them is blind."""

import dataclasses

from gromit.core.environments import work
from gromit.core.environments.claims import Fence
from gromit.core.environments.row_writes import AttributeGreater, AttributesEqual, Equals, RowWrite
from gromit.core.environments.terraform_locks import Lock
from gromit.core.environments.worker_protocol import (
    CheckOwner,
    Execute,
    LostRace,
    OwnerNotProvenDead,
    ProtocolStep,
    ReplaceLock,
    StepResult,
    Verify,
    next_step,
)
from gromit.core.stack.made import MadeStack
from tests.core.environments.protocol_row import STAMP, Writes
from tests.core.environments.protocol_world import Rules


@dataclasses.dataclass(frozen=True, slots=True)
class BrokenVariant:
    """One broken protocol, and what it breaks."""

    case: str
    rules: Rules
    events: int
    fault: str = ""
    """Invariant that it breaks; empty if it leaves work undone, even with one worker."""


def without_verification(step: ProtocolStep, answer: StepResult) -> ProtocolStep:
    following = next_step(step, answer)
    return Execute(following.lock) if isinstance(following, Verify) else following


def breaking_the_locks_of_the_living(step: ProtocolStep, answer: StepResult) -> ProtocolStep:
    match step, answer:
        case CheckOwner(found), OwnerNotProvenDead():
            return ReplaceLock(found)
        case _:
            return next_step(step, answer)


def acting_without_the_lock(step: ProtocolStep, answer: StepResult) -> ProtocolStep:
    match step, answer:
        case ReplaceLock(), LostRace():
            return Verify(Lock(environment="e", id="past", etag="past"))
        case _:
            return next_step(step, answer)


def whatever_is_wanted_by_now(write: RowWrite) -> tuple[RowWrite, ...]:
    """Return a write that is accepted although a newer generation is desired."""
    kept = tuple(
        c
        for c in write.conditions
        if not isinstance(c, AttributesEqual | AttributeGreater)
        and not (isinstance(c, Equals) and c.attribute == "want")
    )
    return (dataclasses.replace(write, conditions=kept),)


def sown_too_generously(fence: Fence) -> tuple[RowWrite, ...]:
    return whatever_is_wanted_by_now(work.sown(fence, "nonce", MadeStack("?"), STAMP))


def reaped_too_generously(fence: Fence) -> tuple[RowWrite, ...]:
    return whatever_is_wanted_by_now(work.reaped(fence, "nonce", STAMP))


BROKEN = (
    BrokenVariant(
        "without verification old builds are deployed", Rules(table=without_verification), 3, "I2"
    ),
    BrokenVariant(
        "without verification something is left behind", Rules(table=without_verification), 2, "I5"
    ),
    BrokenVariant(
        "broken locks let two act at once",
        Rules(table=breaking_the_locks_of_the_living),
        1,
        "I1",
    ),
    BrokenVariant(
        "a lost race for the lock lets two act at once",
        Rules(table=acting_without_the_lock),
        1,
        "I1",
    ),
    BrokenVariant(
        "an old hash hides a half-made change",
        Rules(trusted=lambda environment: environment.spec_hash),
        3,
        "I2",
    ),
    BrokenVariant("what no state contains outlives its environment", Rules(clears=False), 2, "I5"),
    BrokenVariant(
        "a build while reaping is lost", Rules(writes=Writes(reaped=reaped_too_generously)), 3, "I2"
    ),
    BrokenVariant(
        "a build while sowing is lost", Rules(writes=Writes(sown=sown_too_generously)), 2
    ),
    BrokenVariant("a lock that a living worker left stays", Rules(releases_left_locks=False), 1),
    BrokenVariant(
        "a lock that a living worker put unheard stays", Rules(knows_its_unheard_locks=False), 1
    ),
    BrokenVariant(
        "without adoption no apply succeeds after a killed one",
        Rules(adopts=lambda _hash, _head: False),
        1,
    ),
    BrokenVariant(
        "with adoption only where no state exists no apply succeeds after a killed change",
        Rules(adopts=lambda _hash, head: head is None),
        1,
    ),
)
