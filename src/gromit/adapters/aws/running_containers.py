"""Containers of running tasks, and whether ECS Exec reaches them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.aws.environment_resources import read_mark
from gromit.core.stack.running_container import RunningContainer
from gromit.core.stack.task_output import task_id

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_ecs.type_defs import TaskTypeDef

AGENT, CONNECTED = "ExecuteCommandAgent", "RUNNING"
"""Managed agent of ECS Exec, and its status while it is connected."""
_TASKS_PER_CALL = 100
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class EcsRunningContainers:
    """The port `RunningContainers`: a cluster per environment, a service per component."""

    def __init__(self, client: "ECSClient", installation: str = "") -> None:
        """`installation` is the name of this one; empty if it has none."""
        self._client = client
        self._installation = installation

    def newest(self, environment: str, component: str) -> RunningContainer | None:
        """Ask ECS: two calls. Tasks of another installation do not count."""
        with aws_errors(f"find the tasks of {component} in {environment}"):
            errors = self._client.exceptions
            try:
                tasks = self._running(environment, component)
            except (errors.ClusterNotFoundException, errors.ServiceNotFoundException):
                return None
        newest = max(tasks, key=lambda task: task.get("startedAt", _BEFORE_ALL), default=None)
        return None if newest is None else self._container(environment, component, newest)

    def _running(self, environment: str, component: str) -> "list[TaskTypeDef]":
        arns = self._client.list_tasks(
            cluster=environment,
            serviceName=component,
            desiredStatus="RUNNING",
            maxResults=_TASKS_PER_CALL,
        )["taskArns"]
        if not arns:
            return []
        found = self._client.describe_tasks(cluster=environment, tasks=arns, include=["TAGS"])
        return [
            task
            for task in found["tasks"]
            if task.get("lastStatus") == "RUNNING"
            and not read_mark(task.get("tags", [])).owner(self._installation)
        ]

    def _container(
        self, environment: str, component: str, task: "TaskTypeDef"
    ) -> RunningContainer | None:
        found = next((c for c in task.get("containers", []) if c.get("name") == component), None)
        if found is None:
            return None
        return RunningContainer(
            cluster=environment,
            region=self._client.meta.region_name,
            task=task_id(task["taskArn"]),
            container=component,
            runtime=found.get("runtimeId", ""),
            takes_programs=bool(task.get("enableExecuteCommand")),
            is_connected=_is_connected(found),
        )


def _is_connected(container: Mapping[str, Any]) -> bool:
    agents = container.get("managedAgents", [])
    return any(a.get("name") == AGENT and a.get("lastStatus") == CONNECTED for a in agents)
