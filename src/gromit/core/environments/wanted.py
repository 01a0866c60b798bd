"""Changes of what clients want, as conditional writes.

Every accepted change adds 1 to `generation` and schedules the work
that makes it true. The module `work` draws the life of an environment as a whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gromit.core.environments.attributes import (
    FAILURE_ATTRIBUTES,
    REDEPLOY,
    REF,
    SEQUENCE,
    VERSION,
    Attribute,
    incarnation_attributes,
)
from gromit.core.environments.environment import RepositoryVersion, Want, Work
from gromit.core.environments.fallbacks import (
    NO_FALLBACK_UPDATE,
    FallbackUpdate,
    fallback_attributes,
    retired_fallback,
)
from gromit.core.environments.history import ROOM, ChangeContext
from gromit.core.environments.rows import (
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

_LIVE: tuple[Condition, ...] = (Exists(Attribute.GENERATION), NotExists(Attribute.GONE_AT))


@dataclass(frozen=True, slots=True)
class Build:
    """What a repository reports."""

    repository: str
    ref: Ref
    version: str
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class NewIncarnation:
    """What a new incarnation starts with."""

    incarnation: str
    protected: bool
    fallbacks: Mapping[str, RepositoryVersion]


def report(build: Build, stamp: ChangeContext, moved: FallbackUpdate | None = None) -> RowWrite:
    """A build for an environment that exists: accepted if it says something new and is not older than what is known."""
    moved = moved or NO_FALLBACK_UPDATE
    repository = build.repository
    version, sequence, ref = VERSION + repository, SEQUENCE + repository, REF + repository
    unheard = AnyOf(
        (NotExists(version), NotEquals(version, build.version), Equals(Attribute.WANT, Want.GONE))
    )
    not_older = (
        [AnyOf((NotExists(sequence), LessThan(sequence, build.sequence)))]
        if build.sequence is not None
        else []
    )
    same_ref = AnyOf(
        (Equals(Attribute.WANT, Want.GONE), NotExists(ref), Equals(ref, build.ref.full))
    )
    return _wanted_up(
        stamp,
        conditions=(*_LIVE, unheard, same_ref, *not_older, *moved.conditions),
        sets={**_reported(build), **moved.attributes},
        event=stamp.event("build", f"{repository} reported {build.version} of {build.ref.full}"),
    )


def record_sequence(build: Build) -> RowWrite:
    """Remember the sequence of a build that says nothing new otherwise, so that older ones stay refused."""
    sequence = SEQUENCE + build.repository
    newer = AnyOf((NotExists(sequence), LessThan(sequence, build.sequence or 0)))
    return RowWrite(
        conditions=(*_LIVE, newer),
        sets={sequence: build.sequence},
        increments={Attribute.REVISION: 1},
    )


def record_ref(build: Build) -> RowWrite:
    """Remember of which ref a version is that was given without one, so that a second ref of the repository is refused."""
    version, ref = VERSION + build.repository, REF + build.repository
    return RowWrite(
        conditions=(*_LIVE, Equals(version, build.version), NotExists(ref)),
        sets={ref: build.ref.full},
        increments={Attribute.REVISION: 1},
    )


def renew_fallbacks(moved: FallbackUpdate, stamp: ChangeContext) -> RowWrite:
    """Take what repositories without a reported version contribute from where it is now."""
    listed = ", ".join(f"{r}={v.version}" for r, v in sorted(moved.fallbacks.items()))
    return _wanted_up(
        stamp,
        conditions=(*_LIVE, Equals(Attribute.WANT, Want.UP), *moved.conditions),
        sets=moved.attributes,
        event=stamp.event("changed", f"fallbacks looked up anew: {listed}"),
    )


def retry_now(stamp: ChangeContext) -> RowWrite:
    """Make a failed environment due at once: people run a job again in order to retry. It waits for a worker, no longer failed."""
    return RowWrite(
        conditions=(
            *_LIVE,
            ROOM,
            Equals(Attribute.WANT, Want.UP),
            Exists(Attribute.ATTEMPTS),
            Exists(Attribute.WORK),
            NotExists(Attribute.HOLDER),
        ),
        sets={Attribute.DUE: stamp.now_ms},
        increments={Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event("retry", "asked to try again at once"),)},
        removes=frozenset({Attribute.ATTEMPTS}),
    )


def create_incarnation(
    before: Row | None,
    birth: NewIncarnation,
    reported: Mapping[str, Any],
    stamp: ChangeContext,
    text: str,
) -> RowWrite:
    """A new incarnation: where there is no row, or in place of a tombstone (`before`).

    `reported` holds the attributes of reported versions (`reported_attributes`).
    """
    sets = {
        **fallback_attributes(birth.fallbacks),
        **reported,
        Attribute.INCARNATION: birth.incarnation,
        Attribute.PROTECTED: birth.protected,
        Attribute.CREATED: stamp.now_ms,
        Attribute.OBSERVED: 0,
        Attribute.INFRA: False,
    }
    if before is None:
        # epochs never repeat, not even after a tombstone has expired: they start at the time of birth
        return _wanted_up(
            stamp,
            conditions=(NotExists(Attribute.NAME),),
            sets={**sets, Attribute.EPOCH: stamp.now_ms},
            event=stamp.event("created", text),
        )
    write = _wanted_up(
        stamp,
        conditions=(
            Exists(Attribute.GONE_AT),
            Equals(Attribute.REVISION, before[Attribute.REVISION]),
        ),
        sets={**sets, Attribute.EVENTS: [stamp.event("created", text)]},
        event=None,
    )
    return _also_removing(write, incarnation_attributes(before) - set(write.sets))


def replace_versions(
    before: Row,
    reported: Mapping[str, Any],
    fallbacks: Mapping[str, RepositoryVersion],
    stamp: ChangeContext,
) -> RowWrite:
    """PUT on an environment that exists: these versions are reported and no others."""
    sets = {**fallback_attributes(fallbacks), **reported}
    write = _wanted_up(
        stamp,
        conditions=(*_LIVE, Equals(Attribute.REVISION, before[Attribute.REVISION])),
        sets=sets,
        event=stamp.event("replaced", "versions replaced: " + _listed(reported)),
    )
    return _also_removing(write, {a for a in before if a.startswith((VERSION, REF))} - set(sets))


def merge_versions(reported: Mapping[str, Any], stamp: ChangeContext) -> RowWrite:
    """PATCH: these versions are reported too, of no ref."""
    event = stamp.event("changed", "versions set: " + _listed(reported))
    write = _wanted_up(stamp, conditions=_LIVE, sets=reported, event=event)
    return _also_removing(write, {REF + a.removeprefix(VERSION) for a in reported})


def delete(stamp: ChangeContext, grace_ms: int, text: str) -> RowWrite:
    """Nobody wants it any more: due for reaping after the grace, in which a build revives it."""
    return RowWrite(
        conditions=(
            *_LIVE,
            ROOM,
            Equals(Attribute.WANT, Want.UP),
            Equals(Attribute.PROTECTED, value=False),
        ),
        sets={
            Attribute.WANT: Want.GONE,
            **schedule_work(Work.REAP, stamp.now_ms + grace_ms),
            Attribute.CHANGED: stamp.now_ms,
        },
        increments={Attribute.GENERATION: 1, Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event("deleted", text),)},
        removes=FAILURE_ATTRIBUTES,
    )


def retire(before: Row, repository: str, default_tag: str, stamp: ChangeContext) -> RowWrite:
    """One repository's branch is gone: its component falls back to the default branch."""
    write = _wanted_up(
        stamp,
        conditions=(
            *_LIVE,
            Equals(Attribute.REVISION, before[Attribute.REVISION]),
            Equals(Attribute.WANT, Want.UP),
        ),
        sets=retired_fallback(repository, default_tag),
        event=stamp.event(
            "retired", f"the branch of {repository} is gone; {default_tag} takes its place"
        ),
    )
    return _also_removing(write, {VERSION + repository, REF + repository})


