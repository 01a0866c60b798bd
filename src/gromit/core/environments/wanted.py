"""Changes of what clients want, as conditional writes.

Every accepted change adds 1 to `generation` and schedules the work
that makes it true. The module `work` draws the life of an environment as a whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gromit.core.environments.environment import FALLBACK, REDEPLOY, REF, SEQUENCE, VERSION, Version, Want, Work
from gromit.core.environments.fallbacks import NOTHING_MOVED, Moved, attributes_of, retired
from gromit.core.environments.history import ROOM, Stamp
from gromit.core.environments.rows import (
    Absent,
    AnyOf,
    Below,
    Condition,
    Is,
    IsNot,
    Present,
    Row,
    Write,
)
from gromit.core.environments.work import FAILURE_ATTRIBUTES, LEASE_ATTRIBUTES, work_from
from gromit.core.names import Ref

_LIVE: tuple[Condition, ...] = (Present("generation"), Absent("gone_at"))
_PARTS = (VERSION, REF, FALLBACK, REDEPLOY)


@dataclass(frozen=True, slots=True)
class Build:
    """What a repository reports."""

    repository: str
    ref: Ref
    version: str
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Birth:
    """What a new incarnation starts with."""

    incarnation: str
    protected: bool
    fallbacks: Mapping[str, Version]


def report(build: Build, stamp: Stamp, moved: Moved | None = None) -> Write:
    """A build for an environment that exists: accepted if it says something new and is not older than what is known."""
    moved = moved or NOTHING_MOVED
    repository = build.repository
    version, sequence, ref = VERSION + repository, SEQUENCE + repository, REF + repository
    unheard = AnyOf((Absent(version), IsNot(version, build.version), Is("want", Want.GONE)))
    not_older = [AnyOf((Absent(sequence), Below(sequence, build.sequence)))] if build.sequence is not None else []
    same_ref = AnyOf((Is("want", Want.GONE), Absent(ref), Is(ref, build.ref.full)))
    return _wanted_up(
        stamp,
        conditions=(*_LIVE, unheard, same_ref, *not_older, *moved.conditions),
        sets={**_reported(build), **moved.attributes},
        event=stamp.event("build", f"{repository} reported {build.version} of {build.ref.full}"),
    )


def note_sequence(build: Build) -> Write:
    """Remember the sequence of a build that says nothing new otherwise, so that older ones stay refused."""
    sequence = SEQUENCE + build.repository
    newer = AnyOf((Absent(sequence), Below(sequence, build.sequence or 0)))
    return Write(conditions=(*_LIVE, newer), sets={sequence: build.sequence}, increments={"revision": 1})


def note_ref(build: Build) -> Write:
    """Remember of which ref a version is that was given without one, so that a second ref of the repository is refused."""
    version, ref = VERSION + build.repository, REF + build.repository
    return Write(
        conditions=(*_LIVE, Is(version, build.version), Absent(ref)),
        sets={ref: build.ref.full},
        increments={"revision": 1},
    )


def renew_fallbacks(moved: Moved, stamp: Stamp) -> Write:
    """Take what repositories without a reported version contribute from where it is now."""
    listed = ", ".join(f"{r}={v.version}" for r, v in sorted(moved.fallbacks.items()))
    return _wanted_up(
        stamp,
        conditions=(*_LIVE, Is("want", Want.UP), *moved.conditions),
        sets=moved.attributes,
        event=stamp.event("changed", f"fallbacks looked up anew: {listed}"),
    )


def retry_now(stamp: Stamp) -> Write:
    """Make a failed environment due at once: people run a job again in order to retry. It waits for a worker, no longer failed."""
    return Write(
        conditions=(*_LIVE, ROOM, Is("want", Want.UP), Present("attempts"), Present("work"), Absent("holder")),
        sets={"due": stamp.now_ms},
        increments={"revision": 1},
        appends={"events": (stamp.event("retry", "asked to try again at once"),)},
        removes=frozenset({"attempts"}),
    )


def start(before: Row | None, birth: Birth, reported: Mapping[str, Any], stamp: Stamp, text: str) -> Write:
    """A new incarnation: where there is no row, or in place of a tombstone (`before`).

    `reported` holds the attributes of reported versions (`reported_attributes`).
    """
    sets = {
        **attributes_of(birth.fallbacks),
        **reported,
        "incarnation": birth.incarnation,
        "protected": birth.protected,
        "created": stamp.now_ms,
        "observed": 0,
        "infra": False,
    }
    if before is None:
        # epochs never repeat, not even after a tombstone has expired: they start at the time of birth
        return _wanted_up(
            stamp, conditions=(Absent("name"),), sets={**sets, "epoch": stamp.now_ms}, event=stamp.event("created", text)
        )
    old = (
        {a for a in before if a.startswith(_PARTS)}
        | {"gone_at", "expire_at", "spec_hash", "last_done", "events"}
        | LEASE_ATTRIBUTES
    )
    write = _wanted_up(
        stamp,
        conditions=(Present("gone_at"), Is("revision", before["revision"])),
        sets={**sets, "events": [stamp.event("created", text)]},
        event=None,
    )
    return _also_removing(write, old - set(sets) - {"events"})


def replace_versions(before: Row, reported: Mapping[str, Any], fallbacks: Mapping[str, Version], stamp: Stamp) -> Write:
    """PUT on an environment that exists: these versions are reported and no others."""
    sets = {**attributes_of(fallbacks), **reported}
    write = _wanted_up(
        stamp,
        conditions=(*_LIVE, Is("revision", before["revision"])),
        sets=sets,
        event=stamp.event("replaced", "versions replaced: " + _listed(reported)),
    )
    return _also_removing(write, {a for a in before if a.startswith((VERSION, REF))} - set(sets))


def merge_versions(reported: Mapping[str, Any], stamp: Stamp) -> Write:
    """PATCH: these versions are reported too, of no ref."""
    event = stamp.event("changed", "versions set: " + _listed(reported))
    write = _wanted_up(stamp, conditions=_LIVE, sets=reported, event=event)
    return _also_removing(write, {REF + a.removeprefix(VERSION) for a in reported})


def delete(stamp: Stamp, grace_ms: int, text: str) -> Write:
    """Nobody wants it any more: due for reaping after the grace, in which a build revives it."""
    return Write(
        conditions=(*_LIVE, ROOM, Is("want", Want.UP), Is("protected", value=False)),
        sets={"want": Want.GONE, **work_from(Work.REAP, stamp.now_ms + grace_ms), "changed": stamp.now_ms},
        increments={"generation": 1, "revision": 1},
        appends={"events": (stamp.event("deleted", text),)},
        removes=FAILURE_ATTRIBUTES,
    )


def retire(before: Row, repository: str, default_tag: str, stamp: Stamp) -> Write:
    """One repository's branch is gone: its component falls back to the default branch."""
    write = _wanted_up(
        stamp,
        conditions=(*_LIVE, Is("revision", before["revision"]), Is("want", Want.UP)),
        sets=retired(repository, default_tag),
        event=stamp.event("retired", f"the branch of {repository} is gone; {default_tag} takes its place"),
    )
    return _also_removing(write, {VERSION + repository, REF + repository})


