"""Direct removal of resources: its order, its patience, and what it says of what remains."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from gromit.core.stack.resources import Resource, ResourceKind
from gromit.errors import BackendError, Denied, Suspended, Temporary
from gromit.services.clearing import Clearer, ClearPolicy
from tests.fakes.resources import FakeEnvironmentResources

NAME = "app-test"
CLUSTER = Resource(kind=ResourceKind.CLUSTER, id=NAME)
SERVICE = Resource(kind=ResourceKind.SERVICE, id="app-test/tyk", component="tyk", parent=NAME)
GROUP = Resource(kind=ResourceKind.GROUP, id="sg-1", component="tyk")
LOGS = Resource(kind=ResourceKind.LOG_GROUP, id="/gromit/app-test")


@dataclass
class World:
    """A clearer with a clock that its pauses advance."""

    resources: FakeEnvironmentResources = field(default_factory=FakeEnvironmentResources)
    clock: float = 0.0
    on_pause: Callable[[], bool] = lambda: False
    lines: list[str] = field(default_factory=list)

    def clear(self, *found: Resource) -> None:
        self.resources.existing[NAME] = list(found)
        policy = ClearPolicy(60.0, 5.0, lambda: self.clock, self._pause)
        clearer = Clearer(self.resources, policy)
        clearer(NAME, lambda: self.resources.find(NAME, None), self.lines.append)

    def _pause(self, seconds: float) -> bool:
        self.clock += seconds
        return self.on_pause()


@pytest.fixture
def world() -> World:
    return World()


def test_nothing_is_removed_where_nothing_is(world: World) -> None:
    world.clear()
    assert (world.resources.removed, world.clock) == ([], 0.0)


def test_what_uses_others_goes_first(world: World) -> None:
    world.clear(LOGS, GROUP, CLUSTER, SERVICE)
    assert world.resources.removed == [SERVICE, CLUSTER, GROUP, LOGS]
    assert world.lines == [
        "removed service app-test/tyk",
        "removed cluster app-test",
        "removed security group sg-1",
        "removed log group /gromit/app-test",
    ]


def test_what_is_in_use_is_tried_again_while_the_rest_goes(world: World) -> None:
    world.resources.in_use["sg-1"] = 3
    world.clear(GROUP, LOGS)
    assert world.resources.removed == [LOGS, GROUP]
    assert world.clock == 15.0


def test_what_stays_in_use_is_named(world: World) -> None:
    world.resources.in_use["sg-1"] = 1000
    with pytest.raises(BackendError) as error:
        world.clear(GROUP, LOGS)
    assert error.value.message == (
        "app-test still has resources: security group sg-1 (security group sg-1 is in use)"
    )
    assert world.clock == 60.0


def test_what_is_denied_is_named_at_once(world: World) -> None:
    world.resources.faults["sg-1"] = Denied("could not remove security group sg-1: no")
    with pytest.raises(BackendError, match=r"security group sg-1 \(could not remove .* no\)"):
        world.clear(GROUP)
    assert world.clock == 0.0


def test_a_throttled_call_is_tried_again(world: World) -> None:
    world.resources.faults["sg-1"] = Temporary("throttled")

    def recover() -> bool:
        world.resources.faults.clear()
        return False

    world.on_pause = recover
    world.clear(GROUP)
    assert world.resources.removed == [GROUP]


def test_what_another_owns_is_named_and_never_removed(world: World) -> None:
    foreign = Resource(kind=ResourceKind.CLUSTER, id=NAME, is_ours=False)
    with pytest.raises(BackendError, match=r"cluster app-test \(without the tag `env`"):
        world.clear(foreign, LOGS)
    assert world.resources.removed == [LOGS]
    assert world.resources.existing[NAME] == [foreign]


def test_what_another_installation_owns_does_not_keep_a_name_from_being_cleared(
    world: World,
) -> None:
    theirs = Resource(kind=ResourceKind.CLUSTER, id=NAME, is_ours=False, owner="team-b")
    world.clear(theirs, LOGS)
    assert world.resources.removed == [LOGS]
    assert world.resources.existing[NAME] == [theirs]


def test_a_worker_that_must_stop_does(world: World) -> None:
    world.resources.in_use["sg-1"] = 1000
    world.on_pause = lambda: True
    with pytest.raises(Suspended):
        world.clear(GROUP)
    assert world.clock == 5.0
