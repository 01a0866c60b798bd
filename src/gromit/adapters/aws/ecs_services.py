"""How the ECS services of an environment stand, and why one does not get on."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.core.stack.contract import ServiceState

if TYPE_CHECKING:
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_ecs.type_defs import DeploymentTypeDef, ServiceTypeDef, TaskTypeDef

SERVICES_PER_CALL = 10
TASKS_PER_CALL = 100

COMPLETED, IN_PROGRESS = "COMPLETED", "IN_PROGRESS"

_LONGEST = 500
_EVENTS_SEEN = 5
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


class EcsServices:
    """The port `ServiceStates`: clusters are named like their environments, services like their components."""

    def __init__(self, client: "ECSClient") -> None:
        self._client = client

    def look(self, environment: str) -> Sequence[ServiceState]:
        """All services of the environment's cluster, by component; empty if there is no such cluster, or it was deleted."""
        with aws_errors(f"look at the services of {environment}"):
            try:
                services = [s for s in self._services(environment) if s.get("status") != "INACTIVE"]
                return [
                    self._state(environment, s)
                    for s in sorted(services, key=lambda s: s["serviceName"])
                ]
            except self._client.exceptions.ClusterNotFoundException:
                return []

    def restart(self, environment: str, component: str) -> None:
        """Begin a new deployment of the same task definition: ECS never takes up one again that its circuit breaker gave up."""
        with aws_errors(f"restart {component} of {environment}"):
            self._client.update_service(
                cluster=environment, service=component, forceNewDeployment=True
            )

    def _services(self, cluster: str) -> "Iterator[ServiceTypeDef]":
        pages = self._client.get_paginator("list_services").paginate(
            cluster=cluster, PaginationConfig={"PageSize": 100}
        )
        found = [arn for page in pages for arn in page["serviceArns"]]
        own = sorted({arn for arn in found if _is_of(cluster, arn)})
        for at in range(0, len(own), SERVICES_PER_CALL):
            yield from self._client.describe_services(
                cluster=cluster, services=own[at : at + SERVICES_PER_CALL]
            )["services"]

    def _state(self, cluster: str, service: "ServiceTypeDef") -> ServiceState:
        primary = next(
            (d for d in service.get("deployments", []) if d.get("status") == "PRIMARY"), None
        )
        definition = (primary or {}).get("taskDefinition") or service.get("taskDefinition", "")
        rollout = (primary or {}).get("rolloutState") or _inferred(service)
        return ServiceState(
            component=service["serviceName"],
            task_definition=definition,
            rollout=rollout,
            running=service.get("runningCount", 0),
            desired=service.get("desiredCount", 0),
            reason=""
            if rollout == COMPLETED
            else self._reason(cluster, service, primary, definition)[:_LONGEST],
        )

    def _reason(
        self,
        cluster: str,
        service: "ServiceTypeDef",
        primary: "DeploymentTypeDef | None",
        definition: str,
    ) -> str:
        """Why the service does not run: its newest stopped task's words, else ECS' own about the service, else nothing."""
        stopped = [
            t
            for t in self._stopped(cluster, service["serviceName"])
            if t.get("taskDefinitionArn") == definition
        ]
        if stopped:
            return _words(max(stopped, key=_end))
        since = (primary or {}).get("createdAt", _BEFORE_ALL)
        recent = [
            e
            for e in service.get("events", [])[:_EVENTS_SEEN]
            if e.get("createdAt", since) >= since
        ]
        told = next(
            (e["message"] for e in recent if "unable" in e["message"] or "failed" in e["message"]),
            "",
        )
        return told or (
            (primary or {}).get("rolloutStateReason", "")
            if (primary or {}).get("rolloutState") == "FAILED"
            else ""
        )

    def _stopped(self, cluster: str, service: str) -> "Iterator[TaskTypeDef]":
        """Stopped tasks of a service, as far back as ECS keeps them (about an hour)."""
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


def _is_of(cluster: str, service_arn: str) -> bool:
    """Whether a service belongs to a cluster, by its ARN (`…:service/<cluster>/<service>`; before 2018 without the cluster)."""
    parts = service_arn.split("/")
    return len(parts) < 3 or parts[-2] == cluster


def _inferred(service: "ServiceTypeDef") -> str:
    """The rollout state where ECS gives none: completed when one deployment is left and all its tasks run."""
    settled = service.get("runningCount", 0) == service.get("desiredCount", 0) and not service.get(
        "pendingCount", 0
    )
    return COMPLETED if settled and len(service.get("deployments", [])) <= 1 else IN_PROGRESS


def _end(task: "TaskTypeDef") -> datetime:
    return task.get("stoppedAt") or task.get("stoppingAt") or task.get("createdAt") or _BEFORE_ALL


def _words(task: "TaskTypeDef") -> str:
    """What a stopped task says of its end: the task's reason, then those of its containers."""
    parts = [task.get("stoppedReason", "")]
    for container in task.get("containers", []):
        end = f"exit code {container['exitCode']}" if "exitCode" in container else ""
        why = "; ".join(part for part in (end, container.get("reason", "")) if part)
        if why:
            parts.append(f"{container.get('name', 'container')}: {why}")
    return " | ".join(part for part in parts if part) or "a task stopped without a reason"
