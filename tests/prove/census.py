"""All that exists in an emulated AWS, for the suites that look for leaks."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from gromit.local.cloud.platform import BUCKET
from tests.platform.inventory import LISTINGS, Each, Listing

_KINDS = (
    "aws_cloudwatch_log_group", "aws_ecs_cluster", "aws_ecs_service", "aws_ecs_task_definition",
    "aws_efs_access_point", "aws_efs_file_system", "aws_network_interface", "aws_security_group",
    "aws_service_discovery_service", "aws_service_discovery_private_dns_namespace",
    "aws_route53_zone", "aws_s3_bucket", "aws_dynamodb_table", "aws_ssm_parameter", "aws_iam_role",
    "aws_subnet", "aws_vpc", "aws_eip",
)  # fmt: skip
_LISTINGS: Mapping[str, Listing] = {
    **{kind: LISTINGS[kind] for kind in _KINDS},
    "security group rule": Listing.of_ec2(
        "security_group_rules", "SecurityGroupRules[].SecurityGroupRuleId"
    ),
    "task": Listing(
        "ecs", "list_tasks", "taskArns[]", each=Each("cluster", "list_clusters", "clusterArns[]")
    ),
    "instance of Cloud Map": Listing(
        "servicediscovery",
        "list_instances",
        "Instances[].Id",
        each=Each("ServiceId", "list_services", "Services[].Id"),
    ),
    "DNS record": Listing(
        "route53",
        "list_resource_record_sets",
        "ResourceRecordSets[].join(' ', [Type, Name])",
        each=Each("HostedZoneId", "list_hosted_zones", "HostedZones[].Id"),
    ),
    "S3 object": Listing("s3", "list_objects_v2", "Contents[].Key", {"Bucket": BUCKET}),
}


@dataclass(frozen=True, slots=True)
class Census:
    """A view of one account. Its clients are made once: each takes megabytes."""

    clients: Mapping[str, Any]

    @classmethod
    def of(cls, client: Callable[[str], Any]) -> Self:
        """Return the view of the account to which these clients belong."""
        return cls({s: client(s) for s in {one.service for one in _LISTINGS.values()}})

    def all(self) -> frozenset[tuple[str, str]]:
        """Return kind and name of each thing in the whole account."""
        return frozenset(
            (kind, name)
            for kind, listing in _LISTINGS.items()
            for name in listing.among(self.clients[listing.service])
        )


def kinds(things: frozenset[tuple[str, str]]) -> Mapping[str, int]:
    """Return the number of things of each kind."""
    return Counter(kind for kind, _ in sorted(things))
