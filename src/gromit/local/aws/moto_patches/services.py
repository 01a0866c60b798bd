"""ECS services and clusters: CreateService, UpdateService, DeleteService and DeleteCluster."""

from collections.abc import Callable
from typing import Any

from moto.core.utils import utcnow
from moto.ecs.exceptions import ECSException, InvalidParameterException
from moto.ecs.models import EC2ContainerServiceBackend as Backend
from moto.ecs.models import Service, Task
from moto.ecs.responses import EC2ContainerServiceResponse as Response
from moto.moto_api._internal import mock_random

from gromit.local.aws.moto_patches.patches import Patches

_ROLLED_BY = (
    "task_definition",
    "network_configuration",
    "platform_version",
    "service_registries",
    "load_balancers",
)
"""Attributes of a service that start a new deployment when they change."""


def keep_service_flags(patches: Patches) -> None:
    """AWS returns flags, grace period and `availabilityZoneRebalancing` as CreateService set them.

    The default of `availabilityZoneRebalancing` is ENABLED. The scheduler also needs the deployment
    circuit breaker. DescribeServices of the emulator does not return `deploymentConfiguration`, and
    terraform then keeps its own.
    """

    def create_service(stock: Callable[..., Any], response: Any) -> Any:
        result = stock(response)
        service = result.result["service"]
        service.enable_ecs_managed_tags = bool(response._get_param("enableECSManagedTags"))
        service.health_check_grace_period_seconds = response._get_param(
            "healthCheckGracePeriodSeconds"
        )
        service.availability_zone_rebalancing = (
            response._get_param("availabilityZoneRebalancing") or "ENABLED"
        )
        _remember_breaker(service, response._get_param("deploymentConfiguration"))
        return result

    patches.replace(Response, "create_service", create_service)


