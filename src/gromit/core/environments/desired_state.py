"""Changes of the desired state as conditional writes.

Every accepted change adds 1 to `generation` and schedules the work that applies it. The module
`work` has a diagram of all transitions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gromit.core.environments.attributes import (
    DELETED_ATTRIBUTES,
    FAILURE_ATTRIBUTES,
    MISSING,
    PIN,
    PIN_NOTE,
    REDEPLOY,
    REF,
    SEQUENCE,
    VERSION,
    Attribute,
    incarnation_attributes,
)
from gromit.core.environments.environment import RepositoryVersion
from gromit.core.environments.fallbacks import (
    NO_FALLBACK_UPDATE,
    FallbackUpdate,
    dead_before,
    fallback_attributes,
    retired_fallback,
)
from gromit.core.environments.history import ROOM, ChangeContext, earlier_life
from gromit.core.environments.lifetime import activity, scheduled_look
from gromit.core.environments.phases import Want, Work
from gromit.core.environments.pins import not_left, pin_attributes, unpinned
from gromit.core.environments.row_writes import (
    AnyOf,
    Condition,
    Equals,
    Exists,
    LessThan,
    NotEquals,
    NotExists,
    Row,
    RowWrite,
)
from gromit.core.environments.work import schedule_work
from gromit.core.names import Ref

LIVE: tuple[Condition, ...] = (Exists(Attribute.GENERATION), NotExists(Attribute.GONE_AT))
"""Conditions that the row exists and is not a tombstone."""


@dataclass(frozen=True, slots=True)
class Build:
    """A build that a repository reported."""

    repository: str
    ref: Ref
    version: str
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class NewIncarnation:
    """Initial values of a new incarnation."""

    incarnation: str
    protected: bool
    fallbacks: Mapping[str, RepositoryVersion]


def report(build: Build, stamp: ChangeContext, update: FallbackUpdate | None = None) -> RowWrite:
    """Record a build of an existing environment.

    The row refuses a sequence that is not greater. Unless it is deleted, it also refuses the
    version that it has already, and another ref of the repository.
    """
    repository, update = build.repository, update or NO_FALLBACK_UPDATE
    version, sequence, ref = VERSION + repository, SEQUENCE + repository, REF + repository
    is_new = AnyOf(
        (NotExists(version), NotEquals(version, build.version), Equals(Attribute.WANT, Want.GONE))
    )
    not_older: tuple[Condition, ...] = ()
    if build.sequence is not None:
        not_older = (AnyOf((NotExists(sequence), LessThan(sequence, build.sequence))),)
    is_newer = not_left(repository, build.version)
    same_ref = AnyOf(
        (Equals(Attribute.WANT, Want.GONE), NotExists(ref), Equals(ref, build.ref.full))
    )
    write = desired_up(
        stamp,
        conditions=(*LIVE, is_new, same_ref, is_newer, *not_older, *update.conditions),
        sets={**build_attributes(build), **update.attributes},
        event=stamp.event("build", f"{repository} reported {build.version} of {build.ref.full}"),
    )
    return _also_removing(write, {MISSING + repository, *pin_attributes(repository)})


def take_over(
    build: Build, held: str, stamp: ChangeContext, update: FallbackUpdate | None = None
) -> RowWrite:
    """Record a build of a branch that takes the place of `held` in the same repository.

    Sequences order the builds of one branch, so the one of the other branch does not count.
    """
    update = update or NO_FALLBACK_UPDATE
    repository, sets = build.repository, {**build_attributes(build), **update.attributes}
    text = f"{repository} reported {build.version} of {build.ref.full}, in place of {held}"
    write = desired_up(
        stamp,
        conditions=(
            *LIVE,
            Equals(Attribute.WANT, Want.UP),
            Equals(REF + repository, held),
            *update.conditions,
        ),
        sets=sets,
        event=stamp.event("build", text),
    )
    left = {SEQUENCE + repository, MISSING + repository, *pin_attributes(repository)}
    return _also_removing(write, left - set(sets))


def record_sequence(build: Build) -> RowWrite:
    """Record the sequence of a repeated version, so that older builds stay refused."""
    sequence = SEQUENCE + build.repository
    newer = AnyOf((NotExists(sequence), LessThan(sequence, build.sequence or 0)))
    return RowWrite(
        conditions=(*LIVE, newer),
        sets={sequence: build.sequence},
        increments={Attribute.REVISION: 1},
    )


def record_ref(build: Build) -> RowWrite:
    """Record the ref of a version that was set without one (PUT, PATCH).

    From then on a second ref of the same repository is refused.
    """
    version, ref = VERSION + build.repository, REF + build.repository
    return RowWrite(
        conditions=(*LIVE, Equals(version, build.version), NotExists(ref)),
        sets={ref: build.ref.full},
        increments={Attribute.REVISION: 1},
    )


def renew_fallbacks(update: FallbackUpdate, stamp: ChangeContext) -> RowWrite:
    """Set fallbacks to the versions that the registry has now."""
    listed = ", ".join(f"{r}={v.version}" for r, v in sorted(update.fallbacks.items()))
    return desired_up(
        stamp,
        conditions=(*LIVE, Equals(Attribute.WANT, Want.UP), *update.conditions),
        sets=update.attributes,
        event=stamp.event("changed", f"fallbacks looked up again: {listed}"),
    )


def retry_now(stamp: ChangeContext) -> RowWrite:
    """Make a failed environment due at once, because a job that is run again asks for a retry.

    It is pending afterwards, until a worker claims it.
    """
    return _due_now(
        stamp,
        Equals(Attribute.WANT, Want.UP),
        Exists(Attribute.ATTEMPTS),
        NotExists(Attribute.HOLDER),
    )


def make_due(before: Row, stamp: ChangeContext) -> RowWrite:
    """Make the work of an environment due at once, also a deletion, because a person asks for it.

    `before` has no valid lease: a claim in the meantime has changed its revision.
    """
    return _due_now(stamp, Equals(Attribute.REVISION, before[Attribute.REVISION]))


def _due_now(stamp: ChangeContext, *conditions: Condition) -> RowWrite:
    touched: dict[str, Any] = {Attribute.TOUCHED: stamp.now_ms} if stamp.is_activity else {}
    warned = {Attribute.WARNED} if stamp.is_activity else set[str]()
    return RowWrite(
        conditions=(*LIVE, ROOM, *conditions, Exists(Attribute.WORK)),
        sets={Attribute.DUE: stamp.now_ms, **touched},
        increments={Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event("retry", "an immediate retry was requested"),)},
        removes=frozenset({Attribute.ATTEMPTS, *warned}),
    )


def create_incarnation(
    before: Row | None,
    new: NewIncarnation,
    reported: Mapping[str, Any],
    stamp: ChangeContext,
    text: str,
) -> RowWrite:
    """Create an incarnation, where there is no row or in place of a tombstone (`before`).

    `reported` has the attributes of reported versions (`reported_attributes`).
    """
    sets = {
        **fallback_attributes(new.fallbacks),
        **reported,
        Attribute.INCARNATION: new.incarnation,
        Attribute.PROTECTED: new.protected,
        Attribute.CREATED: stamp.now_ms,
        Attribute.OBSERVED: 0,
        Attribute.INFRA: False,
    }
    if stamp.requester is not None:
        sets[Attribute.REQUESTER] = stamp.requester
    if before is None:
        # Epochs start at the current time, so that none repeats after a tombstone has expired.
        return desired_up(
            stamp,
            conditions=(NotExists(Attribute.NAME),),
            sets={**sets, Attribute.EPOCH: stamp.now_ms},
            event=stamp.event("created", text),
        )
    write = desired_up(
        stamp,
        conditions=(
            Exists(Attribute.GONE_AT),
            Equals(Attribute.REVISION, before[Attribute.REVISION]),
        ),
        sets={
            **sets,
            Attribute.IMAGES_SINCE: dead_before(before),
            Attribute.EVENTS: [stamp.event("created", text + earlier_life(before))],
        },
        event=None,
    )
    return _also_removing(write, incarnation_attributes(before) - set(write.sets))


def replace_versions(
    before: Row,
    reported: Mapping[str, Any],
    fallbacks: Mapping[str, RepositoryVersion],
    stamp: ChangeContext,
) -> RowWrite:
    """Replace all reported versions of an existing environment (PUT)."""
    sets = {**fallback_attributes(fallbacks), **reported}
    write = desired_up(
        stamp,
        conditions=(*LIVE, Equals(Attribute.REVISION, before[Attribute.REVISION])),
        sets=sets,
        event=stamp.event("replaced", "versions replaced: " + _listed(reported)),
    )
    replaced = {a for a in before if a.startswith((VERSION, REF, PIN, PIN_NOTE))}
    return _also_removing(write, replaced - set(sets))


def merge_versions(reported: Mapping[str, Any], stamp: ChangeContext) -> RowWrite:
    """Add reported versions, which have no ref (PATCH)."""
    event = stamp.event("changed", "versions set: " + _listed(reported))
    write = desired_up(stamp, conditions=LIVE, sets=reported, event=event)
    repositories = [a.removeprefix(VERSION) for a in reported]
    return unpinned(_also_removing(write, {REF + r for r in repositories}), *repositories)


def delete(stamp: ChangeContext, grace_ms: int, text: str) -> RowWrite:
    """Delete an environment: it is due for reaping after its grace, in which a build revives it."""
    return RowWrite(
        conditions=(
            *LIVE,
            ROOM,
            Equals(Attribute.WANT, Want.UP),
            Equals(Attribute.PROTECTED, value=False),
        ),
        sets={
            Attribute.WANT: Want.GONE,
            Attribute.DELETED_AT: stamp.now_ms,
            **schedule_work(Work.REAP, stamp.now_ms + grace_ms),
            Attribute.CHANGED: stamp.now_ms,
        },
        increments={Attribute.GENERATION: 1, Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event("deleted", text),)},
        removes=DELETED_ATTRIBUTES,
    )


def retire(before: Row, repository: str, default_tag: str, stamp: ChangeContext) -> RowWrite:
    """Retire a repository whose branch was deleted: it falls back to the default branch."""
    write = desired_up(
        replace(stamp, is_activity=False),
        conditions=(
            *LIVE,
            Equals(Attribute.REVISION, before[Attribute.REVISION]),
            Equals(Attribute.WANT, Want.UP),
        ),
        sets=retired_fallback(repository, default_tag),
        event=stamp.event(
            "retired", f"the branch of {repository} is gone; {default_tag} takes its place"
        ),
    )
    return unpinned(_also_removing(write, {VERSION + repository, REF + repository}), repository)


def retire_last_repository(
    before: Row, repository: str, default_tag: str, stamp: ChangeContext, grace_ms: int
) -> RowWrite:
    """Retire the last reported repository, which deletes the environment."""
    write = delete(
        stamp, grace_ms, f"the branch of {repository}, the last one that had it, is gone"
    )
    return replace(
        write,
        conditions=(*write.conditions, Equals(Attribute.REVISION, before[Attribute.REVISION])),
        sets={**write.sets, **retired_fallback(repository, default_tag)},
        removes=write.removes
        | {VERSION + repository, REF + repository}
        | pin_attributes(repository),
    )


def redeploy(
    components: Iterable[str], mark: str, stamp: ChangeContext, update: FallbackUpdate | None = None
) -> RowWrite:
    """Redeploy components even if nothing else changed, which picks up edited config files.

    A repeated `mark`, as from a client that received no answer, is refused.
    """
    names, update = sorted(components), update or NO_FALLBACK_UPDATE
    unmarked: list[Condition] = []
    for name in names:
        unmarked += [NotExists(REDEPLOY + name), NotEquals(REDEPLOY + name, mark)]
    return desired_up(
        stamp,
        conditions=(
            *LIVE,
            Equals(Attribute.WANT, Want.UP),
            AnyOf(tuple(unmarked)),
            *update.conditions,
        ),
        sets={**{REDEPLOY + c: mark for c in names}, **update.attributes},
        event=stamp.event("redeploy", ", ".join(names)),
    )


def reported_attributes(versions: Mapping[str, str]) -> dict[str, Any]:
    """Return the attributes of versions without a ref, as PUT and PATCH set them."""
    return {VERSION + r: v for r, v in versions.items()}


def build_attributes(build: Build) -> dict[str, Any]:
    """Return the attributes of a reported build."""
    sets: dict[str, Any] = {
        VERSION + build.repository: build.version,
        REF + build.repository: build.ref.full,
        Attribute.LAST_BUILD: build.repository,
    }
    if build.sequence is not None:
        sets[SEQUENCE + build.repository] = build.sequence
    return sets


def desired_up(
    stamp: ChangeContext,
    *,
    conditions: tuple[Condition, ...],
    sets: Mapping[str, Any],
    event: dict[str, Any] | None,
    removes: Iterable[str] = (),
) -> RowWrite:
    """Return a write that leaves the environment up, with new work and a new generation."""
    # What is reported decides which rule of the lifetimes counts, so they are looked at again.
    life = activity(stamp.now_ms) if stamp.is_activity else scheduled_look(stamp.now_ms)
    warned = {Attribute.WARNED} if stamp.is_activity else set[str]()
    room: tuple[Condition, ...] = (ROOM,) if event else ()
    return RowWrite(
        conditions=(*conditions, *room),
        sets={
            **sets,
            **life,
            Attribute.WANT: Want.UP,
            **schedule_work(Work.SOW, stamp.now_ms),
            Attribute.CHANGED: stamp.now_ms,
        },
        increments={Attribute.GENERATION: 1, Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (event,)} if event else {},
        removes=FAILURE_ATTRIBUTES | warned | frozenset(removes),
    )


def _also_removing(write: RowWrite, attributes: Iterable[str]) -> RowWrite:
    return replace(write, removes=write.removes | frozenset(attributes))


def _listed(reported: Mapping[str, Any]) -> str:
    versions = [f"{a.removeprefix(VERSION)}={v}" for a, v in sorted(reported.items())]
    return ", ".join(versions) or "none"