def retire_last(before: Row, repository: str, default_tag: str, stamp: Stamp, grace_ms: int) -> Write:
    """The branch of the last reported repository is gone: the environment is deleted."""
    write = delete(stamp, grace_ms, f"the branch of {repository}, the last one that had it, is gone")
    return replace(
        write,
        conditions=(*write.conditions, Is("revision", before["revision"])),
        sets={**write.sets, **retired(repository, default_tag)},
        removes=write.removes | {VERSION + repository, REF + repository},
    )


def protect(*, protected: bool, stamp: Stamp) -> Write:
    """Refuse deletion from now on, or allow it again."""
    return Write(
        conditions=(*_LIVE, ROOM, Is("protected", value=not protected), Is("want", Want.UP)),
        sets={"protected": protected},
        increments={"revision": 1},
        appends={"events": (stamp.event("protected" if protected else "unprotected", ""),)},
    )


def redeploy(components: Iterable[str], mark: str, stamp: Stamp, moved: Moved | None = None) -> Write:
    """Roll the given components over even if nothing else has changed; edited config files arrive with it.

    The same `mark` again, as from a client that got no answer, is refused.
    """
    names, moved = sorted(components), moved or NOTHING_MOVED
    unheard = AnyOf(tuple(unmarked for c in names for unmarked in (Absent(REDEPLOY + c), IsNot(REDEPLOY + c, mark))))
    return _wanted_up(
        stamp,
        conditions=(*_LIVE, Is("want", Want.UP), unheard, *moved.conditions),
        sets={**{REDEPLOY + c: mark for c in names}, **moved.attributes},
        event=stamp.event("redeploy", ", ".join(names)),
    )


def reported_attributes(versions: Mapping[str, str]) -> dict[str, Any]:
    """The attributes of versions given without a ref, as PUT and PATCH do."""
    return {VERSION + r: v for r, v in versions.items()}


def build_attributes(build: Build) -> dict[str, Any]:
    """The attributes of a reported build."""
    return _reported(build)


def _wanted_up(stamp: Stamp, *, conditions: tuple[Condition, ...], sets: Mapping[str, Any], event: dict[str, Any] | None) -> Write:
    room: tuple[Condition, ...] = (ROOM,) if event else ()
    return Write(
        conditions=(*conditions, *room),
        sets={**sets, "want": Want.UP, **work_from(Work.SOW, stamp.now_ms), "changed": stamp.now_ms},
        increments={"generation": 1, "revision": 1},
        appends={"events": (event,)} if event else {},
        removes=FAILURE_ATTRIBUTES,
    )


def _also_removing(write: Write, attributes: Iterable[str]) -> Write:
    return replace(write, removes=write.removes | frozenset(attributes))


def _reported(build: Build) -> dict[str, Any]:
    sets: dict[str, Any] = {VERSION + build.repository: build.version, REF + build.repository: build.ref.full}
    if build.sequence is not None:
        sets[SEQUENCE + build.repository] = build.sequence
    return sets


def _listed(reported: Mapping[str, Any]) -> str:
    return ", ".join(f"{a.removeprefix(VERSION)}={v}" for a, v in sorted(reported.items())) or "none"
