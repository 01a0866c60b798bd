"""Service states that the adapter derives from responses of ECS."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.stub import Stubber
from moto import mock_aws

from gromit.adapters.aws.ecs_services import EcsServices
from gromit.errors import Denied, Temporary
from tests.contracts.ecs_world import EcsWorld

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def world() -> Iterator[EcsWorld]:
    with mock_aws():
        yield EcsWorld()


def test_many_services_are_described_ten_at_a_time(world: EcsWorld) -> None:
    names = [f"component-{n:02}" for n in range(23)]
    for name in names:
        world.serve("app-test", name, world.define("app-test", name))
    sizes: list[int] = []

    def note(params: dict[str, list[str]], **_: object) -> None:
        sizes.append(len(params["services"]))

    world.client.meta.events.register("provide-client-params.ecs.DescribeServices", note)
    assert [s.component for s in EcsServices(world.client).describe("app-test")] == names
    assert sizes == [10, 10, 3]


def test_a_settled_environment_costs_two_calls(world: EcsWorld) -> None:
    world.serve("app-test", "tyk", world.define("app-test", "tyk"))
    made: list[str] = []

    def note(model: Any, **_: object) -> None:
        made.append(model.name)

    world.client.meta.events.register("before-call.ecs.*", note)
    EcsServices(world.client).describe("app-test")
    assert made == ["ListServices", "DescribeServices"]


def test_the_reason_has_the_tasks_words_and_its_containers(world: EcsWorld) -> None:
    definition = world.define("app-test", "tyk")
    world.serve("app-test", "tyk", definition, "IN_PROGRESS", 0)
    world.stop_task(
        "app-test",
        "tyk",
        definition,
        "Essential container in task exited",
        (137, "OutOfMemoryError: killed"),
    )
    (state,) = EcsServices(world.client).describe("app-test")
    assert (
        state.reason
        == "Essential container in task exited | tyk: exit code 137; OutOfMemoryError: killed"
    )


def test_a_completed_service_has_no_reason_whatever_stopped_before(world: EcsWorld) -> None:
    definition = world.define("app-test", "tyk")
    world.serve("app-test", "tyk", definition, "IN_PROGRESS", 0)
    world.stop_task("app-test", "tyk", definition, "stopped once")
    world.serve("app-test", "tyk", definition, "COMPLETED", 1)
    (state,) = EcsServices(world.client).describe("app-test")
    assert state.reason == ""


def test_another_services_tasks_are_no_reason(world: EcsWorld) -> None:
    definition = world.define("app-test", "tyk")
    world.serve("app-test", "tyk", definition, "IN_PROGRESS", 0)
    world.stop_task("app-test", "pump", definition, "the pump's end")
    (state,) = EcsServices(world.client).describe("app-test")
    assert state.reason == ""


@pytest.mark.parametrize(("running", "rollout"), [(1, "COMPLETED"), (0, "IN_PROGRESS")])
def test_where_ecs_gives_no_rollout_state_it_is_inferred(
    world: EcsWorld, running: int, rollout: str
) -> None:
    world.serve("app-test", "tyk", world.define("app-test", "tyk"), None, running)
    (state,) = EcsServices(world.client).describe("app-test")
    assert state.rollout == rollout


def test_a_service_that_still_has_an_old_deployment_is_not_inferred_to_be_completed(
    world: EcsWorld,
) -> None:
    world.serve("app-test", "tyk", world.define("app-test", "tyk"), None, 1)
    service = world.backend.services["app-test:tyk"]
    service.deployments.append({**service.deployments[0], "status": "ACTIVE"})
    (state,) = EcsServices(world.client).describe("app-test")
    assert state.rollout == "IN_PROGRESS"


def _stubbed(world: EcsWorld, service: dict[str, Any], *tasks: dict[str, Any]) -> str:
    """Return the reason of a service for these responses of ECS."""
    arn = "arn:aws:ecs:eu-central-1:123456789012:service/app-test/tyk"
    with Stubber(world.client) as stub:
        stub.add_response("list_services", {"serviceArns": [arn]})
        stub.add_response(
            "describe_services",
            {"services": [{"serviceName": "tyk", "status": "ACTIVE", **service}]},
        )
        arns = [f"arn:aws:ecs:::task/app-test/{number}" for number, _ in enumerate(tasks)]
        for page, more in ((arns[:1], "next"), (arns[1:], "")):
            stub.add_response(
                "list_tasks", {"taskArns": page, **({"nextToken": more} if more else {})}
            )
        if tasks:
            own = {"group": "service:tyk", "lastStatus": "STOPPED"}
            known = zip(arns, tasks, strict=True)
            answer = [{"taskArn": arn, **own, **task} for arn, task in known]
            stub.add_response("describe_tasks", {"tasks": answer})
        (state,) = EcsServices(world.client).describe("app-test")
        stub.assert_no_pending_responses()
        return state.reason


def _deployment(**more: object) -> dict[str, Any]:
    return {
        "status": "PRIMARY",
        "taskDefinition": "d:2",
        "rolloutState": "IN_PROGRESS",
        "createdAt": NOON,
        **more,
    }


def test_the_newest_task_of_the_present_definition_speaks(world: EcsWorld) -> None:
    tasks = [
        {"taskDefinitionArn": "d:2", "stoppedReason": "older", "stoppedAt": NOON},
        {
            "taskDefinitionArn": "d:2",
            "stoppedReason": "newest",
            "stoppedAt": NOON + timedelta(minutes=2),
        },
        {
            "taskDefinitionArn": "d:1",
            "stoppedReason": "scaled in",
            "stoppedAt": NOON + timedelta(minutes=3),
        },
        {
            "taskDefinitionArn": "d:2",
            "stoppedReason": "still going",
            "lastStatus": "STOPPING",
            "stoppingAt": NOON + timedelta(hours=1),
        },
    ]
    assert _stubbed(world, {"deployments": [_deployment()]}, *tasks) == "newest"


def test_a_task_without_a_word_says_so(world: EcsWorld) -> None:
    assert (
        _stubbed(world, {"deployments": [_deployment()]}, {"taskDefinitionArn": "d:2"})
        == "a task stopped without a reason"
    )


def test_without_a_task_the_services_own_events_speak_if_they_are_of_this_deployment(
    world: EcsWorld,
) -> None:
    unable = "(service tyk) was unable to place a task: no capacity"
    events = [
        {"createdAt": NOON + timedelta(minutes=1), "message": "(service tyk) has begun draining"},
        {"createdAt": NOON + timedelta(seconds=30), "message": unable},
        {
            "createdAt": NOON - timedelta(minutes=1),
            "message": "(service tyk) failed to do what was asked before",
        },
    ]
    assert _stubbed(world, {"deployments": [_deployment()], "events": events}) == unable
    assert _stubbed(world, {"deployments": [_deployment()], "events": events[2:]}) == ""


def test_without_task_and_event_a_failed_rollout_gives_ecs_own_reason(world: EcsWorld) -> None:
    failed = _deployment(rolloutState="FAILED", rolloutStateReason="tasks failed to start")
    assert _stubbed(world, {"deployments": [failed]}) == "tasks failed to start"
    assert _stubbed(world, {"deployments": [_deployment(rolloutStateReason="in progress")]}) == ""


def test_a_long_reason_is_cut(world: EcsWorld) -> None:
    assert (
        len(
            _stubbed(
                world,
                {"deployments": [_deployment()]},
                {"taskDefinitionArn": "d:2", "stoppedReason": "x" * 9999},
            )
        )
        == 500
    )


def test_a_cluster_that_goes_away_while_it_is_looked_at_has_no_services(world: EcsWorld) -> None:
    with Stubber(world.client) as stub:
        stub.add_response(
            "list_services",
            {"serviceArns": ["arn:aws:ecs:eu-central-1:123456789012:service/app-test/tyk"]},
        )
        stub.add_client_error("describe_services", "ClusterNotFoundException", http_status_code=400)
        assert EcsServices(world.client).describe("app-test") == []


@pytest.mark.parametrize(
    ("code", "status", "raised"),
    [
        ("ThrottlingException", 400, Temporary),
        ("ServerException", 500, Temporary),
        ("AccessDeniedException", 400, Denied),
    ],
)
def test_errors_of_aws_are_ours(
    world: EcsWorld, code: str, status: int, raised: type[Exception]
) -> None:
    with Stubber(world.client) as stub:
        stub.add_client_error("list_services", code, http_status_code=status)
        with pytest.raises(raised, match=f"could not describe the services of app-test: {code}"):
            EcsServices(world.client).describe("app-test")
