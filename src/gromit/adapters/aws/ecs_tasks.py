"""Public tasks of all environments, from their network interfaces, and from ECS itself where those do not tell enough.

ECS tags the interface of a service's task with `aws:ecs:clusterName` and `aws:ecs:serviceName` if the service has managed tags on.
Nobody else can set tags that begin with `aws:`, so they prove whose the interface is; clusters are named like environments, and
services like components. One call gives a thousand interfaces with their public addresses, which no other API knows.

What interfaces alone cannot tell is whether a task runs: from when it is attached, while the image is still pulled, until the task
has stopped, an interface is `in-use`. Nor does AWS's documentation promise those tags. So `public_tasks` gives what may be running,
and `running_tasks` asks ECS; `core.dns_tasks` decides when that is needed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.core.dns.plan import PublicTask, TaskListing
from gromit.core.stack.catalogue import Catalogue
from gromit.errors import Temporary

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, NetworkInterfaceTypeDef
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_ecs.type_defs import TaskTypeDef

CLUSTER_TAG, SERVICE_TAG = "aws:ecs:clusterName", "aws:ecs:serviceName"

INTERFACES_PER_PAGE = 1000
"""Most interfaces of one answer."""
VALUES_PER_FILTER = 200
"""Most values of one filter."""
PER_CALL = 100
"""Most clusters of one DescribeClusters, and tasks of one ListTasks or DescribeTasks."""

_OURS: "Sequence[FilterTypeDef]" = (
    {"Name": "tag-key", "Values": [CLUSTER_TAG]},
    {"Name": "status", "Values": ["in-use"]},
    {"Name": "requester-managed", "Values": ["true"]},
)


class EcsTasks:
    """The port `TaskSource`, for the public components of a catalogue."""

    def __init__(self, ec2: "EC2Client", ecs: "ECSClient", catalogue: Catalogue) -> None:
        self._ec2 = ec2
        self._ecs = ecs
        self._public = frozenset(c.name for c in catalogue.components.values() if c.public)

    def public_tasks(self) -> TaskListing:
        """Tasks with a public address, as their interfaces tell: a call for each 1000. Raises `Denied` or `BackendError`."""
        found: list[PublicTask] = []
        reasons: list[str] = []
        with _noted(reasons), aws_errors("list the network interfaces of tasks"):
            for interface in self._interfaces(_OURS):
                tags = {t["Key"]: t["Value"] for t in interface.get("TagSet", [])}
                found += self._task(interface, tags.get(CLUSTER_TAG), tags.get(SERVICE_TAG))
        return TaskListing(tuple(found), not reasons, "; ".join(reasons))

    def running_tasks(self, environments: Collection[str]) -> TaskListing:
        """Running tasks with a public address, as ECS tells of a few environments.

        One call for each 100 environments, two for each 100 running tasks of one, and one for each 200 public tasks.
        Environments without a cluster have no tasks. Raises `Denied` or `BackendError`.
        """
        homes: dict[str, tuple[str, str]] = {}
        found: list[PublicTask] = []
        reasons: list[str] = []
        with _noted(reasons):
            for environment in self._busy(sorted(environments)):
                homes |= self._running(environment)
        with _noted(reasons), aws_errors("look up the addresses of tasks"):
            for ids in _chunks(sorted(homes), VALUES_PER_FILTER):
                for interface in self._interfaces(
                    [{"Name": "network-interface-id", "Values": [*ids]}]
                ):
                    found += self._task(interface, *homes[interface["NetworkInterfaceId"]])
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
        self, interface: "NetworkInterfaceTypeDef", cluster: str | None, service: str | None
    ) -> Iterator[PublicTask]:
        address = interface.get("Association", {}).get("PublicIp")
        if address and cluster and service in self._public:
            yield PublicTask(cluster, service, address)

    def _busy(self, environments: Sequence[str]) -> Iterator[str]:
        """Those environments whose cluster is there and has a running task."""
        for names in _chunks(environments if self._public else (), PER_CALL):
            with aws_errors("describe the clusters of environments"):
                clusters = self._ecs.describe_clusters(clusters=[*names])["clusters"]
            yield from (
                c["clusterName"]
                for c in clusters
                if c.get("status") == "ACTIVE" and c.get("runningTasksCount")
            )

    def _running(self, environment: str) -> Mapping[str, tuple[str, str]]:
        """Interface id to environment and component, for all running tasks of public components."""
        with aws_errors(f"look at the tasks of {environment}"):
            try:
                pages = self._ecs.get_paginator("list_tasks").paginate(
                    cluster=environment, PaginationConfig={"PageSize": PER_CALL}
                )
                arns = [arn for page in pages for arn in page["taskArns"]]
                tasks = [
                    t for part in _chunks(arns, PER_CALL) for t in self._describe(environment, part)
                ]
            except self._ecs.exceptions.ClusterNotFoundException:
                return {}
        homes = ((t.get("group", "").removeprefix("service:"), t) for t in tasks)
        return {
            i: (environment, name)
            for name, t in homes
            if name in self._public and _runs(t)
            for i in _interface_ids(t)
        }

    def _describe(self, environment: str, arns: Sequence[str]) -> "Iterable[TaskTypeDef]":
        """Tasks that have gone meanwhile are missing from the answer."""
        return self._ecs.describe_tasks(cluster=environment, tasks=arns)["tasks"]


@contextmanager
def _noted(reasons: list[str]) -> Iterator[None]:
    """What passes breaks the listing off, and is noted; what was found so far counts."""
    try:
        yield
    except Temporary as error:
        reasons.append(error.message)


def _runs(task: "TaskTypeDef") -> bool:
    """Whether a task runs and is meant to go on: one that is being stopped has another desired status at once."""
    return task.get("lastStatus") == task.get("desiredStatus") == "RUNNING"


def _interface_ids(task: "TaskTypeDef") -> Iterator[str]:
    for attachment in task.get("attachments", []):
        for detail in attachment.get("details", []):
            if detail.get("name") == "networkInterfaceId":
                yield detail.get("value", "")


def _chunks(names: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for at in range(0, len(names), size):
        yield names[at : at + size]
