"""Contents of the emulated account, to check that a root leaves nothing behind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import jmespath

from tests.platform.emulator import Emulator


@dataclass(frozen=True, slots=True)
class Each:
    """A listing that runs once for each item of another one: the services of each cluster."""

    argument: str
    operation: str
    names: str
    """JMESPath of the argument's values in the answer."""


@dataclass(frozen=True, slots=True)
class Listing:
    """API call that lists one kind of thing."""

    service: str
    operation: str
    names: str
    """JMESPath of names or ids in the answer, without those that AWS lists after a deletion."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    each: Each | None = None

    def among(self, client: Any) -> Iterator[str]:
        """Yield all names or ids."""
        for found in self._asked(client):
            yield from _found(client, self.operation, self.names, {**self.arguments, **found})

    def _asked(self, client: Any) -> Iterator[Mapping[str, str]]:
        if self.each is None:
            yield {}
            return
        for value in _found(client, self.each.operation, self.each.names, {}):
            yield {self.each.argument: value}

    @classmethod
    def of_ec2(cls, what: str, names: str) -> Self:
        """Return a listing of EC2, which names all its listings alike."""
        return cls("ec2", f"describe_{what}", names)


LISTINGS: Mapping[str, Listing] = {
    "aws_acm_certificate": Listing(
        "acm", "list_certificates", "CertificateSummaryList[].CertificateArn"
    ),
    "aws_cloudwatch_event_rule": Listing("events", "list_rules", "Rules[].Arn"),
    "aws_cloudwatch_log_group": Listing("logs", "describe_log_groups", "logGroups[].logGroupName"),
    "aws_cloudwatch_log_metric_filter": Listing(
        "logs", "describe_metric_filters", "metricFilters[].filterName"
    ),
    "aws_cloudwatch_metric_alarm": Listing(
        "cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"
    ),
    "aws_dynamodb_table": Listing("dynamodb", "list_tables", "TableNames[]"),
    "aws_ebs_volume": Listing.of_ec2("volumes", "Volumes[].VolumeId"),
    "aws_ecr_repository": Listing("ecr", "describe_repositories", "repositories[].repositoryArn"),
    "aws_ecs_cluster": Listing("ecs", "list_clusters", "clusterArns[]"),
    "aws_ecs_service": Listing(
        "ecs",
        "list_services",
        "serviceArns[]",
        each=Each("cluster", "list_clusters", "clusterArns[]"),
    ),
    "aws_ecs_task_definition": Listing(
        "ecs", "list_task_definitions", "taskDefinitionArns[]"
    ),  # the active ones
    "aws_efs_access_point": Listing(
        "efs", "describe_access_points", "AccessPoints[].AccessPointId"
    ),
    "aws_efs_file_system": Listing("efs", "describe_file_systems", "FileSystems[].FileSystemId"),
    "aws_efs_mount_target": Listing(
        "efs",
        "describe_mount_targets",
        "MountTargets[].MountTargetId",
        each=Each("FileSystemId", "describe_file_systems", "FileSystems[].FileSystemId"),
    ),
    "aws_eip": Listing.of_ec2("addresses", "Addresses[].AllocationId"),
    "aws_iam_instance_profile": Listing("iam", "list_instance_profiles", "InstanceProfiles[].Arn"),
    "aws_iam_openid_connect_provider": Listing(
        "iam", "list_open_id_connect_providers", "OpenIDConnectProviderList[].Arn"
    ),
    "aws_iam_policy": Listing("iam", "list_policies", "Policies[].Arn", {"Scope": "Local"}),
    "aws_iam_role": Listing("iam", "list_roles", "Roles[].Arn"),
    "aws_iam_user": Listing("iam", "list_users", "Users[].Arn"),
    "aws_instance": Listing.of_ec2(
        "instances", "Reservations[].Instances[?State.Name != 'terminated'][].InstanceId"
    ),
    "aws_internet_gateway": Listing.of_ec2(
        "internet_gateways", "InternetGateways[].InternetGatewayId"
    ),
    # Without AWS's own default keys, which come with the first volume or table and stay. The
    # emulator distinguishes them only by this description.
    "aws_kms_key": Listing(
        "kms",
        "describe_key",
        "[KeyMetadata][?KeyState != 'PendingDeletion'"
        " && !starts_with(Description, 'Default master key ')].KeyId",
        each=Each("KeyId", "list_keys", "Keys[].KeyId"),
    ),
    "aws_lb": Listing("elbv2", "describe_load_balancers", "LoadBalancers[].LoadBalancerArn"),
    "aws_lb_target_group": Listing(
        "elbv2", "describe_target_groups", "TargetGroups[].TargetGroupArn"
    ),
    "aws_nat_gateway": Listing.of_ec2(
        "nat_gateways", "NatGateways[?State != 'deleted'].NatGatewayId"
    ),
    "aws_network_interface": Listing.of_ec2(
        "network_interfaces", "NetworkInterfaces[].NetworkInterfaceId"
    ),
    "aws_route53_zone": Listing("route53", "list_hosted_zones", "HostedZones[].Id"),
    "aws_route_table": Listing.of_ec2("route_tables", "RouteTables[].RouteTableId"),
    "aws_s3_bucket": Listing("s3", "list_buckets", "Buckets[].Name"),
    # A secret that waits for its deletion counts too: AWS keeps its name taken until then.
    "aws_secretsmanager_secret": Listing(
        "secretsmanager", "list_secrets", "SecretList[].Name", {"IncludePlannedDeletion": True}
    ),
    "aws_security_group": Listing.of_ec2("security_groups", "SecurityGroups[].GroupId"),
    "aws_service_discovery_private_dns_namespace": Listing(
        "servicediscovery", "list_namespaces", "Namespaces[].Id"
    ),
    "aws_service_discovery_service": Listing("servicediscovery", "list_services", "Services[].Id"),
    "aws_sns_topic": Listing("sns", "list_topics", "Topics[].TopicArn"),
    "aws_sns_topic_subscription": Listing(
        "sns", "list_subscriptions", "Subscriptions[].SubscriptionArn"
    ),
    "aws_ssm_parameter": Listing("ssm", "describe_parameters", "Parameters[].Name"),
    "aws_subnet": Listing.of_ec2("subnets", "Subnets[].SubnetId"),
    "aws_vpc": Listing.of_ec2("vpcs", "Vpcs[].VpcId"),
    "aws_vpc_endpoint": Listing.of_ec2(
        "vpc_endpoints", "VpcEndpoints[?State != 'deleted'].VpcEndpointId"
    ),
}
"""Kinds of things, by terraform's name for them.

