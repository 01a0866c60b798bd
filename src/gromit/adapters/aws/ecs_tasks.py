"""Public tasks of all environments, from their network interfaces and from ECS.

ECS tags the interface of a service's task with `aws:ecs:clusterName` and `aws:ecs:serviceName` if
the service has managed tags on. Only AWS can set tags that begin with `aws:`, so they prove which
service the interface belongs to. A cluster has the name of its environment, and a service the name
of its component. One call returns a thousand interfaces with their public addresses, which no other
API returns.

Interfaces do not show whether a task runs: an interface is `in-use` from the moment it is attached,
while the image is still pulled, until the task has stopped. AWS's documentation does not promise
the tags either. So `public_tasks` returns the tasks that may be running, and `running_tasks` asks
ECS; `core.dns.tasks` decides when that is needed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.aws.environment_resources import read_mark
from gromit.core.dns.tasks import PublicTask, TaskListing
from gromit.core.stack.public_components import PublicComponents
from gromit.errors import Temporary

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, NetworkInterfaceTypeDef
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_ecs.type_defs import TaskTypeDef

CLUSTER_TAG, SERVICE_TAG = "aws:ecs:clusterName", "aws:ecs:serviceName"

INTERFACES_PER_PAGE = 1000
"""Largest number of interfaces in one response."""
VALUES_PER_FILTER = 200
"""Largest number of values in one filter."""
PER_CALL = 100
"""Largest number of clusters or tasks in a DescribeClusters, ListTasks or DescribeTasks."""

_OF_TASKS: "Sequence[FilterTypeDef]" = (
    {"Name": "status", "Values": ["in-use"]},
    {"Name": "requester-managed", "Values": ["true"]},
)


class EcsTasks:
    """The port `TaskSource` for public components."""

    def __init__(
        self, ec2: "EC2Client", ecs: "ECSClient", known: PublicComponents, installation: str = ""
    ) -> None:
        """`installation` is the name of this one; empty if it has none."""
        self._ec2 = ec2
        self._installation = installation
        self._ecs = ecs
        self._public = known.names

    def public_tasks(self, environment: str | None = None) -> TaskListing:
        """Read the interfaces: one call for 1000. Raises `Denied` or `BackendError`."""
        found: list[PublicTask] = []
        reasons: list[str] = []
        filters: Sequence[FilterTypeDef] = (*_OF_TASKS, _in_cluster(environment))
        with _collect_temporary(reasons), aws_errors("list the network interfaces of tasks"):
            for interface in self._interfaces(filters):
                tags = {t["Key"]: t["Value"] for t in interface.get("TagSet", [])}
                found += self._task(interface, tags.get(CLUSTER_TAG), tags.get(SERVICE_TAG))
        return TaskListing(tuple(found), not reasons, "; ".join(reasons))

    def running_tasks(self, environments: Collection[str]) -> TaskListing:
        """Ask ECS, then EC2 for the addresses.

        This takes one call for 100 environments, two for 100 running tasks of an environment, and
        one for 200 public tasks. Raises `Denied` or `BackendError`.
        """
        return self._confirmed(self._with_running_tasks(sorted(environments)))

    def tasks_of(self, environment: str) -> TaskListing:
        """Ask ECS with two calls, then EC2 with one. Raises like `running_tasks`."""
        return self._confirmed([environment] if self._public else [])

    def _confirmed(self, environments: Iterable[str]) -> TaskListing:
        """Return the running public tasks of clusters of this installation."""
        owners: dict[str, _InterfaceOwner] = {}
        found: list[PublicTask] = []
        reasons: list[str] = []
        with _collect_temporary(reasons):
            for environment in environments:
                owners |= self._interface_owners(environment)
        with _collect_temporary(reasons), aws_errors("look up the addresses of tasks"):
            for ids in _chunks(sorted(owners), VALUES_PER_FILTER):
                filters: Sequence[FilterTypeDef] = [
                    {"Name": "network-interface-id", "Values": [*ids]}
                ]
                for interface in self._interfaces(filters):
                    owner = owners[interface["NetworkInterfaceId"]]
                    found += self._task(
                        interface, owner.environment, owner.component, owner.started_ms
                    )
        return TaskListing(tuple(found), not reasons, "; ".join(reasons))

    def _interfaces(
        self, filters: "Sequence[FilterTypeDef]"
    ) -> "Iterator[NetworkInterfaceTypeDef]":
        pages = self._ec2.get_paginator("describe_network_interfaces").paginate(
            Filters=filters, PaginationConfig={"PageSize": INTERFACES_PER_PAGE}
        )
        for page in pages:
            yield from page["NetworkInterfaces"]

    def _task(
        self,
        interface: "NetworkInterfaceTypeDef",
        cluster: str | None,
        service: str | None,
        started_ms: int | None = None,
    ) -> Iterator[PublicTask]:
        address = interface.get("Association", {}).get("PublicIp")
        if address and cluster and service in self._public:
            yield PublicTask(cluster, service, address, started_ms)

    def _with_running_tasks(self, environments: Sequence[str]) -> Iterator[str]:
        """Yield the environments that have a cluster of this installation with a running task."""
        for names in _chunks(environments if self._public else (), PER_CALL):
            with aws_errors("describe the clusters of environments"):
                clusters = self._ecs.describe_clusters(clusters=[*names], include=["TAGS"])[
                    "clusters"
                ]
            yield from (
                c["clusterName"]
                for c in clusters
                if c.get("status") == "ACTIVE"
                and c.get("runningTasksCount")
                and not read_mark(c.get("tags", [])).owner(self._installation)
            )

    def _interface_owners(self, environment: str) -> Mapping[str, "_InterfaceOwner"]:
        """Map interface ids of running public tasks to their tasks."""
        with aws_errors(f"describe the tasks of {environment}"):
            try:
                pages = self._ecs.get_paginator("list_tasks").paginate(
                    cluster=environment, PaginationConfig={"PageSize": PER_CALL}
                )
                arns = [arn for page in pages for arn in page["taskArns"]]
                tasks: list[TaskTypeDef] = []
                for part in _chunks(arns, PER_CALL):
                    tasks += self._describe(environment, part)
            except self._ecs.exceptions.ClusterNotFoundException:
                return {}
        owners: dict[str, _InterfaceOwner] = {}
        for task in tasks:
            component = task.get("group", "").removeprefix("service:")
            if component in self._public and _is_running(task):
                owner = _InterfaceOwner(environment, component, _started_ms(task))
                owners |= dict.fromkeys(_interface_ids(task), owner)
        return owners

    def _describe(self, environment: str, arns: Sequence[str]) -> "Iterable[TaskTypeDef]":
        """Return those of the tasks that still exist."""
        return self._ecs.describe_tasks(cluster=environment, tasks=arns)["tasks"]


@dataclass(frozen=True, slots=True)
class _InterfaceOwner:
    """Running public task that an interface belongs to."""

    environment: str
    component: str
    started_ms: int | None


def _started_ms(task: "TaskTypeDef") -> int | None:
    started = task.get("startedAt")
    return None if started is None else round(started.timestamp() * 1000)


def _in_cluster(environment: str | None) -> "FilterTypeDef":
    """Return the filter for interfaces of tasks in any cluster, or in that of an environment."""
    if environment is None:
        return {"Name": "tag-key", "Values": [CLUSTER_TAG]}
    return {"Name": f"tag:{CLUSTER_TAG}", "Values": [environment]}


@contextmanager
def _collect_temporary(reasons: list[str]) -> Iterator[None]:
    """End the block at a temporary error and keep its message, so that earlier results count."""
    try:
        yield
    except Temporary as error:
        reasons.append(error.message)


def _is_running(task: "TaskTypeDef") -> bool:
    """Whether a task runs and should go on: the desired status changes as soon as it is stopped."""
    return task.get("lastStatus") == task.get("desiredStatus") == "RUNNING"


def _interface_ids(task: "TaskTypeDef") -> Iterator[str]:
    for attachment in task.get("attachments", []):
        for detail in attachment.get("details", []):
            if detail.get("name") == "networkInterfaceId":
                yield detail.get("value", "")


def _chunks(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for at in range(0, len(names), size):
        yield names[at : at + size]
