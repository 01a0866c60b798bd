"""The port `ServiceStates`: the fake, and ECS."""

from collections.abc import Iterator
from typing import Protocol

import pytest
from moto import mock_aws

from gromit.adapters.aws.ecs_services import EcsServices
from gromit.core.stack.contract import ServiceState
from gromit.local.aws.moto_patches import apply_patches, remove_patches
from gromit.ports import ServiceStates
from tests.contracts.ecs_world import EcsWorld
from tests.fakes.services import FakeServices


class World(Protocol):
    """Environments whose services can be put into any state."""

    services: ServiceStates

    def serve(self, environment: str, component: str, rollout: str, running: int) -> str:
        """Run a new task definition with this rollout state, and return it."""
        ...

    def fail(self, environment: str, component: str, definition: str, reason: str) -> None:
        """Let a service fail because a task stopped."""
        ...

    def drop(self, environment: str) -> None:
        """Delete the cluster."""
        ...


class _Fake:
    def __init__(self) -> None:
        self.fake = FakeServices()
        self.services: ServiceStates = self.fake
        self._revision = 0

    def serve(self, environment: str, component: str, rollout: str, running: int) -> str:
        self._revision += 1
        definition = f"{environment}-{component}:{self._revision}"
        state = ServiceState(
            component=component,
            task_definition=definition,
            rollout=rollout,
            running=running,
            desired=1,
        )
        self.fake.put(environment, state)
        return definition

    def fail(self, environment: str, component: str, definition: str, reason: str) -> None:
        state = ServiceState(
            component=component,
            task_definition=definition,
            rollout="FAILED",
            running=0,
            desired=1,
            reason=reason,
            stopped_task=f"task-{self._revision}",
        )
        self.fake.put(environment, state)

    def drop(self, environment: str) -> None:
        self.fake.drop(environment)


class _Ecs:
    def __init__(self) -> None:
        self.ecs = EcsWorld()
        self.services: ServiceStates = EcsServices(self.ecs.client)

    def serve(self, environment: str, component: str, rollout: str, running: int) -> str:
        definition = self.ecs.define(environment, component)
        self.ecs.serve(environment, component, definition, rollout, running)
        return definition

    def fail(self, environment: str, component: str, definition: str, reason: str) -> None:
        self.ecs.serve(environment, component, definition, "FAILED", 0)
        self.ecs.stop_task(environment, component, definition, reason)

    def drop(self, environment: str) -> None:
        for name in [
            k.split(":")[1] for k in self.ecs.backend.services if k.startswith(f"{environment}:")
        ]:
            self.ecs.client.delete_service(cluster=environment, service=name, force=True)
        self.ecs.client.delete_cluster(cluster=environment)


@pytest.fixture(params=["fake", "ecs"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield _Fake()
        return
    apply_patches()  # the stock emulator starts no deployment on request
    with mock_aws():
        yield _Ecs()
    remove_patches()


def test_an_environment_without_a_cluster_has_no_services(world: World) -> None:
    assert list(world.services.describe("nowhere")) == []


def test_services_are_given_by_component_with_what_they_run(world: World) -> None:
    gateway = world.serve("app-test", "tyk", "COMPLETED", 1)
    pump = world.serve("app-test", "pump", "IN_PROGRESS", 0)
    assert list(world.services.describe("app-test")) == [
        ServiceState(
            component="pump", task_definition=pump, rollout="IN_PROGRESS", running=0, desired=1
        ),
        ServiceState(
            component="tyk", task_definition=gateway, rollout="COMPLETED", running=1, desired=1
        ),
    ]


def test_a_failed_service_says_why(world: World) -> None:
    definition = world.serve("app-test", "tyk", "IN_PROGRESS", 0)
    world.fail("app-test", "tyk", definition, "Essential container in task exited")
    (state,) = world.services.describe("app-test")
    assert (state.rollout, state.task_definition) == ("FAILED", definition)
    assert state.reason.startswith("Essential container in task exited")
    assert state.stopped_task


def test_a_newer_definition_takes_the_place_of_the_older_with_its_failure(world: World) -> None:
    older = world.serve("app-test", "tyk", "IN_PROGRESS", 0)
    world.fail("app-test", "tyk", older, "the old one's end")
    newer = world.serve("app-test", "tyk", "IN_PROGRESS", 0)
    (state,) = world.services.describe("app-test")
    assert (state.task_definition, state.reason, state.stopped_task) == (newer, "", "")


@pytest.mark.parametrize("other", ["app-test-2", "test", "app"])
def test_other_environments_are_not_seen_even_if_named_alike(world: World, other: str) -> None:
    definition = world.serve("app-test", "tyk", "COMPLETED", 1)
    foreign = world.serve(other, "tyk", "IN_PROGRESS", 0)
    world.serve(other, "more", "COMPLETED", 1)
    world.fail(other, "tyk", foreign, "not ours")
    assert [
        (s.component, s.task_definition, s.reason) for s in world.services.describe("app-test")
    ] == [("tyk", definition, "")]
    assert [s.component for s in world.services.describe(other)] == ["more", "tyk"]


def test_a_cluster_that_was_deleted_has_no_services(world: World) -> None:
    world.serve("app-test", "tyk", "COMPLETED", 1)
    world.drop("app-test")
    assert list(world.services.describe("app-test")) == []


def test_a_failed_service_that_is_restarted_is_in_progress_again_on_the_same_definition(
    world: World,
) -> None:
    definition = world.serve("app-test", "tyk", "IN_PROGRESS", 0)
    other = world.serve("app-test", "pump", "FAILED", 0)
    world.fail("app-test", "tyk", definition, "Essential container in task exited")
    world.services.restart("app-test", "tyk")
    pump, tyk = world.services.describe("app-test")
    assert (tyk.rollout, tyk.task_definition) == ("IN_PROGRESS", definition)
    assert (pump.rollout, pump.task_definition) == ("FAILED", other)