def retire_last_repository(
    before: Row, repository: str, default_tag: str, stamp: ChangeContext, grace_ms: int
) -> RowWrite:
    """The branch of the last reported repository is gone: the environment is deleted."""
    write = delete(
        stamp, grace_ms, f"the branch of {repository}, the last one that had it, is gone"
    )
    return replace(
        write,
        conditions=(*write.conditions, Equals(Attribute.REVISION, before[Attribute.REVISION])),
        sets={**write.sets, **retired_fallback(repository, default_tag)},
        removes=write.removes | {VERSION + repository, REF + repository},
    )


def protect(*, protected: bool, stamp: ChangeContext) -> RowWrite:
    """Refuse deletion from now on, or allow it again."""
    return RowWrite(
        conditions=(
            *_LIVE,
            ROOM,
            Equals(Attribute.PROTECTED, value=not protected),
            Equals(Attribute.WANT, Want.UP),
        ),
        sets={Attribute.PROTECTED: protected},
        increments={Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (stamp.event("protected" if protected else "unprotected", ""),)},
    )


def redeploy(
    components: Iterable[str], mark: str, stamp: ChangeContext, moved: FallbackUpdate | None = None
) -> RowWrite:
    """Roll the given components over even if nothing else has changed; edited config files arrive with it.

    The same `mark` again, as from a client that got no answer, is refused.
    """
    names, moved = sorted(components), moved or NO_FALLBACK_UPDATE
    unheard = AnyOf(
        tuple(
            unmarked
            for c in names
            for unmarked in (NotExists(REDEPLOY + c), NotEquals(REDEPLOY + c, mark))
        )
    )
    return _wanted_up(
        stamp,
        conditions=(*_LIVE, Equals(Attribute.WANT, Want.UP), unheard, *moved.conditions),
        sets={**{REDEPLOY + c: mark for c in names}, **moved.attributes},
        event=stamp.event("redeploy", ", ".join(names)),
    )


