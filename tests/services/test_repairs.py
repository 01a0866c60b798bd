"""Repairs look again before they act: what has changed since the look is left alone."""

from collections.abc import Callable

import pytest

from gromit.core.discrepancies.kinds import DiscrepancyKind, Repair
from gromit.core.environments.phases import Phase, Work
from gromit.core.stack.contract import StateHead, StateMark
from gromit.core.stack.image_marks import marks_of, used_mark
from gromit.core.stack.resources import ResourceKind
from gromit.errors import BackendError, ConfigRootUnusable, Suspended, Temporary, UnsafePlan
from tests.fakes.owners import owner
from tests.prove.environment_plants import change_row, put_lock, put_records
from tests.prove.environment_world import EnvironmentWorld, resource

NAME = "app-test"
FOREIGN = StateHead(3, StateMark("other", 7), frozenset({"other"}))


@pytest.fixture
def world() -> EnvironmentWorld:
    """An environment that runs, so that the table is not empty."""
    world = EnvironmentWorld()
    world.report(NAME)
    world.run_pass(Work.SOW)
    world.publish()
    return world


def problems(world: EnvironmentWorld, meanwhile: Callable[[], object]) -> list[str]:
    """Return the problem of each repair, if something happens after the look."""
    found = world.find()
    assert found
    meanwhile()
    return [result.problem for result in world.repair(found)]


def _dead_lock(world: EnvironmentWorld) -> None:
    put_lock(world, NAME, 50)
    world.owners.dead.add(owner(50))


def test_a_lock_that_changed_hands_is_kept(world: EnvironmentWorld) -> None:
    _dead_lock(world)

    def another_worker() -> None:
        del world.states.locks[NAME]
        world.states.lock(NAME, owner(2), "sow")

    assert problems(world, another_worker) == [f"the lock on {NAME} has changed meanwhile"]
    assert NAME in world.states.locks


def test_a_lock_is_kept_if_its_owner_is_not_proven_dead_any_more(world: EnvironmentWorld) -> None:
    _dead_lock(world)
    assert problems(world, world.owners.dead.clear) == [
        f"the lock on {NAME} stays: worker-50 lives"
    ]
    assert NAME in world.states.locks


def test_nothing_is_repaired_under_a_worker(world: EnvironmentWorld) -> None:
    """It has claimed the environment after the look."""
    _dead_lock(world)
    world.resources.existing[NAME].append(resource(ResourceKind.GROUP, NAME, "removed"))

    def claim() -> None:
        world.report(NAME, "sha-2")
        until_ms = world.registry.now_ms + 90_000
        change_row(world, NAME, holder="w", claim_id="n", claimed=2, lease_until=until_ms)

    assert set(problems(world, claim)) <= {
        f"a worker has {NAME}",
        f"the state of {NAME} is locked by worker-50",
    }
    assert NAME in world.states.locks
    assert world.resources.removed == []


def test_a_foreign_state_that_was_replaced_meanwhile_is_kept(world: EnvironmentWorld) -> None:
    ours = world.states.heads[NAME]
    world.states.heads[NAME] = FOREIGN
    restored = problems(world, lambda: world.states.heads.update({NAME: ours}))
    assert restored == [f"the state of {NAME} has changed meanwhile"]
    assert world.states.heads[NAME] == ours


def test_the_state_is_kept_while_another_process_has_its_lock(world: EnvironmentWorld) -> None:
    world.states.heads[NAME] = FOREIGN
    locked = problems(world, lambda: world.states.lock(NAME, owner(2), "terraform"))
    assert locked == [f"the state of {NAME} is locked by someone@here"]
    assert world.states.heads[NAME] == FOREIGN


def test_every_lock_is_released_also_after_a_failure(world: EnvironmentWorld) -> None:
    stray = resource(ResourceKind.GROUP, NAME, "removed")
    world.resources.existing[NAME].append(stray)
    world.resources.faults[stray.id] = BackendError("AWS refuses")
    assert ["AWS refuses" in problem for problem in problems(world, lambda: None)] == [True]
    assert world.states.locks == {}


@pytest.mark.parametrize("change", ["row", "state", "protected"])
def test_a_stray_that_may_belong_now_is_kept(world: EnvironmentWorld, change: str) -> None:
    world.resources.existing[NAME].append(resource(ResourceKind.GROUP, NAME, "removed"))
    changes: dict[str, Callable[[], object]] = {
        "row": lambda: world.report(NAME, "sha-2"),
        "state": lambda: world.states.heads.update({NAME: FOREIGN}),
        "protected": lambda: world.registry.environments.protect(
            NAME, protected=True, stamp=world.registry.stamp()
        ),
    }
    assert all("has changed meanwhile" in p for p in problems(world, changes[change]))
    assert world.resources.removed == []


