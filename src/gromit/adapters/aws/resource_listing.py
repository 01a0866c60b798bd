"""Listing of the resources of all environments, by kind and page, whatever their number.

Tags mark the environment that a resource is for. Where a listing has no tags, they are looked up
for each resource that no state accounts for.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.aws.environment_resources import (
    ResourceClients,
    log_group_mark,
    read_mark,
)
from gromit.core.names import is_environment_name
from gromit.core.stack.contract import Platform
from gromit.core.stack.marks import ResourceMark
from gromit.core.stack.resources import AccountedResource, ListedResource, Resource, ResourceKind
from gromit.core.stack.task_output import LOG_GROUPS

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import FilterTypeDef

_GROUP = "gromit--"
"""Prefix of the names of security groups."""


@dataclass(frozen=True, slots=True)
class AwsResourceListing:
    """The port `ResourceListing`."""

    clients: ResourceClients
    installation: str = ""
    """Name of this installation; empty if it has none."""

    def all(
        self, platform: Platform, accounted: Collection[AccountedResource]
    ) -> Sequence[ListedResource]:
        """Raise `Denied`, `Temporary` or `BackendError`."""
        with aws_errors("list the resources of environments"):
            return [
                *self._groups(platform),
                *self._access_points(platform),
                *self._names(platform, accounted),
                *self._log_groups(accounted),
                *self._families(accounted),
            ]

    def _groups(self, platform: Platform) -> Iterator[ListedResource]:
        tagged: list[FilterTypeDef] = [{"Name": "tag:managed", "Values": ["gromit"]}]
        named: list[FilterTypeDef] = [{"Name": "group-name", "Values": [f"{_GROUP}*"]}]
        found = self.clients.security_groups(named, tagged)
        for id_, group in sorted(found.items()):
            named_for = group["GroupName"].removeprefix(_GROUP).partition("--")[0]
            mark = read_mark(group.get("Tags", []))
            marked_for, owner = mark.environment, mark.owner(self.installation)
            # The control plane's own groups are marked for no environment.
            if (name := marked_for or named_for) and _is_candidate(group["GroupName"], marked_for):
                is_ours = marked_for is not None and not owner
                resource = Resource(kind=ResourceKind.GROUP, id=id_, is_ours=is_ours, owner=owner)
                is_here = group.get("VpcId") == platform.vpc_id
                yield from _listed(name, resource, is_here=is_here)

    def _access_points(self, platform: Platform) -> Iterator[ListedResource]:
        for page in self.clients.efs.get_paginator("describe_access_points").paginate(
            FileSystemId=platform.file_system_id
        ):
            for point in page["AccessPoints"]:
                mark = read_mark(point.get("Tags", []))
                name = None if mark.owner(self.installation) else mark.environment
                is_going = point.get("LifeCycleState") in {"deleting", "deleted"}
                if name and not is_going and "AccessPointId" in point:
                    resource = Resource(kind=ResourceKind.ACCESS_POINT, id=point["AccessPointId"])
                    yield from _listed(name, resource, is_here=True)

    def _names(
        self, platform: Platform, accounted: Collection[AccountedResource]
    ) -> Iterator[ListedResource]:
        discovery = self.clients.discovery
        for page in discovery.get_paginator("list_services").paginate(
            Filters=[{"Name": "NAMESPACE_ID", "Values": [platform.namespace_id]}]
        ):
            for service in page["Services"]:
                name = service.get("Name", "").partition(".")[2]
                if not is_environment_name(name) or "Arn" not in service or "Id" not in service:
                    continue
                id_, arn = service["Id"], service["Arn"]
                mark = ResourceMark(name)
                if (name, ResourceKind.DISCOVERY, id_) not in accounted:
                    mark = read_mark(discovery.list_tags_for_resource(ResourceARN=arn)["Tags"])
                resource = self._named(ResourceKind.DISCOVERY, id_, name, mark)
                yield ListedResource(environment=name, resource=resource, is_here=True)

    def _log_groups(self, accounted: Collection[AccountedResource]) -> Iterator[ListedResource]:
        logs = self.clients.logs
        for page in logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=LOG_GROUPS
        ):
            for group in page["logGroups"]:
                full = group.get("logGroupName", "")
                name = full.removeprefix(LOG_GROUPS)
                if not is_environment_name(name):
                    continue
                mark = ResourceMark(name)
                if (name, ResourceKind.LOG_GROUP, full) not in accounted:
                    mark = log_group_mark(logs, group)
                resource = self._named(ResourceKind.LOG_GROUP, full, name, mark)
                yield ListedResource(environment=name, resource=resource)

    def _families(self, accounted: Collection[AccountedResource]) -> Iterator[ListedResource]:
        ecs = self.clients.ecs
        for page in ecs.get_paginator("list_task_definition_families").paginate(status="ACTIVE"):
            for family in page["families"]:
                name, dashes, _component = family.partition("--")
                if not dashes or not is_environment_name(name):
                    continue
                if (name, ResourceKind.DEFINITION, family) not in accounted:
                    answer = ecs.describe_task_definition(taskDefinition=family, include=["TAGS"])
                    mark = read_mark(answer.get("tags", []))
                    if mark.environment != name or mark.owner(self.installation):
                        continue
                resource = Resource(kind=ResourceKind.DEFINITION, id=family)
                yield ListedResource(environment=name, resource=resource)

    def _named(self, kind: ResourceKind, id_: str, name: str, mark: ResourceMark) -> Resource:
        """Return a resource whose name gives the environment, and its mark the owner."""
        owner = mark.owner(self.installation)
        is_ours = mark.environment == name and not owner
        return Resource(kind=kind, id=id_, is_ours=is_ours, owner=owner)


def _is_candidate(group_name: str, marked_for: str | None) -> bool:
    """Whether a group is marked for an environment, or has a name in the form of the stack's."""
    return marked_for is not None or "--" in group_name.removeprefix(_GROUP)


def _listed(
    name: str, resource: Resource, *, is_here: bool | None = None
) -> Iterator[ListedResource]:
    """Yield a resource, unless no environment can have that name."""
    if is_environment_name(name):
        yield ListedResource(environment=name, resource=resource, is_here=is_here)
