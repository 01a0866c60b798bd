"""Leftovers become due for reaping, through a row that is desired gone."""

import pytest

from gromit.core.environments.phases import Phase, Work
from gromit.errors import Conflict, InvalidInput, UnreadableRow
from gromit.services.leftovers import Leftovers
from tests.prove.environment_plants import change_row
from tests.prove.environment_world import EnvironmentWorld
from tests.services.registry import GRACE_MS

NAME = "app-test"


@pytest.fixture
def world() -> EnvironmentWorld:
    return EnvironmentWorld()


def reap(world: EnvironmentWorld, name: str = NAME) -> Phase:
    serve = world.registry.environments
    leftovers = Leftovers(serve.ledger, serve.policy, serve.new_id)
    found = leftovers.reap(name, world.registry.stamp("operator:ada"))
    return found.phase(world.registry.now_ms)


def test_leftovers_without_a_row_are_reaped_after_the_grace_period(world: EnvironmentWorld) -> None:
    world.make(NAME)
    assert reap(world) is Phase.DELETING
    world.run_pass(Work.REAP)
    assert world.registry.phase(NAME) is Phase.DELETING
    assert world.resources.existing[NAME]
    world.registry.now_ms += GRACE_MS
    world.run_pass(Work.REAP)
    assert world.registry.phase(NAME) is Phase.GONE
    assert world.resources.existing[NAME] == []
    events = world.registry.environments.inspect(NAME).events
    assert [(e.kind, e.actor) for e in events] == [
        ("deleted", "operator:ada"),
        ("reaped", "worker"),
    ]


def test_a_build_within_the_grace_period_revives_and_keeps_them(world: EnvironmentWorld) -> None:
    world.make(NAME)
    before = list(world.resources.existing[NAME])
    reap(world)
    world.report(NAME)
    world.registry.now_ms += GRACE_MS
    world.run_pass(Work.REAP)
    world.run_pass(Work.SOW)
    assert world.registry.phase(NAME) is Phase.READY
    assert world.resources.existing[NAME] == before


def test_leftovers_of_a_tombstone_are_reaped_again(world: EnvironmentWorld) -> None:
    world.report(NAME)
    world.run_pass(Work.SOW)
    world.registry.environments.delete(NAME, world.registry.stamp())
    world.registry.now_ms += GRACE_MS
    world.run_pass(Work.REAP)
    world.make(NAME)
    assert reap(world) is Phase.DELETING
    world.registry.now_ms += GRACE_MS
    world.run_pass(Work.REAP)
    assert world.registry.phase(NAME) is Phase.GONE
    assert world.resources.existing[NAME] == []


def test_a_revival_of_leftovers_brings_no_version_of_the_dead_branch_back(
    world: EnvironmentWorld,
) -> None:
    world.report(NAME)
    world.registry.report("tyk-pump", "dead", ref=NAME)
    world.run_pass(Work.SOW)
    world.registry.environments.delete(NAME, world.registry.stamp())
    world.registry.now_ms += GRACE_MS
    world.run_pass(Work.REAP)
    first = world.registry.environments.inspect(NAME).incarnation
    reap(world)
    world.registry.report("tyk", "living", ref=NAME)
    environment = world.registry.environments.inspect(NAME)
    assert environment.incarnation != first
    assert environment.reported == {"tyk"}
    assert environment.row["images_since"] == environment.row["deleted_at"] - GRACE_MS


def test_a_repeated_request_changes_nothing(world: EnvironmentWorld) -> None:
    """The client repeats one whose answer is lost."""
    reap(world)
    before = world.registry.store.read(NAME)
    assert reap(world) is Phase.DELETING
    assert world.registry.store.read(NAME) == before


def test_a_deletion_that_no_worker_would_get_becomes_due(world: EnvironmentWorld) -> None:
    world.report(NAME)
    world.registry.environments.delete(NAME, world.registry.stamp())
    change_row(world, NAME, work=None, due=None, since=None)
    reap(world)
    world.registry.now_ms += GRACE_MS
    world.run_pass(Work.REAP)
    assert world.registry.phase(NAME) is Phase.GONE


def test_a_desired_environment_is_no_leftover(world: EnvironmentWorld) -> None:
    world.report(NAME)
    before = world.registry.store.read(NAME)
    with pytest.raises(Conflict, match="its row names it"):
        reap(world)
    assert world.registry.store.read(NAME) == before


def test_protected_names_damaged_rows_and_branches_are_refused(world: EnvironmentWorld) -> None:
    world.make("master")
    with pytest.raises(Conflict, match="master is protected"):
        reap(world, "master")
    with pytest.raises(InvalidInput, match="not the name of an environment"):
        reap(world, "refs/heads/app-test")
    world.report(NAME)
    change_row(world, NAME, want="maybe")
    with pytest.raises(UnreadableRow):
        reap(world)
