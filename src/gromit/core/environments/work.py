"""The life of an environment as conditional writes: who may change a row, when, and into what.

    (none, gone) ──build──▶ pending ──claim──▶ sowing ──done, generation = claimed──▶ ready
                              ▲  ▲               │ │└──done, generation > claimed──▶ pending or deleting
                 build ───────┘  └─ lease ends ──┘ └──fail──▶ failed ──(due)──▶ pending
    up ──delete──▶ deleting ──claim──▶ reaping ──done, generation = claimed──▶ gone (tombstone)
                                          └──done, generation > claimed──▶ pending, nothing of it observed

Every accepted change of what is wanted adds 1 to `generation`; a worker makes one generation true and says which. A worker whose
lease ran out is known by its epoch and can change nothing. Nothing here reads a clock: instants and lengths are milliseconds.
"""

from collections.abc import Mapping
from typing import Any

from gromit.core.environments.attributes import (
    FAILURE_ATTRIBUTES,
    LEASE_ATTRIBUTES,
    WORK_ATTRIBUTES,
    Attribute,
)
from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.environment import Phase, Want, Work
from gromit.core.environments.history import ROOM, TOMBSTONE_MS, ChangeContext
from gromit.core.environments.rows import (
    AnyOf,
    AtMost,
    AttributeGreater,
    AttributesEqual,
    Condition,
    Equals,
    LessThan,
    NotExists,
    RowWrite,
)


def schedule_work(kind: Work, at_ms: int) -> dict[str, Any]:
    """The attributes of work that is to be done from an instant on; what fails is due later, but asked for `since` then."""
    return {Attribute.WORK: kind, Attribute.DUE: at_ms, Attribute.SINCE: at_ms}


def is_claimable(kind: Work, phase: Phase, *, due: bool, protected: bool) -> bool:
    """Whether a worker that asks for this kind of work now may be given the environment.

    `claim` writes the same rule as conditions on the row; a property test holds the two together.
    """
    if kind is Work.SOW:
        return due and phase in {Phase.PENDING, Phase.FAILED}
    return due and phase is Phase.DELETING and not protected


def claim(kind: Work, claimant: Claimant, now_ms: int, ttl_ms: int) -> RowWrite:
    """Take work that `is_claimable`."""
    free = AnyOf((NotExists(Attribute.HOLDER), LessThan(Attribute.LEASE_UNTIL, now_ms)))
    common = (
        NotExists(Attribute.GONE_AT),
        Equals(Attribute.WORK, kind),
        AtMost(Attribute.DUE, now_ms),
        free,
    )
    wanted: tuple[Condition, ...] = (
        Equals(Attribute.WANT, Want.GONE),
        Equals(Attribute.PROTECTED, value=False),
    )
    if kind is Work.SOW:
        wanted = (
            Equals(Attribute.WANT, Want.UP),
            AttributeGreater(Attribute.GENERATION, Attribute.OBSERVED),
        )
    sets: dict[str, Any] = {
        Attribute.HOLDER: claimant.holder,
        Attribute.CLAIM_ID: claimant.nonce,
        Attribute.LEASE_UNTIL: now_ms + ttl_ms,
    }
    if claimant.task:
        sets[Attribute.TASK] = claimant.task
    if kind is Work.SOW:
        sets[Attribute.INFRA] = True
    return RowWrite(
        conditions=(*common, *wanted),
        sets=sets,
        copies={Attribute.CLAIMED: Attribute.GENERATION},
        increments={Attribute.EPOCH: 1, Attribute.REVISION: 1},
        removes=frozenset() if claimant.task else frozenset({Attribute.TASK}),
    )


def renew(fence: Fence, now_ms: int, ttl_ms: int) -> RowWrite:
    """Keep a claim; also how a worker verifies it while it holds the terraform lock."""
    return RowWrite(conditions=fence.conditions, sets={Attribute.LEASE_UNTIL: now_ms + ttl_ms})


def release(fence: Fence) -> RowWrite:
    """Give a claim back without an outcome; the work stays due."""
    return RowWrite(
        conditions=fence.conditions, increments={Attribute.REVISION: 1}, removes=LEASE_ATTRIBUTES
    )


def sown(fence: Fence, claim_id: str, spec_hash: str, stamp: ChangeContext) -> RowWrite:
    """The claimed generation runs, and nothing newer is wanted."""
    return RowWrite(
        conditions=(
            *fence.conditions,
            ROOM,
            AttributesEqual(Attribute.GENERATION, Attribute.CLAIMED),
            Equals(Attribute.WANT, Want.UP),
        ),
        sets={
            Attribute.SPEC_HASH: spec_hash,
            Attribute.LAST_DONE: claim_id,
            Attribute.CHANGED: stamp.now_ms,
        },
        copies={Attribute.OBSERVED: Attribute.CLAIMED, Attribute.HASH_EPOCH: Attribute.EPOCH},
        increments={Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event("sown", ""),)},
        removes=LEASE_ATTRIBUTES | FAILURE_ATTRIBUTES | WORK_ATTRIBUTES,
    )


