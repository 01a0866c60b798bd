"""The life of an environment as conditional writes: who may change a row, when, and into what.

    (none, gone) ──build──▶ pending ──claim──▶ sowing ──done, generation = claimed──▶ ready
                              ▲  ▲               │ │└──done, generation > claimed──▶ pending or deleting
                 build ───────┘  └─ lease ends ──┘ └──fail──▶ failed ──(due)──▶ pending
    up ──delete──▶ deleting ──claim──▶ reaping ──done, generation = claimed──▶ gone (tombstone)
                                          └──done, generation > claimed──▶ pending, nothing of it observed

Every accepted change of what is wanted adds 1 to `generation`; a worker makes one generation true and says which. A worker whose
lease ran out is known by its epoch and can change nothing. Nothing here reads a clock: instants and lengths are milliseconds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gromit.core.claims import Claimant, Fence
from gromit.core.environment import FALLBACK, REDEPLOY, REF, SEQUENCE, VERSION, Event, Version, Want, Work
from gromit.core.fallbacks import NOTHING_MOVED, Moved, attributes_of, retired
from gromit.core.names import Ref
from gromit.core.rows import Absent, AnyOf, AtMost, Below, Condition, Exceeds, Is, IsNot, Present, Row, Same, Shorter, Write

HISTORY_MAX = 60
"""Events a row may hold before it is cut back; mostly of some 150 bytes, they stay below 40 KB of an item's 400."""
HISTORY_KEPT = 30
EVENT_TEXT_MAX = 400
"""Characters of an event's text; what went wrong last is also kept whole, once."""
TOMBSTONE_MS = 30 * 86_400_000
"""A tombstone stays for 30 days, so that a late report of an old build cannot bring an environment back."""

_LIVE: tuple[Condition, ...] = (Present("generation"), Absent("gone_at"))
_ROOM = AnyOf((Absent("events"), Shorter("events", HISTORY_MAX)))
_LEASE = frozenset({"holder", "lease_until", "claimed", "claim_id", "task"})
_FAILURE = frozenset({"attempts", "last_error"})
_WORK = frozenset({"work", "due", "since"})
_PARTS = (VERSION, REF, FALLBACK, REDEPLOY)


