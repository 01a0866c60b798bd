"""ECS Exec: the switch of services and tasks, and ExecuteCommand."""

import secrets
from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.ecs.exceptions import ECSException, InvalidParameterException
from moto.ecs.models import EC2ContainerServiceBackend as Backend
from moto.ecs.models import Task
from moto.ecs.responses import EC2ContainerServiceResponse as Response

from gromit.local.aws.exec_sessions import SESSIONS, PendingSession
from gromit.local.aws.moto_patches.patches import Patches

AGENT = "ExecuteCommandAgent"
_OFF = (
    "The execute command failed because execute command was not enabled when the task was run or "
    "the execute command agent isn't running. Wait and try again or run a new task with execute "
    "command enabled and try again."
)
_NOT_CONNECTED = (
    "The execute command failed due to an internal error. Try again later."  # AWS says no more
)


def keep_exec_switch(patches: Patches) -> None:
    """AWS returns `enableExecuteCommand` of services and tasks as they were made or changed."""

    def create_service(stock: Callable[..., Any], response: Any) -> Any:
        result = stock(response)
        result.result["service"].enable_execute_command = bool(
            response._get_param("enableExecuteCommand")
        )
        return result

    def run_task(stock: Callable[..., Any], response: Any) -> Any:
        result = stock(response)
        for task in result.result["tasks"]:
            switch_exec(task, on=bool(response._get_param("enableExecuteCommand")))
        return result

    patches.replace(Response, "create_service", create_service)
    patches.replace(Response, "run_task", run_task)


def execute_command(patches: Patches) -> None:
    """AWS opens a session in a container of a running task that was started with ECS Exec on."""
    patches.add(Response, "execute_command", _execute_command)


def switch_exec(task: Task, *, on: bool) -> None:
    """Start a task with ECS Exec on or off. Its agent is not connected yet."""
    task.enable_execute_command = on
    for container in task.containers:
        container.runtime_id = f"{task.id.replace('-', '')}-{secrets.randbelow(10**10):010}"
        if on:
            container.managed_agents = [{"name": AGENT, "lastStatus": "PENDING"}]


def connect_agent(task: Task) -> None:
    """Connect the agent of a task that was started with ECS Exec on."""
    for container in task.containers:
        for agent in getattr(container, "managed_agents", []):
            agent["lastStatus"] = "RUNNING"


def _execute_command(response: Any) -> ActionResult:
    cluster = response.ecs_backend._get_cluster(response._get_param("cluster", "default"))
    task = _task(response.ecs_backend, cluster.name, response._get_param("task"))
    container = _container(task, response._get_param("container"))
    if not response._get_param("interactive"):
        raise InvalidParameterException("Interactive is the only mode supported currently.")
    if not getattr(task, "enable_execute_command", False):
        raise InvalidParameterException(_OFF)
    if task.last_status != "RUNNING" or not _is_connected(container):
        raise ECSException("TargetNotConnectedException", _NOT_CONNECTED)
    command = response._get_param("command")
    session = SESSIONS.open(PendingSession(task.id, command), response.region)
    return ActionResult(
        {
            "clusterArn": cluster.arn,
            "containerArn": container.container_arn,
            "containerName": container.name,
            "interactive": True,
            "session": session,
            "taskArn": task.task_arn,
        }
    )


def _task(backend: Backend, cluster: str, named: str) -> Task:
    wanted = named.rpartition("/")[2]
    for task in backend.tasks.get(cluster, {}).values():
        if task.id == wanted:
            return task
    raise InvalidParameterException("The task provided in the request was invalid.")


def _container(task: Task, named: str | None) -> Any:
    for container in task.containers:
        if named in {None, "", container.name}:
            return container
    raise InvalidParameterException("The container provided in the request was invalid.")


def _is_connected(container: Any) -> bool:
    agents = getattr(container, "managed_agents", [])
    return any(agent["lastStatus"] == "RUNNING" for agent in agents)