AWS or a person makes interfaces and policies beside the roots.
"""

GO_WITH: Mapping[str, str] = {
    "aws_acm_certificate_validation": "aws_acm_certificate",
    "aws_cloudwatch_event_target": "aws_cloudwatch_event_rule",
    "aws_default_security_group": "aws_vpc",
    "aws_ec2_tag": "aws_route_table",
    "aws_ecr_lifecycle_policy": "aws_ecr_repository",
    "aws_efs_file_system_policy": "aws_efs_file_system",
    "aws_iam_access_key": "aws_iam_user",
    "aws_iam_role_policy": "aws_iam_role",
    "aws_iam_role_policy_attachment": "aws_iam_role",
    "aws_iam_user_policy": "aws_iam_user",
    "aws_lb_listener": "aws_lb",
    "aws_route": "aws_route_table",
    "aws_route53_record": "aws_route53_zone",
    "aws_route_table_association": "aws_subnet",
    "aws_s3_bucket_policy": "aws_s3_bucket",
    "aws_s3_bucket_public_access_block": "aws_s3_bucket",
    "aws_secretsmanager_secret_version": "aws_secretsmanager_secret",
    "aws_security_group_rule": "aws_security_group",
    "aws_sns_topic_policy": "aws_sns_topic",
    "aws_volume_attachment": "aws_instance",
}
"""Kinds that do not exist on their own, each with the kind that removes it."""


def everything(emulator: Emulator) -> set[str]:
    """Return kind and name of each thing, for example `aws_s3_bucket terraform-state-dev`."""
    clients = {
        service: emulator.client(service)
        for service in {listing.service for listing in LISTINGS.values()}
    }
    return {
        f"{kind} {name}"
        for kind, listing in LISTINGS.items()
        for name in listing.among(clients[listing.service])
    }


def kinds(things: set[str]) -> set[str]:
    """Return the kinds among things."""
    return {thing.partition(" ")[0] for thing in things}


def _found(client: Any, operation: str, names: str, arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names in all pages of an answer."""
    if client.can_paginate(operation):
        pages = client.get_paginator(operation).paginate(**arguments)
    else:
        pages = [getattr(client, operation)(**arguments)]
    for page in pages:
        yield from jmespath.search(names, page) or ()
