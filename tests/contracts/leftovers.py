"""Resources of an environment as the stack makes them, created without Terraform."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from gromit.adapters.aws.environment_resources import ResourceClients
from gromit.core.stack.contract import Platform
from gromit.core.stack.resources import ResourceKind


class Clients(Protocol):
    """Clients of an emulated AWS."""

    def client(self, service: str) -> Any:
        """Return a client of one service."""


def resource_clients(cloud: Clients) -> ResourceClients:
    """Return clients of all services that have resources of environments."""
    return ResourceClients(
        ecs=cloud.client("ecs"),
        ec2=cloud.client("ec2"),
        efs=cloud.client("efs"),
        logs=cloud.client("logs"),
        discovery=cloud.client("servicediscovery"),
    )


class Leftovers:
    """Creates resources of one component of an environment, each alone."""

    def __init__(
        self,
        cloud: Clients,
        platform: Platform,
        environment: str,
        component: str,
        marks: Mapping[str, str] | None = None,
    ) -> None:
        self._client = cloud.client
        self._platform = platform
        self._environment, self._component = environment, component
        self._marks = {"env": environment, "managed": "gromit"} if marks is None else marks

    def make(self, kind: ResourceKind) -> str:
        """Create one resource of a kind, and return its id."""
        return str(_MAKERS[kind](self))

    def cluster(self) -> str:
        name = self._environment
        self._client("ecs").create_cluster(clusterName=name, tags=self._tags("key", "value"))
        return name

    def service(self) -> str:
        cluster, name = self.cluster(), self._component
        self._client("ecs").create_service(
            cluster=cluster,
            serviceName=name,
            taskDefinition=self.definition(),
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration=self._network(),
        )
        return f"{cluster}/{name}"

    def task(self) -> str:
        """Start a task that belongs to no service."""
        cluster = self.cluster()
        answer = self._client("ecs").run_task(
            cluster=cluster,
            taskDefinition=self.definition(),
            launchType="FARGATE",
            networkConfiguration=self._network(),
        )
        return str(answer["tasks"][0]["taskArn"])

    def definition(self) -> str:
        answer = self._client("ecs").register_task_definition(
            family=self._full_name,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": self._component, "image": "redis:7", "memory": 512}],
            tags=self._tags("key", "value"),
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def log_group(self) -> str:
        name = f"/gromit/{self._environment}"
        # AWS refuses an empty map of tags.
        tags = {"tags": dict(self._marks)} if self._marks else {}
        self._client("logs").create_log_group(logGroupName=name, **tags)
        return name

    def access_point(self) -> str:
        answer = self._client("efs").create_access_point(
            FileSystemId=self._platform.file_system_id,
            RootDirectory={"Path": f"/{self._environment}/{self._component}"},
            Tags=self._tags("Key", "Value"),
        )
        return str(answer["AccessPointId"])

    def group(self) -> str:
        """Create a security group with the rule that AWS adds by itself."""
        tags = self._tags("Key", "Value")
        marked = [{"ResourceType": "security-group", "Tags": tags}] if tags else []
        answer = self._client("ec2").create_security_group(
            GroupName=f"gromit--{self._full_name}",
            Description="left over",
            VpcId=self._platform.vpc_id,
            TagSpecifications=marked,
        )
        return str(answer["GroupId"])

    def name(self) -> str:
        """Create a Cloud Map service with an instance, as a task that is running has one."""
        discovery = self._client("servicediscovery")
        answer = discovery.create_service(
            Name=f"{self._component}.{self._environment}",
            DnsConfig={
                "NamespaceId": self._platform.namespace_id,
                "DnsRecords": [{"Type": "A", "TTL": 10}],
            },
            Tags=self._tags("Key", "Value"),
        )
        name = str(answer["Service"]["Id"])
        discovery.register_instance(
            ServiceId=name,
            InstanceId="i-1",
            CreatorRequestId="1",
            Attributes={"AWS_INSTANCE_IPV4": "10.91.0.9"},
        )
        return name

    @property
    def _full_name(self) -> str:
        return f"{self._environment}--{self._component}"

    def _tags(self, key: str, value: str) -> Sequence[Mapping[str, str]]:
        return [{key: name, value: text} for name, text in self._marks.items()]

    def _network(self) -> Mapping[str, Any]:
        return {"awsvpcConfiguration": {"subnets": list(self._platform.private_subnets)}}


_MAKERS = {
    ResourceKind.CLUSTER: Leftovers.cluster,
    ResourceKind.SERVICE: Leftovers.service,
    ResourceKind.TASK: Leftovers.task,
    ResourceKind.DEFINITION: Leftovers.definition,
    ResourceKind.LOG_GROUP: Leftovers.log_group,
    ResourceKind.ACCESS_POINT: Leftovers.access_point,
    ResourceKind.GROUP: Leftovers.group,
    ResourceKind.DISCOVERY: Leftovers.name,
}
MADE = tuple(_MAKERS)
"""Kinds that can be made alone. Rules come with their group."""


def one_of_each(cloud: Clients, platform: Platform, environment: str, component: str) -> None:
    """Create a resource of every kind."""
    left = Leftovers(cloud, platform, environment, component)
    for kind in MADE:
        left.make(kind)
