"""Reaping of an environment; its row stays while any resource of it is left."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from gromit.core.environments.environment import Work
from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.contract import StateHead, StateMark
from gromit.errors import BackendError, Conflict, Temporary, TerraformFailed
from gromit.ports import Progress
from gromit.services.reaping import Reaper
from tests.fakes.config_root import FakeConfigRoot
from tests.fakes.leftovers import FakeOrphanFinder
from tests.fakes.platform import FakePlatform
from tests.fakes.queue import a_claim
from tests.fakes.services import FakeServices
from tests.fakes.states import FakeStates
from tests.fakes.terraform import FakeTerraform

NAME = "app-test"
LOCK = Lock(environment=NAME, id="lock-1", etag="etag-1")


@dataclass
class World:
    """A reaper whose ports are fakes, and an environment with a state and a config folder."""

    states: FakeStates = field(default_factory=FakeStates)
    leftovers: FakeOrphanFinder = field(default_factory=FakeOrphanFinder)
    root: FakeConfigRoot = field(default_factory=FakeConfigRoot)
    retired: list[str] = field(default_factory=list)
    retire_fault: Temporary | None = None

    def __post_init__(self) -> None:
        self.terraform = FakeTerraform(FakeServices(), self.states)
        self.states.heads[NAME] = HOLDING
        self.root.edit(NAME, "tyk", "tyk.conf", "{}")
        self.reap = Reaper(
            retire_records=self._retire,
            platform=FakePlatform(),
            root=self.root,
            terraform=self.terraform,
            leftovers=self.leftovers,
            states=self.states,
        )

    def run(self, kind: Work = Work.REAP) -> str:
        return self.reap(a_claim(NAME, kind), LOCK, lambda _line: None)

    @property
    def is_kept(self) -> bool:
        return NAME in self.states.heads and self.root.text(NAME, "tyk", "tyk.conf") is not None

    def _retire(self, name: str, _progress: Progress) -> None:
        if self.retire_fault is not None:
            raise self.retire_fault
        self.retired.append(name)


HOLDING = StateHead(3, StateMark("lineage", 12))


@pytest.fixture
def world() -> World:
    return World()


def test_an_environment_goes_with_its_records_resources_state_and_config(world: World) -> None:
    world.run()
    assert (world.retired, world.terraform.destroyed, world.terraform.locks) == (
        [NAME],
        [NAME],
        [LOCK],
    )
    assert (world.states.heads, world.root.text(NAME, "tyk", "tyk.conf")) == ({}, None)


def test_what_is_gone_already_is_passed_over(world: World) -> None:
    world.run()
    world.run()
    assert world.terraform.destroyed == [NAME]


def test_what_is_wanted_is_not_destroyed(world: World) -> None:
    with pytest.raises(Conflict, match="is desired"):
        world.run(Work.SOW)
    assert (world.retired, world.terraform.destroyed, world.is_kept) == ([], [], True)


def test_records_that_cannot_be_removed_keep_all_the_rest(world: World) -> None:
    world.retire_fault = Temporary("throttled")
    with pytest.raises(Temporary):
        world.run()
    assert (world.terraform.destroyed, world.is_kept) == ([], True)


def test_a_destroy_that_fails_keeps_state_and_config(world: World) -> None:
    world.terraform.faults = [TerraformFailed("in use")]
    with pytest.raises(TerraformFailed):
        world.run()
    assert world.is_kept


@pytest.mark.parametrize(
    "left", [["cluster app-test"], ["security group sg-1"], ["cluster app-test", "service tyk"]]
)
@pytest.mark.parametrize(
    "head", [HOLDING, None], ids=["with a state", "struck before its first state"]
)
def test_an_environment_that_something_is_left_of_is_not_done(
    world: World, left: list[str], head: StateHead | None
) -> None:
    world.states.heads.clear()
    if head is not None:
        world.states.heads[NAME] = head
    world.leftovers.left[NAME] = left
    with pytest.raises(BackendError, match=", ".join(left)) as refused:
        world.run()
    assert "gromit terraform app-test -- import" in (refused.value.hint or "")
    assert world.root.text(NAME, "tyk", "tyk.conf") is not None
    del world.leftovers.left[NAME]
    world.run()
    assert NAME not in world.states.heads


def test_a_state_that_cannot_be_removed_keeps_the_config(world: World) -> None:
    world.states.faults["delete"] = [Conflict("the state still has 1 resources")]
    with pytest.raises(Conflict):
        world.run()
    assert world.root.text(NAME, "tyk", "tyk.conf") is not None


def test_records_go_first_and_the_config_last_whatever_is_left_from_an_earlier_try() -> None:
    journal: list[str] = []

    class Leftovers(FakeOrphanFinder):
        def find(self, environment: str) -> Sequence[str]:
            journal.append("looked for what is left")
            return super().find(environment)

    class States(FakeStates):
        def delete(self, environment: str) -> None:
            journal.append("state removed")
            super().delete(environment)

    class Root(FakeConfigRoot):
        def remove(self, environment: str) -> None:
            journal.append("config removed")
            super().remove(environment)

    world = World(states=States(), leftovers=Leftovers(), root=Root())
    reap = replace(world.reap, retire_records=lambda _name, progress: progress("records removed"))
    reap(
        a_claim(NAME, Work.REAP),
        LOCK,
        lambda line: journal.append(line) if not line.startswith("removing") else None,
    )
    rest = ["looked for what is left", "state removed", "config removed"]
    assert journal == ["records removed", "destroyed", *rest]
    journal.clear()
    reap(
        a_claim(NAME, Work.REAP),
        LOCK,
        lambda line: journal.append(line) if not line.startswith("removing") else None,
    )
    assert journal == ["records removed", *rest]