@dataclass(frozen=True, slots=True)
class Build:
    """What a repository reports."""

    repository: str
    ref: Ref
    version: str
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who asked for a change, and when."""

    actor: str
    now_ms: int

    def event(self, kind: str, text: str) -> dict[str, Any]:
        """An event of this change, as it lies in the row."""
        return Event(self.now_ms, self.actor, kind, text[:EVENT_TEXT_MAX]).to_row()


@dataclass(frozen=True, slots=True)
class Birth:
    """What a new incarnation starts with."""

    incarnation: str
    protected: bool
    fallbacks: Mapping[str, Version]


# ── what clients want ─────────────────────────────────────────────────────────────────────────────


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
        conditions=(*_LIVE, _ROOM, Is("want", Want.UP), Present("attempts"), Present("work"), Absent("holder")),
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
    old = {a for a in before if a.startswith(_PARTS)} | {"gone_at", "expire_at", "spec_hash", "last_done", "events"} | _LEASE
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
        conditions=(*_LIVE, _ROOM, Is("want", Want.UP), Is("protected", value=False)),
        sets={"want": Want.GONE, **work_from(Work.REAP, stamp.now_ms + grace_ms), "changed": stamp.now_ms},
        increments={"generation": 1, "revision": 1},
        appends={"events": (stamp.event("deleted", text),)},
        removes=_FAILURE,
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
        conditions=(*_LIVE, _ROOM, Is("protected", value=not protected), Is("want", Want.UP)),
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


def cut_history(before: Row) -> Write:
    """Keep only the newest events, in a write of its own, so that every other write can just append."""
    return Write(
        conditions=(Is("revision", before["revision"]),),
        sets={"events": list(before["events"])[-HISTORY_KEPT:]},
        increments={"revision": 1},
    )


def reported_attributes(versions: Mapping[str, str]) -> dict[str, Any]:
    """The attributes of versions given without a ref, as PUT and PATCH do."""
    return {VERSION + r: v for r, v in versions.items()}


def work_from(kind: Work, at_ms: int) -> dict[str, Any]:
    """The attributes of work that is to be done from an instant on; what fails is due later, but asked for `since` then."""
    return {"work": kind, "due": at_ms, "since": at_ms}


def build_attributes(build: Build) -> dict[str, Any]:
    """The attributes of a reported build."""
    return _reported(build)


# ── what workers do ───────────────────────────────────────────────────────────────────────────────


def claim(kind: Work, claimant: Claimant, now_ms: int, ttl_ms: int) -> Write:
    """Take due work that nobody holds."""
    free = AnyOf((Absent("holder"), Below("lease_until", now_ms)))
    common = (Absent("gone_at"), Is("work", kind), AtMost("due", now_ms), free)
    wanted: tuple[Condition, ...] = (Is("want", Want.GONE), Is("protected", value=False))
    if kind is Work.SOW:
        wanted = (Is("want", Want.UP), Exceeds("generation", "observed"))
    sets: dict[str, Any] = {"holder": claimant.holder, "claim_id": claimant.nonce, "lease_until": now_ms + ttl_ms}
    if claimant.task:
        sets["task"] = claimant.task
    if kind is Work.SOW:
        sets["infra"] = True
    return Write(
        conditions=(*common, *wanted),
        sets=sets,
        copies={"claimed": "generation"},
        increments={"epoch": 1, "revision": 1},
        removes=frozenset() if claimant.task else frozenset({"task"}),
    )


def renew(fence: Fence, now_ms: int, ttl_ms: int) -> Write:
    """Keep a claim; also how a worker verifies it while it holds the terraform lock."""
    return Write(conditions=fence.conditions, sets={"lease_until": now_ms + ttl_ms})


def release(fence: Fence) -> Write:
    """Give a claim back without an outcome; the work stays due."""
    return Write(conditions=fence.conditions, increments={"revision": 1}, removes=_LEASE)


def sown(fence: Fence, claim_id: str, spec_hash: str, stamp: Stamp) -> Write:
    """The claimed generation runs, and nothing newer is wanted."""
    return Write(
        conditions=(*fence.conditions, _ROOM, Same("generation", "claimed"), Is("want", Want.UP)),
        sets={"spec_hash": spec_hash, "last_done": claim_id, "changed": stamp.now_ms},
        copies={"observed": "claimed", "hash_epoch": "epoch"},
        increments={"revision": 1},
        appends={"events": (stamp.event("sown", ""),)},
        removes=_LEASE | _FAILURE | _WORK,
    )


def sown_but_changed(fence: Fence, claim_id: str, spec_hash: str, stamp: Stamp) -> Write:
    """The claimed generation runs, but something newer is wanted: the work stays due."""
    return Write(
        conditions=(*fence.conditions, _ROOM, Exceeds("generation", "claimed")),
        sets={"spec_hash": spec_hash, "last_done": claim_id, "changed": stamp.now_ms},
        copies={"observed": "claimed", "hash_epoch": "epoch"},
        increments={"revision": 1},
        appends={"events": (stamp.event("sown", "something newer is wanted already"),)},
        removes=_LEASE | _FAILURE,
    )


def reaped(fence: Fence, claim_id: str, stamp: Stamp) -> Write:
    """Nothing of it is left: a tombstone remains, which keeps the build sequences."""
    return Write(
        conditions=(*fence.conditions, _ROOM, Same("generation", "claimed"), Is("want", Want.GONE)),
        sets={
            "infra": False,
            "gone_at": stamp.now_ms,
            "expire_at": (stamp.now_ms + TOMBSTONE_MS) // 1000,
            "last_done": claim_id,
            "changed": stamp.now_ms,
        },
        copies={"observed": "claimed"},
        increments={"revision": 1},
        appends={"events": (stamp.event("reaped", ""),)},
        removes=_LEASE | _FAILURE | _WORK | {"spec_hash"},
    )


def reaped_but_revived(fence: Fence, claim_id: str, stamp: Stamp) -> Write:
    """Everything was destroyed, but it is wanted again: the row stays and nothing counts as observed."""
    return Write(
        conditions=(*fence.conditions, _ROOM, Exceeds("generation", "claimed")),
        sets={"infra": False, "observed": 0, "last_done": claim_id, "changed": stamp.now_ms},
        increments={"revision": 1},
        appends={"events": (stamp.event("reaped", "and wanted again"),)},
        removes=_LEASE | _FAILURE | {"spec_hash"},
    )


def failed(fence: Fence, failure: Mapping[str, str], retry_ms: int, stamp: Stamp) -> Write:
    """It did not work; try again after `retry_ms`. Only while nothing newer is wanted."""
    return Write(
        conditions=(*fence.conditions, _ROOM, Same("generation", "claimed")),
        sets={"due": stamp.now_ms + retry_ms, "last_error": {**failure, "at": stamp.now_ms}, "changed": stamp.now_ms},
        copies={"failed_epoch": "epoch"},
        increments={"revision": 1, "attempts": 1},
        appends={"events": (stamp.event("failed", f"{failure['kind']}: {failure['message']}"),)},
        removes=_LEASE | {"spec_hash"},
    )


def failed_but_changed(fence: Fence, failure: Mapping[str, str], stamp: Stamp) -> Write:
    """It did not work, but something newer is wanted anyway: the work stays due as the change has set it."""
    return Write(
        conditions=(*fence.conditions, _ROOM, Exceeds("generation", "claimed")),
        sets={"changed": stamp.now_ms},
        copies={"failed_epoch": "epoch"},
        increments={"revision": 1},
        appends={"events": (stamp.event("failed", f"{failure['kind']}: {failure['message']}; something newer is wanted"),)},
        removes=_LEASE | {"spec_hash"},
    )


def _wanted_up(stamp: Stamp, *, conditions: tuple[Condition, ...], sets: Mapping[str, Any], event: dict[str, Any] | None) -> Write:
    room: tuple[Condition, ...] = (_ROOM,) if event else ()
    return Write(
        conditions=(*conditions, *room),
        sets={**sets, "want": Want.UP, **work_from(Work.SOW, stamp.now_ms), "changed": stamp.now_ms},
        increments={"generation": 1, "revision": 1},
        appends={"events": (event,)} if event else {},
        removes=_FAILURE,
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
