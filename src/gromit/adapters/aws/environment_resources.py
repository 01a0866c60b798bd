"""Look at an environment in AWS: all kinds that the stack makes, found without a state.

The look uses the names and tags that the stack gives. Names are enough where they are in a place
of gromit's own: log groups below `/gromit/`, task definitions with `--` in their name, and services
in the Cloud Map namespace of the platform. Everything else must also have the tag `env`. Nothing
with the tag `installation` of another one is ours.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gromit.adapters.aws.client import aws_errors
from gromit.core.stack.contract import Platform
from gromit.core.stack.hooks import parse_family
from gromit.core.stack.marks import ResourceMark, parse_tags
from gromit.core.stack.resources import Resource, ResourceKind, rule_identity
from gromit.core.stack.task_output import log_group

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import (
        FilterTypeDef,
        SecurityGroupRuleTypeDef,
        SecurityGroupTypeDef,
    )
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_efs.client import EFSClient
    from mypy_boto3_logs.client import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import LogGroupTypeDef
    from mypy_boto3_servicediscovery.client import ServiceDiscoveryClient
    from mypy_boto3_servicediscovery.type_defs import ServiceFilterTypeDef

_TASKS_PER_CALL = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceClients:
    """Clients of the AWS services that have resources of environments."""

    ecs: "ECSClient"
    ec2: "EC2Client"
    efs: "EFSClient"
    logs: "CloudWatchLogsClient"
    discovery: "ServiceDiscoveryClient"

    def security_groups(
        self, *filters: "list[FilterTypeDef]"
    ) -> "Mapping[str, SecurityGroupTypeDef]":
        """Return the security groups that match one of the filters, by id."""
        pages = self.ec2.get_paginator("describe_security_groups")
        return {
            group["GroupId"]: group
            for chosen in filters
            for page in pages.paginate(Filters=chosen)
            for group in page["SecurityGroups"]
        }


@dataclass(frozen=True, slots=True)
class ResourceLook:
    """One look at one environment. Without a platform, only tags mark Cloud Map services."""

    clients: ResourceClients
    environment: str
    platform: Platform | None
    installation: str = ""
    """Name of this installation; empty if it has none."""

    def all(self) -> Sequence[Resource]:
        """Return all resources. Raises `Denied`, `Temporary` or `BackendError`."""
        with aws_errors(f"find what exists of {self.environment}"):
            return [
                *self._in_ecs(),
                *self._definitions(),
                *self._names(),
                *self._groups(),
                *self._access_points(),
                *self._log_groups(),
            ]

    def in_cluster(self) -> Sequence[Resource]:
        """Return what is in the cluster, and the cluster itself. Raises like `all`."""
        with aws_errors(f"find what runs of {self.environment}"):
            return list(self._in_ecs())

    def _in_ecs(self) -> Iterator[Resource]:
        name = self.environment
        found = self.clients.ecs.describe_clusters(clusters=[name], include=["TAGS"])["clusters"]
        # ECS still describes a deleted cluster for a while, as INACTIVE.
        for cluster in found:
            if cluster.get("status") == "INACTIVE":
                continue
            mark = read_mark(cluster.get("tags", []))
            is_ours = self._is_ours(mark)
            yield Resource(
                kind=ResourceKind.CLUSTER, id=name, is_ours=is_ours, owner=self._owner(mark)
            )
            # What runs in another's cluster is another's too.
            if is_ours:
                yield from self._services()
                yield from self._stray_tasks()

    def _services(self) -> Iterator[Resource]:
        ecs, cluster = self.clients.ecs, self.environment
        for page in ecs.get_paginator("list_services").paginate(
            cluster=cluster, PaginationConfig={"PageSize": 10}
        ):
            # The emulator also lists services of clusters whose name ends like this one's.
            arns = [arn for arn in page["serviceArns"] if arn.split("/")[-2:-1] == [cluster]]
            if not arns:
                continue
            for service in ecs.describe_services(cluster=cluster, services=arns)["services"]:
                if service.get("status") != "INACTIVE":
                    component = service["serviceName"]
                    yield Resource(
                        kind=ResourceKind.SERVICE,
                        id=f"{cluster}/{component}",
                        component=component,
                        parent=cluster,
                    )

    def _stray_tasks(self) -> Iterator[Resource]:
        """Yield tasks that no service has started: they would keep the cluster."""
        ecs, cluster = self.clients.ecs, self.environment
        pages = ecs.get_paginator("list_tasks").paginate(cluster=cluster)
        arns = [arn for page in pages for arn in page["taskArns"]]
        for at in range(0, len(arns), _TASKS_PER_CALL):
            part = arns[at : at + _TASKS_PER_CALL]
            for task in ecs.describe_tasks(cluster=cluster, tasks=part)["tasks"]:
                is_stray = not task.get("group", "").startswith("service:")
                if is_stray and task.get("lastStatus") != "STOPPED":
                    family = task.get("taskDefinitionArn", "").rpartition("/")[2].partition(":")[0]
                    component, hook = parse_family(self.environment, family)
                    yield Resource(
                        kind=ResourceKind.TASK,
                        id=task["taskArn"],
                        component=component if hook else None,
                        hook=hook,
                        parent=cluster,
                    )

    def _definitions(self) -> Iterator[Resource]:
        """Yield the active task definitions, the newest revision of each family first."""
        ecs, prefix = self.clients.ecs, f"{self.environment}--"
        for page in ecs.get_paginator("list_task_definition_families").paginate(
            familyPrefix=prefix, status="ACTIVE"
        ):
            for family in page["families"]:
                revisions = ecs.get_paginator("list_task_definitions").paginate(
                    familyPrefix=family, status="ACTIVE", sort="DESC"
                )
                arns = [arn for found in revisions for arn in found["taskDefinitionArns"]]
                for arn in sorted(arns, key=_revision, reverse=True):
                    # ECS takes `familyPrefix` for a whole name here; the emulator does not.
                    if arn.rpartition("/")[2].rpartition(":")[0] == family:
                        yield self._definition(family, arn)

    def _definition(self, family: str, arn: str) -> Resource:
        found = self.clients.ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
        owner = self._owner(read_mark(found.get("tags", [])))
        component, hook = parse_family(self.environment, family)
        return Resource(
            kind=ResourceKind.DEFINITION,
            id=arn,
            component=component,
            hook=hook,
            is_ours=not owner,
            owner=owner,
        )

    def _names(self) -> Iterator[Resource]:
        discovery, suffix = self.clients.discovery, f".{self.environment}"
        ours: list[ServiceFilterTypeDef] = []
        if self.platform is not None:
            ours = [{"Name": "NAMESPACE_ID", "Values": [self.platform.namespace_id]}]
        for page in discovery.get_paginator("list_services").paginate(Filters=ours):
            for service in page["Services"]:
                component, dot, rest = service.get("Name", "").partition(".")
                if f"{dot}{rest}" != suffix or "Arn" not in service or "Id" not in service:
                    continue
                # Without a platform it could be a service of any namespace.
                if self.platform is None and not self._is_ours(
                    read_mark(discovery.list_tags_for_resource(ResourceARN=service["Arn"])["Tags"])
                ):
                    continue
                yield Resource(kind=ResourceKind.DISCOVERY, id=service["Id"], component=component)

    def _groups(self) -> Iterator[Resource]:
        name = self.environment
        tagged: list[FilterTypeDef] = [
            {"Name": "tag:env", "Values": [name]},
            {"Name": "tag:managed", "Values": ["gromit"]},
        ]
        named: list[FilterTypeDef] = [{"Name": "group-name", "Values": [f"gromit--{name}--*"]}]
        found = self.clients.security_groups(named, tagged)
        for group_id, group in sorted(found.items()):
            prefix, _, component = group["GroupName"].rpartition(f"gromit--{name}--")
            is_named = not prefix and bool(component)
            mark = read_mark(group.get("Tags", []))
            is_ours = self._is_ours(mark)
            yield Resource(
                kind=ResourceKind.GROUP,
                id=group_id,
                component=component if is_named else None,
                is_ours=is_ours,
                owner=self._owner(mark),
            )
            if is_ours:
                yield from self._rules(group_id)

    def _rules(self, group: str) -> Iterator[Resource]:
        of_group: list[FilterTypeDef] = [{"Name": "group-id", "Values": [group]}]
        for page in self.clients.ec2.get_paginator("describe_security_group_rules").paginate(
            Filters=of_group
        ):
            for rule in page["SecurityGroupRules"]:
                yield Resource(
                    kind=ResourceKind.RULE,
                    id=rule["SecurityGroupRuleId"],
                    identity=_identity(group, rule),
                    parent=f"{group}/{'egress' if rule.get('IsEgress') else 'ingress'}",
                )

    def _access_points(self) -> Iterator[Resource]:
        folder = f"/{self.environment}/"
        pages = self.clients.efs.get_paginator("describe_access_points")
        platform = self.platform
        found = (
            pages.paginate(FileSystemId=platform.file_system_id) if platform else pages.paginate()
        )
        for page in found:
            for point in page["AccessPoints"]:
                path = point.get("RootDirectory", {}).get("Path", "")
                is_going = point.get("LifeCycleState") in {"deleting", "deleted"}
                # EFS allows two with the same path, so that a foreign one blocks nothing.
                if path.startswith(folder) and self._is_ours(read_mark(point.get("Tags", []))):
                    if is_going or "AccessPointId" not in point:
                        continue
                    component = path.removeprefix(folder)
                    yield Resource(
                        kind=ResourceKind.ACCESS_POINT,
                        id=point["AccessPointId"],
                        component=component,
                    )

    def _log_groups(self) -> Iterator[Resource]:
        name = log_group(self.environment)
        for page in self.clients.logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=name
        ):
            for group in page["logGroups"]:
                if group.get("logGroupName") == name:
                    owner = self._owner(log_group_mark(self.clients.logs, group))
                    yield Resource(
                        kind=ResourceKind.LOG_GROUP, id=name, is_ours=not owner, owner=owner
                    )

    def _owner(self, mark: ResourceMark) -> str:
        return mark.owner(self.installation)

    def _is_ours(self, mark: ResourceMark) -> bool:
        """Whether a mark is that of this environment, and not of another installation."""
        return mark.environment == self.environment and not self._owner(mark)


def read_mark(tags: Sequence[Mapping[str, Any]]) -> ResourceMark:
    """Return the mark in tags, whose fields the services of AWS spell variously."""
    found = {t.get("key", t.get("Key")): t.get("value", t.get("Value")) for t in tags}
    return parse_tags({str(key): str(value) for key, value in found.items()})


def log_group_mark(client: "CloudWatchLogsClient", group: "LogGroupTypeDef") -> ResourceMark:
    """Return the mark of a log group; the listing has no tags."""
    arn = group.get("arn", "").removesuffix(":*")
    return parse_tags(client.list_tags_for_resource(resourceArn=arn)["tags"])


def _revision(arn: str) -> int:
    return int(arn.rpartition(":")[2])


def _identity(group: str, rule: "SecurityGroupRuleTypeDef") -> str:
    source = (
        rule.get("CidrIpv4")
        or rule.get("CidrIpv6")
        or rule.get("PrefixListId")
        or rule.get("ReferencedGroupInfo", {}).get("GroupId", "")
    )
    return rule_identity(
        group,
        is_egress=bool(rule.get("IsEgress")),
        protocol=rule.get("IpProtocol", ""),
        ports=(rule.get("FromPort", 0), rule.get("ToPort", 0)),
        source=source,
    )