def test_what_a_new_state_contains_is_no_stray_any_more(world: EnvironmentWorld) -> None:
    world.resources.existing[NAME].append(resource(ResourceKind.GROUP, NAME, "removed"))
    assert problems(world, lambda: world.save(NAME)) == [""]
    assert world.resources.removed == []


def test_records_and_folders_of_an_environment_that_came_back_are_kept(
    world: EnvironmentWorld,
) -> None:
    put_records(world, "lone")
    world.root.render("lone", {"tyk": {"tyk.conf": "{}"}})
    before = world.zone.names()
    assert set(problems(world, lambda: world.report("lone"))) == {"lone has a row again"}
    assert world.zone.names() == before
    assert world.root.folders()["lone"]


def test_one_failure_stops_no_other_repair(world: EnvironmentWorld) -> None:
    _dead_lock(world)
    put_records(world, "lone")
    world.states.faults["unlock"] = [Temporary("S3 is busy")]
    assert set(problems(world, lambda: None)) == {"", "S3 is busy"}
    assert not any("lone" in name for name in world.zone.names())


@pytest.mark.parametrize(
    "fault", [Suspended("processing is suspended"), ConfigRootUnusable("the volume is gone")]
)
def test_a_suspension_ends_the_repairs_at_once(
    world: EnvironmentWorld, fault: Suspended | ConfigRootUnusable
) -> None:
    """Also one that comes between two repairs."""
    for name in ("lone-1", "lone-2"):
        put_records(world, name)
    repairs = world.repairer().run(world.find(), lambda _line: None)
    assert next(repairs).problem == ""
    world.root.fault = fault
    before = world.zone.names()
    with pytest.raises(type(fault)):
        list(repairs)
    assert world.zone.names() == before


def test_a_suspended_environment_is_not_repaired_and_others_are(world: EnvironmentWorld) -> None:
    for name in ("lone-1", "lone-2"):
        world.root.render(name, {"tyk": {"tyk.conf": "{}"}})
    world.rows.suspended["lone-1"] = "suspended by ada"
    assert problems(world, lambda: None) == ["lone-1 is suspended by ada", ""]
    assert world.root.folders() == {NAME: True, "lone-1": True}


def test_a_table_without_rows_is_a_wrong_one() -> None:
    world = EnvironmentWorld()
    world.make("lone")
    with pytest.raises(UnsafePlan, match="the table has no rows"):
        world.repairer().check(world.look(), world.find())


def test_no_more_environments_lose_something_than_a_run_of_reap_may_destroy(
    world: EnvironmentWorld,
) -> None:
    for number in range(3):
        world.make(f"lone-{number}")
    found = world.find()
    world.repairer(limit=3).check(world.look(), found)
    with pytest.raises(UnsafePlan, match="3 environments would lose something, more than 2"):
        world.repairer(limit=2).check(world.look(), found)


def test_repairs_that_depend_on_each_other_come_in_order(world: EnvironmentWorld) -> None:
    """A lock first, then a state, then reap."""
    world.make("lone")
    world.states.heads["lone"] = FOREIGN
    put_lock(world, "lone", 50)
    world.owners.dead.add(owner(50))
    results = world.repair(world.find())
    assert [r.discrepancy.repair for r in results] == [
        Repair.UNLOCK,
        Repair.SET_ASIDE_STATE,
        Repair.REAP,
    ]
    assert not any(r.problem for r in results)
    assert world.states.aside == [("lone", FOREIGN)]
    assert world.registry.phase("lone") is Phase.DELETING


def test_without_a_zone_or_a_config_root_their_repairs_are_refused(world: EnvironmentWorld) -> None:
    put_records(world, "lone")
    world.root.render("lone", {"tyk": {"tyk.conf": "{}"}})
    found = world.find()
    repairer = world.repairer(parts=False)
    refused = {r.problem for r in repairer.run(found, lambda _line: None)}
    assert refused == {"no zone is set", "the config root is not on this machine"}


def test_a_row_of_gromit_v1_is_not_taken_for_none(world: EnvironmentWorld) -> None:
    """A listing leaves it out, and nothing of its environment is a leftover."""
    world.make("old")
    world.registry.store.put({"name": "old", "tyk": "sha-1", "state": "processed"})
    assert [(d.environment, d.kind) for d in world.find()] == [("old", "unreadable_row")]


