"""ECS Exec in the emulator: its switch, ExecuteCommand, and sessions."""

from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from gromit.local.aws.exec_sessions import LIFETIME_S, ExecSessions, PendingSession
from gromit.local.aws.moto_patches.exec_command import connect_agent
from tests.local.aws.moto_patches.conftest import REGION, Both, Cloud


def _running(cloud: Cloud, *, on: bool = True, connected: bool = True) -> tuple[str, Any]:
    """Run a task, and return its ARN and its object in the emulator."""
    cloud.ecs.create_cluster(clusterName="app-test")
    arn = cloud.task(enableExecuteCommand=on)["taskArn"]
    task = get_backend("ecs")[DEFAULT_ACCOUNT_ID][REGION].tasks["app-test"][arn]
    if connected:
        connect_agent(task)
    return arn, task


def _run(cloud: Cloud, task: str, **more: Any) -> Any:
    given = {"cluster": "app-test", "task": task, "command": "sh", "interactive": True, **more}
    return cloud.ecs.execute_command(**given)


def _refusal(cloud: Cloud, task: str, **more: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as refused:
        _run(cloud, task, **more)
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_service_keeps_its_switch(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        cloud.service(enableExecuteCommand=True)
        cloud.service(name="pump")
        cloud.ecs.update_service(cluster="app-test", service="pump", enableExecuteCommand=True)
        cloud.service(name="redis")
        found = cloud.ecs.describe_services(cluster="app-test", services=["tyk", "pump", "redis"])[
            "services"
        ]
        return [service.get("enableExecuteCommand") for service in found]

    stock, patched = both(look)
    assert stock != patched
    assert patched == [True, True, False]


def test_a_session_has_the_shape_that_the_model_of_the_api_names(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        cloud.ecs.create_cluster(clusterName="app-test")
        try:
            arn, task = _running(cloud)
            opened = _run(cloud, arn, container="app")
        except (ClientError, NotImplementedError) as error:
            return type(error).__name__
        described = cloud.ecs.describe_tasks(cluster="app-test", tasks=[arn])["tasks"][0]
        return opened, described, task.id

    stock, (opened, described, identity) = both(look)
    assert stock == "NotImplementedError"
    model = botocore.session.get_session().get_service_model("ecs")
    response: Any = model.operation_model("ExecuteCommand").output_shape
    del opened["ResponseMetadata"]
    assert opened.keys() == response.members.keys()
    assert opened["session"].keys() == response.members["session"].members.keys()
    assert all(isinstance(value, str) and value for value in opened["session"].values())
    assert (opened["taskArn"], opened["containerName"]) == (described["taskArn"], "app")
    assert opened["session"]["streamUrl"].startswith("wss://ssmmessages.eu-central-1.amazonaws.com")
    (container,) = described["containers"]
    assert described["enableExecuteCommand"]
    assert container["runtimeId"].startswith(identity.replace("-", ""))
    assert container["managedAgents"] == [{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}]


def test_only_a_running_task_with_the_switch_on_takes_programs(both: Both[Any]) -> None:
    def look(cloud: Cloud) -> Any:
        if not _is_patched():
            return None
        arn, task = _running(cloud)
        off, _ = _running(cloud, on=False)
        waiting, _ = _running(cloud, connected=False)
        refusals = [
            _refusal(cloud, off)[0],
            _refusal(cloud, waiting)[0],
            _refusal(cloud, "0a1b")[0],
            _refusal(cloud, arn, container="other")[0],
            _refusal(cloud, arn, cluster="nowhere")[0],
        ]
        task.last_status = "STOPPED"
        return [*refusals, _refusal(cloud, arn)[0]]

    _, patched = both(look)
    assert patched == [
        "InvalidParameterException",
        "TargetNotConnectedException",
        "InvalidParameterException",
        "InvalidParameterException",
        "ClusterNotFoundException",
        "TargetNotConnectedException",
    ]


def _is_patched() -> bool:
    from moto.ecs.responses import EC2ContainerServiceResponse  # noqa: PLC0415

    return hasattr(EC2ContainerServiceResponse, "execute_command")


def test_a_token_is_good_for_one_client_and_for_a_minute() -> None:
    now = [100.0]
    sessions = ExecSessions(address=("127.0.0.1", 4000), clock=lambda: now[0])
    wanted = PendingSession("task", "sh")
    opened = sessions.open(wanted, REGION)
    assert opened["streamUrl"].startswith("ws://127.0.0.1:4000/v1/data-channel/ecs-execute-command")
    assert sessions.join("guess") is None
    assert sessions.join(opened["tokenValue"]) == wanted
    assert sessions.join(opened["tokenValue"]) is None
    late = sessions.open(wanted, REGION)["tokenValue"]
    now[0] += LIFETIME_S
    assert sessions.join(late) is None
