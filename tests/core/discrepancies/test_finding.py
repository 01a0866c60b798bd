"""Discrepancies: each kind alone in a healthy installation, and none in a healthy one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from gromit.core.discrepancies.facts import (
    ImageFacts,
    InstallationInventory,
    LockFacts,
    RowFacts,
    StateFacts,
)
from gromit.core.discrepancies.finding import find_discrepancies
from gromit.core.discrepancies.kinds import DiscrepancyKind as Kind
from gromit.core.discrepancies.kinds import Repair
from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import RecordSet, owner_record
from gromit.core.environments.phases import Phase
from gromit.core.environments.terraform_locks import FoundLock, Verdict
from gromit.core.stack.clusters import ClusterState
from gromit.core.stack.contract import StateHead, StateMark
from gromit.core.stack.image_marks import ImageMark
from gromit.core.stack.resources import ListedResource, Resource, ResourceKind
from gromit.core.time import iso

NOW = 1_800_000_000_000
HOUR = 3_600_000
DOMAIN = "dev.example.com"
DIGEST = "sha256:" + "1" * 64
_MARK = StateMark("lineage", 3)


def _row(name: str, phase: Phase, **given: Any) -> RowFacts:
    facts: dict[str, Any] = {
        "protected": False,
        "is_scheduled": phase in {Phase.PENDING, Phase.FAILED, Phase.DELETING},
        "lease_until_ms": None,
        "versions": {"app": "sha-1"},
        "built": {},
        "fingerprint": (),
    }
    return RowFacts(name=name, phase=phase, **{**facts, **given})


def _group(
    name: str, *, is_ours: bool = True, is_here: bool = True, id_: str = "", owner: str = ""
) -> Any:
    group = Resource(
        kind=ResourceKind.GROUP,
        id=id_ or f"sg-{name}",
        is_ours=is_ours and not owner,
        owner=owner,
    )
    return ListedResource(environment=name, resource=group, is_here=is_here)


def _head(name: str, *owners: str) -> StateFacts:
    held = {"module.component.aws_security_group.this": (ResourceKind.GROUP, f"sg-{name}")}
    return StateFacts(StateHead(2, _MARK, frozenset(owners or {name}), held=held))


def _neighbours_head(name: str) -> StateFacts:
    return StateFacts(StateHead(2, _MARK, frozenset({name}), neighbours=frozenset({"team-b"})))


def _lock(name: str, verdict: Verdict, created_ms: int) -> LockFacts:
    found = FoundLock(
        environment=name,
        id=f"lock-{name}",
        etag="",
        who="someone",
        operation="",
        created=iso(created_ms),
        owner=None,
    )
    return LockFacts(found, verdict)


def _records(name: str) -> list[RecordSet]:
    return [
        RecordSet(f"app.{name}.{DOMAIN}", "A", 10, frozenset({"203.0.113.1"})),
        owner_record(name, DOMAIN),
    ]


HEALTHY = InstallationInventory(
    now_ms=NOW,
    components=frozenset({"app"}),
    public=frozenset({"app"}),
    owner=NameOwner(DOMAIN),
    rows={
        "good": _row("good", Phase.READY),
        "busy": _row("busy", Phase.SOWING, lease_until_ms=NOW + HOUR // 60),
        "new": _row("new", Phase.PENDING),
        "ended": _row("ended", Phase.GONE),
        "ending": _row("ending", Phase.DELETING),
        "parked": _row("parked", Phase.PARKED),
    },
    states={
        "parked": _head("parked"),
        "good": _head("good"),
        "busy": StateFacts(None),
        "ending": _head("ending"),
    },
    locks={"busy": _lock("busy", Verdict(dead=False, reason="unknown"), NOW - 2 * HOUR)},
    clusters={
        "good": ClusterState("good", 1, 0, 1),
        "busy": ClusterState("busy", 0, 0, 0),
        "ending": ClusterState("ending", 1, 1, 0),
        "parked": ClusterState("parked", 1, 0, 0),
        "theirs": ClusterState("theirs", 4, 4, 0, is_ours=False),
    },
    resources=(_group("good"), _group("busy"), _group("ending")),
    records=[*_records("good"), RecordSet(f"mail.{DOMAIN}", "MX", 10, frozenset({"1 mail"}))],
    folders={"good": True, "ending": True},
    images={("app", "sha-1"): ImageFacts(NOW + 200 * HOUR)},
    marks=[
        *(ImageMark("tyk", name, "") for name in ("good", "busy", "new", "ending", "parked")),
        ImageMark("tyk", "theirs", "team-b"),
    ],
    required={"good": frozenset({("app", "sha-1")})},
)

Plant = Callable[[InstallationInventory], InstallationInventory]


def _rows(**rows: RowFacts) -> Plant:
    return lambda one: replace(one, rows={**one.rows, **rows})


def _changed(one: InstallationInventory, field: str, value: Any) -> InstallationInventory:
    changes: dict[str, Any] = {field: value}
    return replace(one, **changes)


def _without(field: str, name: object) -> Plant:
    def plant(one: InstallationInventory) -> InstallationInventory:
        kept = {key: value for key, value in getattr(one, field).items() if key != name}
        return _changed(one, field, kept)

    return plant


def _with(field: str, entries: Mapping[Any, Any]) -> Plant:
    return lambda one: _changed(one, field, {**getattr(one, field), **entries})


def _more(field: str, *items: Any) -> Plant:
    return lambda one: _changed(one, field, [*getattr(one, field), *items])


def _with_marks(*marks: ImageMark, installation: str = "") -> Plant:
    return lambda one: replace(one, marks=marks, installation=installation)


DEAD, UNKNOWN = Verdict(dead=True, reason="dead"), Verdict(dead=False, reason="unknown")
PLANTS: list[tuple[str, Plant, str, Kind, Repair]] = [
    (
        "damaged",
        lambda one: replace(one, unreadable=frozenset({"bad"})),
        "bad",
        Kind.UNREADABLE_ROW,
        Repair.PERSON,
    ),
    (
        "no work",
        _rows(new=_row("new", Phase.PENDING, is_scheduled=False)),
        "new",
        Kind.UNSCHEDULED_WORK,
        Repair.REDEPLOY,
    ),
    (
        "no deletion",
        _rows(ending=_row("ending", Phase.DELETING, is_scheduled=False)),
        "ending",
        Kind.UNSCHEDULED_WORK,
        Repair.REAP,
    ),
    (
        "lease over",
        _rows(new=_row("new", Phase.PENDING, lease_until_ms=NOW - 2 * HOUR)),
        "new",
        Kind.STUCK_LEASE,
        Repair.RETRY,
    ),
    (
        "lease for ever",
        _rows(new=_row("new", Phase.SOWING, lease_until_ms=NOW + 99 * HOUR)),
        "new",
        Kind.STUCK_LEASE,
        Repair.PERSON,
    ),
    (
        "no image",
        _without("images", ("app", "sha-1")),
        "good",
        Kind.IMAGE_MISSING,
        Repair.PERSON,
    ),
    (
        "old image",
        _with("images", {("app", "sha-1"): ImageFacts(NOW + 9 * HOUR)}),
        "good",
        Kind.IMAGE_EXPIRING,
        Repair.PERSON,
    ),
    (
        "no image of what runs",
        _with("required", {"good": frozenset({("app", DIGEST)})}),
        "good",
        Kind.IMAGE_MISSING,
        Repair.PERSON,
    ),
    (
        "old image of what runs",
        lambda inventory: replace(
            inventory,
            required={"good": frozenset({("app", DIGEST)})},
            images={("app", DIGEST): ImageFacts(NOW + 9 * HOUR)},
        ),
        "good",
        Kind.IMAGE_EXPIRING,
        Repair.KEEP_IMAGE,
    ),
    ("no cluster", _without("clusters", "good"), "good", Kind.ROW_WITHOUT_WORLD, Repair.REDEPLOY),
    (
        "no service",
        _with("clusters", {"good": ClusterState("good", 0, 0, 0)}),
        "good",
        Kind.DRIFTED,
        Repair.REDEPLOY,
    ),
    (
        "no task of what was seen degraded",
        lambda one: _with("clusters", {"good": ClusterState("good", 1, 0, 0)})(
            _rows(good=_row("good", Phase.DEGRADED))(one)
        ),
        "good",
        Kind.DRIFTED,
        Repair.REDEPLOY,
    ),
    (
        "no task",
        _with("clusters", {"good": ClusterState("good", 1, 0, 0)}),
        "good",
        Kind.DRIFTED,
        Repair.REDEPLOY,
    ),
    ("world", _more("resources", _group("lone")), "lone", Kind.WORLD_WITHOUT_ROW, Repair.REAP),
    (
        "another installation's world",
        _more("resources", _group("lone", is_here=False)),
        "lone",
        Kind.WORLD_WITHOUT_ROW,
        Repair.PERSON,
    ),
    (
        "a cluster without any proof",
        _with("clusters", {"lone": ClusterState("lone", 1, 1, 0)}),
        "lone",
        Kind.WORLD_WITHOUT_ROW,
        Repair.PERSON,
    ),
    ("leftover", _more("resources", _group("ended")), "ended", Kind.LEAKED_RESOURCE, Repair.REAP),
    (
        "stray",
        _more("resources", _group("good", id_="sg-2")),
        "good",
        Kind.LEAKED_RESOURCE,
        Repair.REMOVE,
    ),
    (
        "namesake",
        _more("resources", _group("new", is_ours=False)),
        "new",
        Kind.FOREIGN_RESOURCE,
        Repair.PERSON,
    ),
    ("lost state", _without("states", "good"), "good", Kind.LOST_STATE, Repair.REDEPLOY),
    (
        "state alone",
        _with("states", {"lone": _head("lone")}),
        "lone",
        Kind.ORPHAN_STATE,
        Repair.SET_ASIDE_STATE,
    ),
    (
        "state of a tombstone",
        _with("states", {"ended": StateFacts(None)}),
        "ended",
        Kind.ORPHAN_STATE,
        Repair.SET_ASIDE_STATE,
    ),
    (
        "other owner",
        _with("states", {"good": _head("good", "good", "other")}),
        "good",
        Kind.FOREIGN_STATE,
        Repair.SET_ASIDE_STATE,
    ),
    (
        "state of a neighbour",
        _with("states", {"lone": _neighbours_head("lone")}),
        "lone",
        Kind.FOREIGN_STATE,
        Repair.PERSON,
    ),
    (
        "state of a neighbour in the place of ours",
        _with("states", {"good": _neighbours_head("good")}),
        "good",
        Kind.FOREIGN_STATE,
        Repair.PERSON,
    ),
    (
        "name of a neighbour",
        _more("resources", _group("new", owner="team-b")),
        "new",
        Kind.FOREIGN_RESOURCE,
        Repair.PERSON,
    ),
    (
        "no state at all",
        _with("states", {"ending": StateFacts(None, "it is not a terraform state")}),
        "ending",
        Kind.FOREIGN_STATE,
        Repair.SET_ASIDE_STATE,
    ),
    (
        "images kept for none",
        _with_marks(ImageMark("tyk", "lone", "")),
        "lone",
        Kind.ORPHAN_IMAGE_MARK,
        Repair.RELEASE_IMAGES,
    ),
    (
        "images kept for a tombstone",
        _with_marks(ImageMark("tyk", "ended", "team-a"), installation="team-a"),
        "ended",
        Kind.ORPHAN_IMAGE_MARK,
        Repair.RELEASE_IMAGES,
    ),
    (
        "images kept for a tombstone before the installation had a name",
        _with_marks(ImageMark("tyk", "ended", ""), installation="team-a"),
        "ended",
        Kind.ORPHAN_IMAGE_MARK,
        Repair.PERSON,
    ),
    (
        "dead owner",
        _with("locks", {"good": _lock("good", DEAD, NOW)}),
        "good",
        Kind.STALE_LOCK,
        Repair.UNLOCK,
    ),
    (
        "no proof",
        _with("locks", {"good": _lock("good", UNKNOWN, NOW - 2 * HOUR)}),
        "good",
        Kind.STALE_LOCK,
        Repair.PERSON,
    ),
    (
        "records",
        _more("records", *_records("lone")),
        "lone",
        Kind.DANGLING_RECORD,
        Repair.RETIRE_RECORDS,
    ),
    (
        "record of others",
        _more("records", _records("new")[0]),
        "new",
        Kind.FOREIGN_RECORD,
        Repair.PERSON,
    ),
    (
        "folder",
        _with("folders", {"lone": True}),
        "lone",
        Kind.ORPHAN_CONFIG,
        Repair.SET_ASIDE_CONFIG,
    ),
    (
        "another folder",
        _with("folders", {"lone": False}),
        "lone",
        Kind.ORPHAN_CONFIG,
        Repair.PERSON,
    ),
]


def test_a_healthy_installation_has_none() -> None:
    """Environments in every phase, and a cluster and records of others."""
    assert find_discrepancies(HEALTHY) == []


@pytest.mark.parametrize(
    ("plant", "environment", "kind", "repair"),
    [plant[1:] for plant in PLANTS],
    ids=[plant[0] for plant in PLANTS],
)
def test_each_kind_is_found_alone(
    plant: Plant, environment: str, kind: Kind, repair: Repair
) -> None:
    """With its environment and its repair, and nothing besides it."""
    found = find_discrepancies(plant(HEALTHY))
    assert {(d.environment, d.kind, d.repair) for d in found} == {(environment, kind, repair)}
    assert all(d.seen and d.remedy for d in found)


def test_every_kind_is_planted() -> None:
    """A new kind needs a case."""
    assert {kind for _, _, _, kind, _ in PLANTS} == set(Kind)


def test_a_build_explains_a_missing_image_and_tasks_that_do_not_run_and_nothing_else() -> None:
    """The alarm of the operators leaves them out."""
    found = {
        what: {d.is_of_build for d in find_discrepancies(plant(HEALTHY))}
        for what, plant, _, _, _ in PLANTS
    }
    assert {what for what, answers in found.items() if answers == {True}} == {
        "no image",
        "no task of what was seen degraded",
        "no task",
    }
    assert all(len(answers) == 1 for answers in found.values())


@pytest.mark.parametrize("unclear", ["changed", "unreadable"])
def test_nothing_is_concluded_from_an_unclear_row(unclear: str) -> None:
    """It may desire what exists, or what does not."""
    everything = HEALTHY
    for _, plant, environment, kind, _ in PLANTS:
        if environment == "lone" or kind is Kind.STALE_LOCK:
            everything = plant(everything)
    names = frozenset({"lone", "good"})
    found = find_discrepancies(_changed(everything, unclear, names))
    assert {d.kind for d in found} <= {Kind.UNREADABLE_ROW}


def test_a_protected_environment_keeps_its_strays() -> None:
    """A person decides about them."""
    stray = _more("resources", _group("good", id_="sg-2"))
    protected = _rows(good=_row("good", Phase.READY, protected=True))
    found = find_discrepancies(protected(stray(HEALTHY)))
    assert [d.repair for d in found] == [Repair.PERSON]


def test_a_young_lock_without_proof_is_left_alone() -> None:
    """A person may be at work with `gromit terraform`."""
    planted = _with("locks", {"good": _lock("good", UNKNOWN, NOW - HOUR // 2)})
    assert find_discrepancies(planted(HEALTHY)) == []


def test_images_of_others_and_of_what_runs_are_kept() -> None:
    """Reap removes the marks of what runs. A mark without a name may be another installation's."""
    mark = ImageMark("tyk", "lone", "team-a")
    found = find_discrepancies(_with_marks(mark)(_more("resources", _group("lone"))(HEALTHY)))
    assert {d.kind for d in found} == {Kind.WORLD_WITHOUT_ROW}
    neighbours = (mark, ImageMark("tyk", "ended", "team-a"), ImageMark("tyk", "lone", ""))
    assert find_discrepancies(_with_marks(*neighbours, installation="team-b")(HEALTHY)) == []
    both = (ImageMark("tyk", "ended", ""), ImageMark("tyk", "ended", "team-b"))
    found = find_discrepancies(_with_marks(*both, installation="team-b")(HEALTHY))
    assert {(d.subject, d.repair) for d in found} == {
        ("gromit..ended", Repair.PERSON),
        ("gromit..team-b.ended", Repair.RELEASE_IMAGES),
    }


def test_a_foreign_state_is_no_proof_of_a_world() -> None:
    """Neither is a state beside a group in another VPC."""
    cluster = _with("clusters", {"lone": ClusterState("lone", 1, 1, 0)})
    for state in (_head("lone", "other"), _head("lone")):
        elsewhere = _more("resources", _group("lone", is_here=False))
        planted = _with("states", {"lone": state})(elsewhere(cluster(HEALTHY)))
        found = [d for d in find_discrepancies(planted) if d.kind is Kind.WORLD_WITHOUT_ROW]
        assert [d.repair for d in found] == [Repair.PERSON]
    proven = _with("states", {"lone": _head("lone")})(cluster(HEALTHY))
    assert [d.repair for d in find_discrepancies(proven)] == [Repair.REAP]