def _run_expiring_image(world: EnvironmentWorld) -> str:
    """Let the environment run an image that will expire, and return its digest."""
    (digest,) = _run_expiring_images(world, tyk=f"sha-{NAME}")
    return digest


def _run_expiring_images(world: EnvironmentWorld, **versions: str) -> list[str]:
    """Let components of the environment run images that will expire; return their digests."""
    components = {}
    for component, version in versions.items():
        repository = component.replace("_", "-")
        digest = world.registry.images.push(repository, "a-sha", f"what runs of {repository}")
        made = {"version": version, "repository": repository, "digest": digest}
        components[repository] = made
        world.expiries.at_ms[repository, digest] = world.registry.now_ms + 3_600_000
    row = {"at": world.registry.now_ms, "recipe": "", "components": components}
    change_row(world, NAME, made=row)
    return [str(made["digest"]) for made in components.values()]


def test_an_image_that_an_environment_runs_is_tagged_before_it_expires(
    world: EnvironmentWorld,
) -> None:
    """And the registry keeps it: the next look finds nothing."""
    digest = _run_expiring_image(world)
    (found,) = world.find()
    assert (found.kind, found.subject) == (DiscrepancyKind.IMAGE_EXPIRING, f"tyk@{digest}")
    assert [result.problem for result in world.repair([found])] == [""]
    assert world.registry.images.tags("tyk", digest) == {"a-sha", used_mark(NAME)}
    assert world.find() == []


def test_each_of_several_images_of_an_environment_is_tagged(world: EnvironmentWorld) -> None:
    digests = _run_expiring_images(world, tyk=f"sha-{NAME}", tyk_analytics="master")
    found = world.find()
    repositories = ("tyk", "tyk-analytics")
    assert {d.subject for d in found} == {
        f"{repository}@{digest}" for repository, digest in zip(repositories, digests, strict=True)
    }
    assert [result.problem for result in world.repair(found)] == ["", ""]
    for repository, digest in zip(repositories, digests, strict=True):
        assert used_mark(NAME) in world.registry.images.tags(repository, digest)
    assert world.find() == []


@pytest.mark.parametrize("change", ["image", "row", "end"])
def test_an_image_that_is_gone_or_does_not_run_any_more_is_not_tagged(
    world: EnvironmentWorld, change: str
) -> None:
    digest = _run_expiring_image(world)
    changes: dict[str, Callable[[], object]] = {
        "image": lambda: world.registry.images.expire("tyk", digest),
        "row": lambda: change_row(world, NAME, made=None),
        "end": lambda: world.registry.environments.delete(NAME, world.registry.stamp()),
    }
    (problem,) = problems(world, changes[change])
    assert problem in {
        f"image tyk@{digest} is gone",
        f"{NAME} does not run tyk@{digest} any more",
    }
    assert used_mark(NAME) not in world.registry.images.tags("tyk")


def _keep_images(world: EnvironmentWorld, name: str) -> None:
    """Keep an image for an environment, and for one of that name of another installation."""
    digest = world.registry.images.push("tyk", "a-sha", "kept")
    for installation in ("", "team-b"):
        for tag in marks_of(name, installation):
            world.registry.images.mark([("tyk", digest)], tag)


def test_images_are_released_only_by_the_installation_that_kept_them(
    world: EnvironmentWorld,
) -> None:
    _keep_images(world, "lone")
    kept = set(marks_of("lone", "team-b"))
    assert problems(world, lambda: None) == [""]
    assert world.registry.images.tags("tyk") >= {"a-sha", *kept}
    assert not world.registry.images.tags("tyk") & {*marks_of("lone", "")}
    assert world.find() == []
    assert world.states.locks == {}


@pytest.mark.parametrize("change", ["row", "worker"])
def test_images_of_an_environment_that_came_back_stay_kept(
    world: EnvironmentWorld, change: str
) -> None:
    _keep_images(world, "lone")
    changes: dict[str, Callable[[], object]] = {
        "row": lambda: world.report("lone"),
        "worker": lambda: world.states.lock("lone", owner(2), "sow"),
    }
    (problem,) = problems(world, changes[change])
    assert problem in {"lone has a row again", "the state of lone is locked by someone@here"}
    assert world.registry.images.tags("tyk") >= {*marks_of("lone", "")}
