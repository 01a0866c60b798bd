"""ECS listings: pages, states and filters."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.responses import ActionResult
from moto.ecs.exceptions import InvalidParameterException
from moto.ecs.models import EC2ContainerServiceBackend as Backend
from moto.ecs.responses import EC2ContainerServiceResponse as Response

from gromit.local.aws.moto_patches.patches import Patches

PAGE = 100
"""Largest page of ListClusters, ListServices and ListTasks; most tasks in one DescribeTasks."""


def paginate_clusters(patches: Patches) -> None:
    """AWS lists ACTIVE clusters only, at most 100 on a page."""

    def list_clusters(_stock: Callable[..., Any], response: Any) -> ActionResult:
        active = (c.arn for c in response.ecs_backend.clusters.values() if c.status == "ACTIVE")
        return _page(response, "clusterArns", active, PAGE)

    patches.replace(Response, "list_clusters", list_clusters)


def paginate_services(patches: Patches) -> None:
    """AWS lists the ACTIVE services of exactly the named cluster.

    A page holds 10 services, or `maxResults` (at most 100).
    """

    def list_services(
        _stock: Callable[..., Any],
        backend: Any,
        cluster_str: str,
        *filters: Any,
        launch_type: str | None = None,
    ) -> list[str]:
        name, strategy = backend._get_cluster(cluster_str).name, next(iter(filters), None)
        return [
            s.arn
            for s in backend.services.values()
            if (s.cluster_name, s.status) == (name, "ACTIVE")
            and strategy in {None, s.scheduling_strategy}
            and launch_type in {None, s.launch_type}
        ]

    def respond(stock: Callable[..., Any], response: Any) -> ActionResult:
        return _page(response, "serviceArns", stock(response).result["serviceArns"], 10)

    patches.replace(Backend, "list_services", list_services)
    patches.replace(Response, "list_services", respond)


def paginate_tasks(patches: Patches) -> None:
    """AWS lists the tasks of exactly the named cluster and service.

    Their desired status is RUNNING, unless the request asks for STOPPED.
    """

    def list_tasks(stock: Callable[..., Any], response: Any) -> ActionResult:
        backend = response.ecs_backend
        cluster = backend._get_cluster(response._get_param("cluster", "default")).name
        group = None
        if service := response._get_param("serviceName"):
            group = f"service:{backend._get_service(cluster, service.split('/')[-1]).name}"
        status = response._get_param("desiredStatus", "RUNNING")
        stock_arns = set(stock(response).result["taskArns"])
        found = (
            t.task_arn
            for t in backend.tasks.get(cluster, {}).values()
            if t.task_arn in stock_arns and t.desired_status == status and group in {None, t.group}
        )
        return _page(response, "taskArns", found, PAGE)

    patches.replace(Response, "list_tasks", list_tasks)


def list_families_by_status(patches: Patches) -> None:
    """AWS lists only the families that have a task definition of the given status."""

    def list_task_definition_families(_stock: Callable[..., Any], response: Any) -> ActionResult:
        status, prefix = response._get_param("status"), response._get_param("familyPrefix") or ""
        families = [
            family
            for family, revisions in response.ecs_backend.task_definitions.items()
            if family.startswith(prefix)
            and any(status in {None, "ALL", one.status} for one in revisions.values())
        ]
        return ActionResult({"families": families})

    patches.replace(Response, "list_task_definition_families", list_task_definition_families)


def report_missing_tasks(patches: Patches) -> None:
    """AWS describes at most 100 tasks of the named cluster, and reports others as MISSING."""

    def describe_tasks(stock: Callable[..., Any], response: Any) -> ActionResult:
        requested = response._get_param("tasks", [])
        if len(requested) > PAGE:
            raise InvalidParameterException("Tasks cannot be empty or more than 100.")
        backend = response.ecs_backend
        cluster = backend._get_cluster(response._get_param("cluster", "default"))
        known = {
            arn.rsplit("/", 1)[-1]: task
            for arn, task in backend.tasks.get(cluster.name, {}).items()
        }
        stock(response)
        names = [name.rsplit("/", 1)[-1] for name in requested]
        prefix = cluster.arn.replace(":cluster/", ":task/")
        missing = [name for name in names if name not in known]
        return ActionResult(
            {
                "tasks": [known[name] for name in names if name in known],
                "failures": [{"arn": f"{prefix}/{n}", "reason": "MISSING"} for n in missing],
            }
        )

    patches.replace(Response, "describe_tasks", describe_tasks)


def _page(response: Any, key: str, arns: Iterable[str], default: int) -> ActionResult:
    ordered, size = sorted(arns), response._get_int_param("maxResults", default)
    if not 1 <= size <= PAGE:
        raise InvalidParameterException(f"maxResults must be between 1 and {PAGE}.")
    start = bisect_right(ordered, response._get_param("nextToken") or "")
    page = ordered[start : start + size]
    if start + size < len(ordered):
        return ActionResult({key: page, "nextToken": page[-1]})
    return ActionResult({key: page})