def sown_superseded(fence: Fence, claim_id: str, spec_hash: str, stamp: ChangeContext) -> RowWrite:
    """The claimed generation runs, but something newer is wanted: the work stays due."""
    return RowWrite(
        conditions=(
            *fence.conditions,
            ROOM,
            AttributeGreater(Attribute.GENERATION, Attribute.CLAIMED),
        ),
        sets={
            Attribute.SPEC_HASH: spec_hash,
            Attribute.LAST_DONE: claim_id,
            Attribute.CHANGED: stamp.now_ms,
        },
        copies={Attribute.OBSERVED: Attribute.CLAIMED, Attribute.HASH_EPOCH: Attribute.EPOCH},
        increments={Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event("sown", "something newer is wanted already"),)},
        removes=LEASE_ATTRIBUTES | FAILURE_ATTRIBUTES,
    )


def reaped(fence: Fence, claim_id: str, stamp: ChangeContext) -> RowWrite:
    """Nothing of it is left: a tombstone remains, which keeps the build sequences."""
    return RowWrite(
        conditions=(
            *fence.conditions,
            ROOM,
            AttributesEqual(Attribute.GENERATION, Attribute.CLAIMED),
            Equals(Attribute.WANT, Want.GONE),
        ),
        sets={
            Attribute.INFRA: False,
            Attribute.GONE_AT: stamp.now_ms,
            Attribute.EXPIRE_AT: (stamp.now_ms + TOMBSTONE_MS) // 1000,
            Attribute.LAST_DONE: claim_id,
            Attribute.CHANGED: stamp.now_ms,
        },
        copies={Attribute.OBSERVED: Attribute.CLAIMED},
        increments={Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event("reaped", ""),)},
        removes=LEASE_ATTRIBUTES | FAILURE_ATTRIBUTES | WORK_ATTRIBUTES | {Attribute.SPEC_HASH},
    )


def reaped_revived(fence: Fence, claim_id: str, stamp: ChangeContext) -> RowWrite:
    """Everything was destroyed, but it is wanted again: the row stays and nothing counts as observed."""
    return RowWrite(
        conditions=(
            *fence.conditions,
            ROOM,
            AttributeGreater(Attribute.GENERATION, Attribute.CLAIMED),
        ),
        sets={
            Attribute.INFRA: False,
            Attribute.OBSERVED: 0,
            Attribute.LAST_DONE: claim_id,
            Attribute.CHANGED: stamp.now_ms,
        },
        increments={Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event("reaped", "and wanted again"),)},
        removes=LEASE_ATTRIBUTES | FAILURE_ATTRIBUTES | {Attribute.SPEC_HASH},
    )


def failed(
    fence: Fence, failure: Mapping[str, str], retry_ms: int, stamp: ChangeContext
) -> RowWrite:
    """It did not work; try again after `retry_ms`. Only while nothing newer is wanted."""
    return RowWrite(
        conditions=(
            *fence.conditions,
            ROOM,
            AttributesEqual(Attribute.GENERATION, Attribute.CLAIMED),
        ),
        sets={
            Attribute.DUE: stamp.now_ms + retry_ms,
            Attribute.LAST_ERROR: {**failure, "at": stamp.now_ms},
            Attribute.CHANGED: stamp.now_ms,
        },
        copies={Attribute.FAILED_EPOCH: Attribute.EPOCH},
        increments={Attribute.REVISION: 1, Attribute.ATTEMPTS: 1},
        appends={
            Attribute.EVENTS: (stamp.event("failed", f"{failure['kind']}: {failure['message']}"),)
        },
        removes=LEASE_ATTRIBUTES | {Attribute.SPEC_HASH},
    )


def failed_superseded(fence: Fence, failure: Mapping[str, str], stamp: ChangeContext) -> RowWrite:
    """It did not work, but something newer is wanted anyway: the work stays due as the change has set it."""
    return RowWrite(
        conditions=(
            *fence.conditions,
            ROOM,
            AttributeGreater(Attribute.GENERATION, Attribute.CLAIMED),
        ),
        sets={Attribute.CHANGED: stamp.now_ms},
        copies={Attribute.FAILED_EPOCH: Attribute.EPOCH},
        increments={Attribute.REVISION: 1},
        appends={
            Attribute.EVENTS: (
                stamp.event(
                    "failed", f"{failure['kind']}: {failure['message']}; something newer is wanted"
                ),
            )
        },
        removes=LEASE_ATTRIBUTES | {Attribute.SPEC_HASH},
    )
