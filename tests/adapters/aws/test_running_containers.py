"""Running containers in an emulated ECS."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from gromit.adapters.aws.running_containers import EcsRunningContainers
from gromit.local.aws.moto_patches import apply_patches, remove_patches
from tests.contracts.ecs_world import EcsWorld

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def ecs() -> Iterator[EcsWorld]:
    apply_patches()
    with mock_aws():
        yield EcsWorld()
    remove_patches()


def run(ecs: EcsWorld, *, age_s: int = 0, runtime: str = "r", **changes: Any) -> str:
    """Run one task of the service `tyk`, and return its id."""
    ecs.serve("app-test", "tyk", ecs.define("app-test", "tyk"))
    started = NOW - timedelta(seconds=age_s)
    identity = ecs.run_with_exec("app-test", "tyk", started_at=started, **changes)
    task(ecs, identity).containers[0].runtime_id = runtime
    return identity


def task(ecs: EcsWorld, identity: str) -> Any:
    """Return a task as the emulator has it."""
    tasks = ecs.backend.tasks["app-test"]
    return next(task for arn, task in tasks.items() if arn.endswith(identity))


def test_the_newest_running_task_has_the_container(ecs: EcsWorld) -> None:
    run(ecs, age_s=60)
    newest = run(ecs, age_s=5, runtime="r-2")
    run(ecs, age_s=1, last_status="PENDING")
    found = EcsRunningContainers(ecs.client).newest("app-test", "tyk")
    assert found is not None
    assert (found.task, found.runtime, found.cluster) == (newest, "r-2", "app-test")
    assert (found.container, found.region) == ("tyk", "eu-central-1")
    assert found.takes_programs
    assert found.is_connected


@pytest.mark.parametrize(
    ("agents", "connected"),
    [([], False), ([{"name": "ExecuteCommandAgent", "lastStatus": "PENDING"}], False)],
)
def test_an_agent_connects_after_its_task_has_started(
    ecs: EcsWorld, agents: list[dict[str, str]], *, connected: bool
) -> None:
    identity = run(ecs, enable_execute_command=False)
    task(ecs, identity).containers[0].managed_agents = agents
    found = EcsRunningContainers(ecs.client).newest("app-test", "tyk")
    assert found is not None
    assert (found.is_connected, found.takes_programs) == (connected, False)


def test_without_a_cluster_or_a_task_there_is_no_container(ecs: EcsWorld) -> None:
    assert EcsRunningContainers(ecs.client).newest("nowhere", "tyk") is None
    ecs.serve("app-test", "tyk", ecs.define("app-test", "tyk"))
    assert EcsRunningContainers(ecs.client).newest("app-test", "tyk") is None


def test_a_task_of_another_installation_has_no_container(ecs: EcsWorld) -> None:
    run(ecs, tags=[{"key": "env", "value": "app-test"}, {"key": "installation", "value": "team-b"}])
    assert EcsRunningContainers(ecs.client, "team-a").newest("app-test", "tyk") is None
    assert EcsRunningContainers(ecs.client, "team-b").newest("app-test", "tyk") is not None
