"""The port `HookTasks`: the fake, and ECS with the simulator of Fargate."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from gromit.adapters.aws.hook_tasks import EcsHookTasks
from gromit.core.stack.hooks import Hook, HookKind, HookOutcome, HookTask
from gromit.errors import BackendError
from gromit.ports import HookTasks
from tests.fakes.hook_tasks import WELL, FakeHookTasks
from tests.local import conftest
from tests.local.aws.test_fargate import Ranges, World
from tests.local.conftest import eventually

PLAIN = HookTask(
    environment="app-test",
    component="tyk",
    kind=HookKind.ON_REAP,
    hook=Hook(command=("true",)),
    definition="",
    security_group="sg-1",
    subnets=("subnet-1",),
)


class HookWorld(Protocol):
    """A place where tasks of hooks run."""

    tasks: HookTasks

    def define(self, *command: str) -> HookTask:
        """Return the task of a new hook with this command: `true`, `false` or `sleep`."""
        ...


class _Fake:
    def __init__(self) -> None:
        self.fake = FakeHookTasks()
        self.tasks: HookTasks = self.fake
        self._numbers = itertools.count()

    def define(self, *command: str) -> HookTask:
        ends = {"true": WELL, "false": HookOutcome(1, "exited"), "sleep": None}
        name = f"c{next(self._numbers)}"
        self.fake.outcomes[name] = [ends[command[0]]] * 2
        return replace(PLAIN, component=name)


class _Ecs:
    def __init__(self, world: World) -> None:
        self.world = world
        self.tasks: HookTasks = EcsHookTasks(world.ecs)
        self._numbers = itertools.count()

    def define(self, *command: str) -> HookTask:
        task = replace(
            PLAIN,
            component=f"c{next(self._numbers)}",
            security_group=self.world.group,
            subnets=(self.world.subnets[0],),
        )
        answer = self.world.ecs.register_task_definition(
            family=task.family,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "tyk",
                    "image": "mongo:7",
                    "memory": 512,
                    "command": list(command),
                    "dockerLabels": {"gromit.hook": "on_reap"},
                }
            ],
        )
        return replace(task, definition=answer["taskDefinition"]["taskDefinitionArn"])


ranges = conftest.ranges


@pytest.fixture
def ground(tmp_path: Path, ranges: Ranges, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    world = World(tmp_path, ranges)
    world.build()
    yield world
    world.down()


@pytest.fixture(params=["fake", "ecs"])
def world(request: pytest.FixtureRequest) -> HookWorld:
    if request.param == "fake":
        return _Fake()
    return _Ecs(request.getfixturevalue("ground"))


@pytest.mark.parametrize(("command", "code"), [("true", 0), ("false", 1)])
def test_a_task_ends_with_the_exit_code_of_its_program(
    world: HookWorld, command: str, code: int
) -> None:
    task = world.define(command)
    id_ = world.tasks.start(task)
    ended = eventually(lambda: world.tasks.look(task, id_))
    assert isinstance(ended, HookOutcome)
    assert (ended.exit_code, ended.succeeded) == (code, code == 0)
    assert world.tasks.running(task) == []


def test_a_task_that_runs_has_no_outcome_until_it_is_stopped(world: HookWorld) -> None:
    task, other = world.define("sleep", "600"), world.define("sleep", "600")
    id_ = world.tasks.start(task)
    neighbour = world.tasks.start(other)
    assert world.tasks.look(task, id_) is None
    assert list(world.tasks.running(task)) == [id_]
    world.tasks.stop(task, id_, "its time is over")
    ended = eventually(lambda: world.tasks.look(task, id_))
    assert isinstance(ended, HookOutcome)
    assert not ended.succeeded
    assert list(world.tasks.running(task)) == []
    assert list(world.tasks.running(other)) == [neighbour]
    world.tasks.stop(other, neighbour, "the test is over")


def test_a_hook_runs_as_often_as_it_is_started(world: HookWorld) -> None:
    task = world.define("sleep", "600")
    ids = {world.tasks.start(task) for _ in range(2)}
    assert set(world.tasks.running(task)) == ids
    for id_ in ids:
        world.tasks.stop(task, id_, "the test is over")


def test_what_ecs_refuses_is_an_error_that_names_the_hook(ground: World) -> None:
    task = replace(PLAIN, definition="app-test--nothing:1", subnets=(ground.subnets[0],))
    with pytest.raises(BackendError, match="could not start the hook on_reap of tyk"):
        EcsHookTasks(ground.ecs).start(task)