def make_creation_idempotent(patches: Patches) -> None:
    """AWS refuses CreateService for a name in use; CreateCluster returns the existing cluster."""

    def create_service(
        stock: Callable[..., Any],
        backend: Any,
        cluster_str: str,
        service_name: str,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        existing = backend.services.get(f"{backend._get_cluster(cluster_str).name}:{service_name}")
        if existing and existing.status == "DRAINING":
            raise InvalidParameterException("Unable to Start a service that is still Draining.")
        if existing and existing.status == "ACTIVE":
            raise InvalidParameterException("Creation of service was not idempotent.")
        return stock(backend, cluster_str, service_name, *args, **kwargs)

    def create_cluster(
        stock: Callable[..., Any], backend: Any, cluster_name: str, *args: Any, **kwargs: Any
    ) -> Any:
        existing = backend.clusters.get(cluster_name)
        if existing and existing.status == "ACTIVE":
            return existing
        return stock(backend, cluster_name, *args, **kwargs)

    patches.replace(Backend, "create_service", create_service)
    patches.replace(Backend, "create_cluster", create_cluster)


def roll_deployments(patches: Patches) -> None:
    """AWS starts a new PRIMARY deployment, IN_PROGRESS, if UpdateService changes what tasks run.

    The old deployment becomes ACTIVE. A changed desired count applies to the PRIMARY deployment and
    does not change the number of running tasks. `taskDefinition` is always the full ARN.
    """

    def update_service(stock: Callable[..., Any], backend: Any, properties: dict[str, Any]) -> Any:
        service = backend._get_service(
            properties.get("cluster", "default"), properties["service"].split("/")[-1]
        )
        before = {name: getattr(service, name) for name in _ROLLED_BY}
        running = service.running_count
        forced = bool(properties.pop("force_new_deployment", False))
        _remember_breaker(service, properties.pop("deployment_configuration", None))
        service = stock(backend, properties)
        service.task_definition = backend.describe_task_definition(service.task_definition).arn
        service.running_count = running
        service.pending_count = max(0, service.desired_count - running)
        if forced or any(getattr(service, name) != value for name, value in before.items()):
            _start_deployment(service)
        elif service.deployments:
            service.deployments[0]["desiredCount"] = service.desired_count
        return service

    patches.replace(Backend, "update_service", update_service)


def drain_deleted_services(patches: Patches) -> None:
    """AWS keeps a deleted service DRAINING while it has running tasks, then INACTIVE.

    Its desired count is 0.
    """

    def delete_service(
        stock: Callable[..., Any],
        backend: Any,
        cluster_name: str,
        service_name: str,
        force: bool,  # noqa: FBT001 - the emulator's signature
    ) -> Any:
        service = stock(backend, cluster_name, service_name, force)
        service.desired_count = 0
        service.status = "DRAINING" if running_tasks(backend, service) else "INACTIVE"
        return service

    patches.replace(Backend, "delete_service", delete_service)


def refuse_deleting_busy_clusters(patches: Patches) -> None:
    """AWS refuses DeleteCluster while a service is not INACTIVE or a task runs."""

    def delete_cluster(stock: Callable[..., Any], backend: Any, cluster_str: str) -> Any:
        name = backend._get_cluster(cluster_str).name
        if any(
            s.cluster_name == name and s.status != "INACTIVE" for s in backend.services.values()
        ):
            raise ECSException(
                "ClusterContainsServicesException",
                "The Cluster cannot be deleted while Services are active.",
            )
        if any(t.last_status != "STOPPED" for t in backend.tasks.get(name, {}).values()):
            raise ECSException(
                "ClusterContainsTasksException",
                "The Cluster cannot be deleted while Tasks are active.",
            )
        return stock(backend, cluster_str)

    patches.replace(Backend, "delete_cluster", delete_cluster)


def count_tasks(patches: Patches) -> None:
    """AWS counts a cluster's active services, running tasks and pending tasks correctly."""

    def describe_clusters(stock: Callable[..., Any], backend: Any, cluster_names: list[str]) -> Any:
        clusters, failures = stock(backend, cluster_names)
        for cluster in clusters:
            states = [t.last_status for t in backend.tasks.get(cluster.name, {}).values()]
            cluster.running_tasks_count = states.count("RUNNING")
            cluster.pending_tasks_count = sum(
                states.count(s) for s in ("PROVISIONING", "PENDING", "ACTIVATING")
            )
            cluster.active_services_count = sum(
                s.cluster_name == cluster.name and s.status == "ACTIVE"
                for s in backend.services.values()
            )
        return clusters, failures

    patches.replace(Backend, "describe_clusters", describe_clusters)


def running_tasks(backend: Backend, service: Service) -> list[Task]:
    """The tasks of a service that have not stopped."""
    tasks = backend.tasks.get(service.cluster_name, {}).values()
    return [t for t in tasks if t.group == f"service:{service.name}" and t.last_status != "STOPPED"]


def has_circuit_breaker(service: Service) -> bool:
    """Whether the service's deployment circuit breaker is enabled."""
    return bool(getattr(service, "breaker", False))


def _remember_breaker(service: Service, configuration: dict[str, Any] | None) -> None:
    if configuration is not None and "deploymentCircuitBreaker" in configuration:
        service.breaker = bool(configuration["deploymentCircuitBreaker"].get("enable"))


def _start_deployment(service: Service) -> None:
    now, identity = utcnow(), f"ecs-svc/{mock_random.randint(0, 32**12)}"
    for old in service.deployments:
        old["status"] = "ACTIVE"
    primary = {
        **service.deployments[0],
        "id": identity,
        "status": "PRIMARY",
        "taskDefinition": service.task_definition,
        "networkConfiguration": service.network_configuration or None,
        "platformVersion": service.platform_version,
        "createdAt": now,
        "updatedAt": now,
        "desiredCount": service.desired_count,
        "pendingCount": service.desired_count,
        "runningCount": 0,
        "failedTasks": 0,
        "succeeded": False,  # for the scheduler: whether one of its tasks has ever run
        "images": {},  # for the scheduler: digests of the images of its first task
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment {identity} in progress.",
    }
    service.deployments.insert(0, primary)
