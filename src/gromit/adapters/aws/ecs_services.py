"""Rollout state of an environment's ECS services, and the reason why one does not settle."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.core.stack.contract import ServiceState
from gromit.core.stack.task_output import task_id

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef, TaskTypeDef

SERVICES_PER_CALL = 10
TASKS_PER_CALL = 100

COMPLETED, IN_PROGRESS, FAILED = "COMPLETED", "IN_PROGRESS", "FAILED"

_LONGEST = 500
_RECENT_EVENTS = 5
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class EcsServices:
    """The port `ServiceStates`.

    A cluster has the name of its environment, and a service the name of its component.
    """

    def __init__(self, client: "ECSClient") -> None:
        self._client = client

    def describe(
        self, environment: str, components: Collection[str] | None = None
    ) -> Sequence[ServiceState]:
        """Return the services sorted by component; none if the cluster was deleted.

        Make one call for ten `components`. Without them, list the services, and make two more calls
        for each that does not run.
        """
        with aws_errors(f"describe the services of {environment}"):
            try:
                found = (
                    self._services(environment)
                    if components is None
                    else self._described(environment, sorted(components))
                )
                services = [s for s in found if s.get("status") != "INACTIVE"]
                return [
                    self._state(environment, s, is_brief=components is not None)
                    for s in sorted(services, key=lambda s: s["serviceName"])
                ]
            except self._client.exceptions.ClusterNotFoundException:
                return []

    def restart(self, environment: str, component: str) -> None:
        """Force a new deployment: ECS does not retry one that its circuit breaker has stopped."""
        with aws_errors(f"restart {component} of {environment}"):
            self._client.update_service(
                cluster=environment, service=component, forceNewDeployment=True
            )

    def _services(self, cluster: str) -> "Iterator[ServiceTypeDef]":
        pages = self._client.get_paginator("list_services").paginate(
            cluster=cluster, PaginationConfig={"PageSize": 100}
        )
        found = [arn for page in pages for arn in page["serviceArns"]]
        own = sorted({arn for arn in found if _is_in_cluster(cluster, arn)})
        yield from self._described(cluster, own)

    def _described(self, cluster: str, services: Sequence[str]) -> "Iterator[ServiceTypeDef]":
        for at in range(0, len(services), SERVICES_PER_CALL):
            yield from self._client.describe_services(
                cluster=cluster, services=services[at : at + SERVICES_PER_CALL]
            )["services"]

    def _state(self, cluster: str, service: "ServiceTypeDef", *, is_brief: bool) -> ServiceState:
        primary = next(
            (d for d in service.get("deployments", []) if d.get("status") == "PRIMARY"), None
        )
        definition = (primary or {}).get("taskDefinition") or service.get("taskDefinition", "")
        rollout = (primary or {}).get("rolloutState") or _inferred_rollout(service)
        reason, stopped = "", None
        is_asked = rollout == FAILED or not is_brief
        runs_all = service.get("runningCount", 0) >= service.get("desiredCount", 0)
        if is_asked and (rollout != COMPLETED or not runs_all):
            stopped = self._newest_stopped(cluster, service["serviceName"], definition)
            reason = _stop_reason(stopped) if stopped else _event_reason(service, primary)
        return ServiceState(
            component=service["serviceName"],
            task_definition=definition,
            rollout=rollout,
            running=service.get("runningCount", 0),
            desired=service.get("desiredCount", 0),
            # Of the newest stopped task, else of the service.
            reason=reason[:_LONGEST],
            stopped_task=task_id(stopped["taskArn"]) if stopped else "",
        )

    def _newest_stopped(self, cluster: str, service: str, definition: str) -> "TaskTypeDef | None":
        """Return the newest stopped task that a service started from a task definition."""
        stopped = self._stopped(cluster, service)
        own = (t for t in stopped if t.get("taskDefinitionArn") == definition)
        return max(own, key=_end, default=None)

    def _stopped(self, cluster: str, service: str) -> "Iterator[TaskTypeDef]":
        """Yield the stopped tasks of a service; ECS keeps them for about an hour."""
        pages = self._client.get_paginator("list_tasks").paginate(
            cluster=cluster, serviceName=service, desiredStatus="STOPPED"
        )
        arns = [arn for page in pages for arn in page["taskArns"]]
        for at in range(0, len(arns), TASKS_PER_CALL):
            tasks = self._client.describe_tasks(
                cluster=cluster, tasks=arns[at : at + TASKS_PER_CALL]
            )["tasks"]
            yield from (
                t
                for t in tasks
                if t.get("group") == f"service:{service}" and t.get("lastStatus") == "STOPPED"
            )


def _is_in_cluster(cluster: str, service_arn: str) -> bool:
    """Whether a service belongs to a cluster, by its ARN: `…:service/<cluster>/<service>`.

    The ARN of a service from before 2018 lacks the cluster; it is accepted.
    """
    parts = service_arn.split("/")
    return len(parts) < 3 or parts[-2] == cluster


def _inferred_rollout(service: "ServiceTypeDef") -> str:
    """Return the rollout state if ECS gives none.

    It is completed when one deployment is left and all its tasks run.
    """
    runs_all = service.get("runningCount", 0) == service.get("desiredCount", 0)
    is_settled = runs_all and not service.get("pendingCount", 0)
    return COMPLETED if is_settled and len(service.get("deployments", [])) <= 1 else IN_PROGRESS


def _end(task: "TaskTypeDef") -> datetime:
    return task.get("stoppedAt") or task.get("stoppingAt") or task.get("createdAt") or _BEFORE_ALL


def _event_reason(service: "ServiceTypeDef", primary: "DeploymentTypeDef | None") -> str:
    """Return a recent event of a service, else the reason of its failed deployment."""
    deployment = primary or {}
    since = deployment.get("createdAt", _BEFORE_ALL)
    for event in service.get("events", [])[:_RECENT_EVENTS]:
        message = event["message"]
        is_trouble = "unable" in message or "failed" in message
        if is_trouble and event.get("createdAt", since) >= since:
            return message
    if deployment.get("rolloutState") == "FAILED":
        return deployment.get("rolloutStateReason", "")
    return ""


def _stop_reason(task: "TaskTypeDef") -> str:
    """Return why a task stopped: its own reason, then those of its containers."""
    parts = [task.get("stoppedReason", "")]
    for container in task.get("containers", []):
        exit_code = f"exit code {container['exitCode']}" if "exitCode" in container else ""
        reason = "; ".join(part for part in (exit_code, container.get("reason", "")) if part)
        if reason:
            parts.append(f"{container.get('name', 'container')}: {reason}")
    return " | ".join(part for part in parts if part) or "a task stopped without a reason"
