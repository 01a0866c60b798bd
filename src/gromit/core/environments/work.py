"""Transitions of an environment as conditional writes: claims, renewals and outcomes.

    (none, gone) ──build──▶ pending ──claim──▶ sowing ──done, generation = claimed──▶ ready
                              ▲  ▲               │ │└─done, generation > claimed─▶ pending, deleting
                 build ───────┘  └─ lease ends ──┘ └──fail──▶ failed ──(due)──▶ pending
    ready ──degraded──▶ degraded ──claim──▶ sowing ──done──▶ ready
                            └──recovered──▶ ready
    up ──delete──▶ deleting ──claim──▶ reaping ──done, generation = claimed──▶ gone (tombstone)
                                          └──done, generation > claimed──▶ pending, observed 0

Every accepted change of the desired state adds 1 to `generation`. A worker applies one generation
and reports which. A worker that lost its claim has an old epoch and can change nothing.
Nothing here reads a clock: instants and durations are arguments, in milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from gromit.core.environments.attributes import (
    FAILURE_ATTRIBUTES,
    LEASE_ATTRIBUTES,
    OBSERVED_ATTRIBUTES,
    STATE_ATTRIBUTES,
    WORK_ATTRIBUTES,
    Attribute,
)
from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.failures import FailureClass, classify_failure
from gromit.core.environments.history import ROOM, TOMBSTONE_MS, ChangeContext
from gromit.core.environments.made_status import made_to_row
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.environments.row_writes import (
    AnyOf,
    AtMost,
    AttributeGreater,
    AttributesEqual,
    Condition,
    Equals,
    Exists,
    LessThan,
    NotExists,
    Row,
    RowWrite,
    evaluate,
)
from gromit.core.environments.run_progress import RunProgress
from gromit.core.stack.made import MadeStack, gone_text
from gromit.core.time import format_duration

_OF_RESOURCES = (
    STATE_ATTRIBUTES | OBSERVED_ATTRIBUTES | {Attribute.SPEC_HASH, Attribute.MADE, Attribute.HOOKS}
)
"""Attributes that describe resources, and go with them."""


def schedule_work(kind: Work, at_ms: int) -> dict[str, Any]:
    """Return the attributes of work that is due from an instant on.

    A failure postpones `due`, but not `since`.
    """
    return {Attribute.WORK: kind, Attribute.DUE: at_ms, Attribute.SINCE: at_ms}


def wait_for_build(due_ms: int) -> dict[str, Any]:
    """Return the attributes of work that failed because of its build, and is due again later.

    Until then it waits for a newer build, not for gromit, so its age starts there. It is put off
    all the same: work that did not fail comes first.
    """
    return {Attribute.DUE: due_ms, Attribute.SINCE: due_ms - 1}


def is_claimable(kind: Work, phase: Phase, *, due: bool, protected: bool) -> bool:
    """Whether a worker can claim the environment now for this kind of work.

    `claim` has the same rule as conditions on the row; a property test verifies that they agree.
    """
    if kind is Work.SOW:
        return due and phase in {Phase.PENDING, Phase.FAILED, Phase.DEGRADED}
    return due and phase is Phase.DELETING and not protected


def claim(kind: Work, claimant: Claimant, now_ms: int, ttl_ms: int) -> RowWrite:
    """Claim work that `is_claimable`, under a new epoch."""
    sets: dict[str, Any] = {
        Attribute.HOLDER: claimant.holder,
        Attribute.CLAIM_ID: claimant.nonce,
        Attribute.LEASE_UNTIL: now_ms + ttl_ms,
        Attribute.CLAIMED_AT: now_ms,
    }
    if claimant.task:
        sets[Attribute.TASK] = claimant.task
    if kind is Work.SOW:
        sets[Attribute.INFRA] = True
    return RowWrite(
        conditions=(*_due(kind, now_ms), *_desired(kind)),
        sets=sets,
        copies={Attribute.CLAIMED: Attribute.GENERATION},
        increments={Attribute.EPOCH: 1, Attribute.REVISION: 1},
        # What an expired claim has left.
        removes=frozenset({Attribute.TASK, Attribute.PROGRESS}) - sets.keys(),
    )


def _desired(kind: Work) -> tuple[Condition, ...]:
    if kind is Work.SOW:
        return (
            NotExists(Attribute.GONE_AT),
            Equals(Attribute.WANT, Want.UP),
            AnyOf(
                (
                    AttributeGreater(Attribute.GENERATION, Attribute.OBSERVED),
                    Exists(Attribute.PROBLEMS),
                )
            ),
        )
    return (
        NotExists(Attribute.GONE_AT),
        Equals(Attribute.WANT, Want.GONE),
        Equals(Attribute.PROTECTED, value=False),
    )


def _due(kind: Work, now_ms: int) -> tuple[Condition, ...]:
    return (
        Equals(Attribute.WORK, kind),
        AtMost(Attribute.DUE, now_ms),
        AnyOf((NotExists(Attribute.HOLDER), LessThan(Attribute.LEASE_UNTIL, now_ms))),
    )


def contradiction(kind: Work, row: Row, now_ms: int) -> str | None:
    """Return why a row can never be claimed although it is due; None if it is not due.

    It explains a row that has refused the claim. No write of gromit leaves such a row.
    """
    if not all(evaluate(condition, row) for condition in _due(kind, now_ms)):
        return None
    return impossible_work(kind, row)


def impossible_work(kind: Work, row: Row) -> str | None:
    """Return why no worker can ever claim work of this kind; None if one can."""
    if all(evaluate(condition, row) for condition in _desired(kind)):
        return None
    shown = (Attribute.WANT, Attribute.PROTECTED, Attribute.GENERATION, Attribute.OBSERVED)
    facts = ", ".join(f"`{a}` is {row.get(a, 'missing')}" for a in shown)
    return f"contradicts itself: it is due for {kind}, but {facts}"


def put_off(kind: Work, due_ms: int, until_ms: int) -> RowWrite:
    """Postpone the work of a row that cannot be read. Nothing else of it is touched.

    No event and no revision: the attributes that they are stored in may be the damaged ones.
    """
    return RowWrite(
        conditions=(Equals(Attribute.WORK, kind), Equals(Attribute.DUE, due_ms)),
        sets={Attribute.DUE: until_ms},
    )


def recall(row: Row) -> RowWrite | None:
    """Make work due again that was put off, but did not fail; None if it was not put off."""
    due_ms, since_ms = row.get(Attribute.DUE), row.get(Attribute.SINCE)
    if not isinstance(due_ms, int) or not isinstance(since_ms, int) or due_ms <= since_ms:
        return None
    if Attribute.ATTEMPTS in row or Attribute.WORK not in row:
        return None
    return RowWrite(
        conditions=(
            Exists(Attribute.WORK),
            Equals(Attribute.DUE, due_ms),
            NotExists(Attribute.ATTEMPTS),
            NotExists(Attribute.HOLDER),
        ),
        sets={Attribute.DUE: since_ms},
    )


def renew(fence: Fence, now_ms: int, ttl_ms: int, progress: RunProgress | None = None) -> RowWrite:
    """Extend a lease. A worker also verifies its claim this way, under the Terraform lock."""
    sets: dict[str, Any] = {Attribute.LEASE_UNTIL: now_ms + ttl_ms}
    if progress is not None:
        sets[Attribute.PROGRESS] = progress.to_row(now_ms)
    return RowWrite(conditions=fence.conditions, sets=sets)


def forget_state(fence: Fence, now_ms: int, ttl_ms: int) -> RowWrite:
    """Extend a lease, and forget the recorded state: it is lost, and a new one takes its place."""
    return replace(
        renew(fence, now_ms, ttl_ms),
        increments={Attribute.REVISION: 1},
        removes=STATE_ATTRIBUTES,
    )


def record_hooks(fence: Fence, components: Sequence[str], now_ms: int, ttl_ms: int) -> RowWrite:
    """Extend a lease, and record the components whose hook `on_create` has succeeded."""
    write = renew(fence, now_ms, ttl_ms)
    return replace(
        write,
        sets={**write.sets, Attribute.HOOKS: sorted(components)},
        increments={Attribute.REVISION: 1},
    )


def release(fence: Fence) -> RowWrite:
    """Release a claim without an outcome; the work stays due."""
    return RowWrite(
        conditions=fence.conditions, increments={Attribute.REVISION: 1}, removes=LEASE_ATTRIBUTES
    )


def sown(
    fence: Fence,
    claim_id: str,
    made: MadeStack,
    stamp: ChangeContext,
    took_s: int | None = None,
) -> RowWrite:
    """Record that the claimed generation runs, and that it is the newest.

    `took_s` are the seconds since the claim; None if they are not known.
    """
    return RowWrite(
        conditions=(
            *fence.conditions,
            ROOM,
            AttributesEqual(Attribute.GENERATION, Attribute.CLAIMED),
            Equals(Attribute.WANT, Want.UP),
        ),
        sets={
            **stamp.state_attributes(),
            **_made_attributes(made, stamp),
            Attribute.LAST_DONE: claim_id,
            Attribute.CHANGED: stamp.now_ms,
        },
        copies={Attribute.OBSERVED: Attribute.CLAIMED, Attribute.HASH_EPOCH: Attribute.EPOCH},
        increments={Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (_sown_event(made, stamp, took_s),)},
        removes=LEASE_ATTRIBUTES
        | FAILURE_ATTRIBUTES
        | WORK_ATTRIBUTES
        | {Attribute.PROBLEMS, Attribute.HEALTH}
        | _not_made(made),
    )


def sown_superseded(
    fence: Fence,
    claim_id: str,
    made: MadeStack,
    stamp: ChangeContext,
    took_s: int | None = None,
) -> RowWrite:
    """Record that the claimed generation runs, but is no longer the newest: the work stays due."""
    return RowWrite(
        conditions=(
            *fence.conditions,
            ROOM,
            AttributeGreater(Attribute.GENERATION, Attribute.CLAIMED),
        ),
        sets={
            **stamp.state_attributes(),
            **_made_attributes(made, stamp),
            Attribute.LAST_DONE: claim_id,
            Attribute.CHANGED: stamp.now_ms,
        },
        copies={Attribute.OBSERVED: Attribute.CLAIMED, Attribute.HASH_EPOCH: Attribute.EPOCH},
        increments={Attribute.REVISION: 1},
        appends={
            Attribute.EVENTS: (
                _sown_event(made, stamp, took_s, "a newer generation is desired already"),
            )
        },
        removes=LEASE_ATTRIBUTES
        | FAILURE_ATTRIBUTES
        | {Attribute.PROBLEMS, Attribute.HEALTH}
        | _not_made(made),
    )


def _made_attributes(made: MadeStack, stamp: ChangeContext) -> dict[str, Any]:
    attributes: dict[str, Any] = {Attribute.SPEC_HASH: made.spec_hash}
    if made.components:
        attributes[Attribute.MADE] = made_to_row(made, stamp.now_ms)
    return attributes


def _sown_event(
    made: MadeStack, stamp: ChangeContext, took_s: int | None, note: str = ""
) -> dict[str, Any]:
    """Return the event: what runs, how long it took, what is gone, and who applied it."""
    versions = {c.name: c.version for c in made.components if c.repository is not None}
    listed = ", ".join(f"{name}={version}" for name, version in sorted(versions.items()))
    length = "" if took_s is None else f" in {format_duration(timedelta(seconds=took_s))}"
    done = f"{listed}{length}" if listed else ""
    text = "; ".join(filter(None, (done, note, gone_text(made.components), made.program)))
    return stamp.event("sown", text, versions=versions, took_s=took_s)


def _not_made(made: MadeStack) -> frozenset[str]:
    # A worker of an earlier release does not say what it made: what an earlier run made is stale.
    return frozenset() if made.components else frozenset({Attribute.MADE})


def reaped(fence: Fence, claim_id: str, stamp: ChangeContext) -> RowWrite:
    """Record that nothing is left: the row becomes a tombstone, which keeps the build sequences."""
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
        removes=LEASE_ATTRIBUTES | FAILURE_ATTRIBUTES | WORK_ATTRIBUTES | _OF_RESOURCES,
    )


def reaped_revived(fence: Fence, claim_id: str, stamp: ChangeContext) -> RowWrite:
    """Record that everything was destroyed, but is desired again: no generation is observed."""
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
        appends={Attribute.EVENTS: (stamp.event("reaped", "and desired again"),)},
        removes=LEASE_ATTRIBUTES | FAILURE_ATTRIBUTES | _OF_RESOURCES,
    )


def failed(
    fence: Fence, failure: Mapping[str, Any], retry_ms: int, stamp: ChangeContext
) -> RowWrite:
    """Record a failure of the newest generation; the next attempt is due after `retry_ms`."""
    due_ms = stamp.now_ms + retry_ms
    kind, message = failure["kind"], failure["message"]
    waits_for_build = classify_failure(kind, message) is FailureClass.BUILD
    return RowWrite(
        conditions=(
            *fence.conditions,
            ROOM,
            AttributesEqual(Attribute.GENERATION, Attribute.CLAIMED),
        ),
        sets={
            **(wait_for_build(due_ms) if waits_for_build else {Attribute.DUE: due_ms}),
            **stamp.state_attributes(),
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


def failed_superseded(fence: Fence, failure: Mapping[str, Any], stamp: ChangeContext) -> RowWrite:
    """Record a failure of a superseded generation: the work stays due as the change has set it."""
    return RowWrite(
        conditions=(
            *fence.conditions,
            ROOM,
            AttributeGreater(Attribute.GENERATION, Attribute.CLAIMED),
        ),
        sets={**stamp.state_attributes(), Attribute.CHANGED: stamp.now_ms},
        copies={Attribute.FAILED_EPOCH: Attribute.EPOCH},
        increments={Attribute.REVISION: 1},
        appends={
            Attribute.EVENTS: (
                stamp.event(
                    "failed",
                    f"{failure['kind']}: {failure['message']}; a newer generation is desired",
                ),
            )
        },
        removes=LEASE_ATTRIBUTES | {Attribute.SPEC_HASH},
    )