def reported_attributes(versions: Mapping[str, str]) -> dict[str, Any]:
    """The attributes of versions given without a ref, as PUT and PATCH do."""
    return {VERSION + r: v for r, v in versions.items()}


def build_attributes(build: Build) -> dict[str, Any]:
    """The attributes of a reported build."""
    return _reported(build)


def _wanted_up(
    stamp: ChangeContext,
    *,
    conditions: tuple[Condition, ...],
    sets: Mapping[str, Any],
    event: dict[str, Any] | None,
) -> RowWrite:
    room: tuple[Condition, ...] = (ROOM,) if event else ()
    return RowWrite(
        conditions=(*conditions, *room),
        sets={
            **sets,
            Attribute.WANT: Want.UP,
            **schedule_work(Work.SOW, stamp.now_ms),
            Attribute.CHANGED: stamp.now_ms,
        },
        increments={Attribute.GENERATION: 1, Attribute.REVISION: 1},
        appends={Attribute.EVENTS: (event,)} if event else {},
        removes=FAILURE_ATTRIBUTES,
    )


def _also_removing(write: RowWrite, attributes: Iterable[str]) -> RowWrite:
    return replace(write, removes=write.removes | frozenset(attributes))


def _reported(build: Build) -> dict[str, Any]:
    sets: dict[str, Any] = {
        VERSION + build.repository: build.version,
        REF + build.repository: build.ref.full,
    }
    if build.sequence is not None:
        sets[SEQUENCE + build.repository] = build.sequence
    return sets


def _listed(reported: Mapping[str, Any]) -> str:
    return (
        ", ".join(f"{a.removeprefix(VERSION)}={v}" for a, v in sorted(reported.items())) or "none"
    )
