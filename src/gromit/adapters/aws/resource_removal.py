"""Removal of single resources of environments that Terraform does not know or cannot remove."""

from collections.abc import Callable, Mapping, Sequence

from botocore.exceptions import ClientError

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.adapters.aws.environment_resources import ResourceClients, ResourceLook
from gromit.core.stack.contract import Platform
from gromit.core.stack.resources import Resource, ResourceKind

_GONE = frozenset(
    {
        "ClusterNotFoundException", "ServiceNotFoundException", "ServiceNotActiveException",
        "ServiceNotFound", "InstanceNotFound", "InvalidGroup.NotFound",
        "InvalidSecurityGroupRuleId.NotFound", "AccessPointNotFound", "ResourceNotFoundException",
    }
)  # fmt: skip
_IN_USE = frozenset(
    {
        "ResourceInUse", "DependencyViolation", "ClusterContainsTasksException",
        "ClusterContainsServicesException", "UpdateInProgressException",
        "OperationAbortedException", "DuplicateRequest",
    }
)  # fmt: skip


class AwsEnvironmentResources:
    """The port `EnvironmentResources`."""

    def __init__(self, clients: ResourceClients, installation: str = "") -> None:
        """`installation` is the name of this one; empty if it has none."""
        self._clients = clients
        self._installation = installation
        self._removals: Mapping[ResourceKind, Callable[[Resource], None]] = {
            ResourceKind.TASK: self._stop_task,
            ResourceKind.SERVICE: self._delete_service,
            ResourceKind.CLUSTER: self._delete_cluster,
            ResourceKind.DISCOVERY: self._delete_name,
            ResourceKind.RULE: self._revoke_rule,
            ResourceKind.GROUP: self._delete_group,
            ResourceKind.DEFINITION: self._deregister,
            ResourceKind.ACCESS_POINT: self._delete_access_point,
            ResourceKind.LOG_GROUP: self._delete_log_group,
        }

    def find(self, environment: str, platform: Platform | None) -> Sequence[Resource]:
        """Raise `Denied`, `Temporary` or `BackendError`."""
        return ResourceLook(self._clients, environment, platform, self._installation).all()

    def in_cluster(self, environment: str) -> Sequence[Resource]:
        """Raise `Denied`, `Temporary` or `BackendError`."""
        return ResourceLook(self._clients, environment, None, self._installation).in_cluster()

    def remove(self, resource: Resource) -> bool:
        """Raise `Denied`, `Temporary` or `BackendError`."""
        if not resource.is_ours:
            raise ValueError(f"{resource} is not the environment's")
        with aws_errors(f"remove {resource}"):
            try:
                self._removals[resource.kind](resource)
            except ClientError as error:
                if error_code(error) in _IN_USE:
                    return False
                if error_code(error) not in _GONE:
                    raise
        return True

    def _stop_task(self, task: Resource) -> None:
        self._clients.ecs.stop_task(
            cluster=task.parent, task=task.id, reason="gromit removes its environment"
        )

    def _delete_service(self, service: Resource) -> None:
        name = service.id.rpartition("/")[2]
        self._clients.ecs.delete_service(cluster=service.parent, service=name, force=True)

    def _delete_cluster(self, cluster: Resource) -> None:
        self._clients.ecs.delete_cluster(cluster=cluster.id)

    def _delete_name(self, name: Resource) -> None:
        """Deregister the instances first: Cloud Map keeps a service that has any."""
        discovery = self._clients.discovery
        for page in discovery.get_paginator("list_instances").paginate(ServiceId=name.id):
            for instance in page["Instances"]:
                if "Id" in instance:
                    discovery.deregister_instance(ServiceId=name.id, InstanceId=instance["Id"])
        discovery.delete_service(Id=name.id)

    def _revoke_rule(self, rule: Resource) -> None:
        group, _, direction = rule.parent.partition("/")
        ec2 = self._clients.ec2
        is_egress = direction == "egress"
        revoke = (
            ec2.revoke_security_group_egress if is_egress else ec2.revoke_security_group_ingress
        )
        revoke(GroupId=group, SecurityGroupRuleIds=[rule.id])

    def _delete_group(self, group: Resource) -> None:
        self._clients.ec2.delete_security_group(GroupId=group.id)

    def _deregister(self, definition: Resource) -> None:
        self._clients.ecs.deregister_task_definition(taskDefinition=definition.id)

    def _delete_access_point(self, point: Resource) -> None:
        self._clients.efs.delete_access_point(AccessPointId=point.id)

    def _delete_log_group(self, group: Resource) -> None:
        self._clients.logs.delete_log_group(logGroupName=group.id)
