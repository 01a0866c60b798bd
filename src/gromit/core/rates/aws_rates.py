"""Rates of AWS for the calls that environments need, per account and region.

| rate | burst | a second | source |
|---|---|---|---|
| `route53` | 50 | 5 | Route 53 developer guide, quotas: 10 a second since 30 July 2026, 5 before |
| `ecs.definitions` | 20 | 1 | ECS API reference, request throttling |
| `ecs.clusters` | 20 | 1 | ECS API reference, request throttling |
| `ecs.cluster_reads` | 50 | 20 | ECS API reference, request throttling |
| `ecs.services` | 50 | 5 | ECS API reference, request throttling |
| `ecs.service_reads` | 100 | 20 | ECS API reference, request throttling |
| `ecs.task_reads` | 100 | 20 | ECS API reference, request throttling |
| `cloudmap` | 50 | 10 | assumed: AWS publishes only the rate of DiscoverInstances |
| `ec2.interfaces` | 100 | 20 | EC2 developer guide, request throttling: non-mutating actions |

Of two documented figures the lower one is here. Other calls are far below their rates.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from gromit.core.rates.buckets import Rate


class AwsRate(StrEnum):
    """A rate that calls of environments come close to. The names are stable."""

    ROUTE53 = "route53"
    DEFINITIONS = "ecs.definitions"
    CLUSTERS = "ecs.clusters"
    CLUSTER_READS = "ecs.cluster_reads"
    SERVICES = "ecs.services"
    SERVICE_READS = "ecs.service_reads"
    TASK_READS = "ecs.task_reads"
    CLOUD_MAP = "cloudmap"
    INTERFACES = "ec2.interfaces"


@dataclass(frozen=True, slots=True)
class CountedCalls:
    """Calls that share a rate."""

    title: str
    rate: Rate
    service: str
    """Service as botocore's events name it."""
    operations: frozenset[str] = frozenset()
    """Operations; empty for all of the service."""


AWS_RATES: Mapping[AwsRate, CountedCalls] = MappingProxyType(
    {
        AwsRate.ROUTE53: CountedCalls("calls of Route53", Rate(50, 5), "route-53"),
        AwsRate.DEFINITIONS: CountedCalls(
            "changes of task definitions",
            Rate(20, 1),
            "ecs",
            frozenset({"RegisterTaskDefinition", "DeregisterTaskDefinition"}),
        ),
        AwsRate.CLUSTERS: CountedCalls(
            "changes of ECS clusters",
            Rate(20, 1),
            "ecs",
            frozenset({"CreateCluster", "DeleteCluster"}),
        ),
        AwsRate.CLUSTER_READS: CountedCalls(
            "reads of ECS clusters",
            Rate(50, 20),
            "ecs",
            frozenset({"ListClusters", "DescribeClusters"}),
        ),
        AwsRate.SERVICES: CountedCalls(
            "changes of ECS services",
            Rate(50, 5),
            "ecs",
            frozenset({"CreateService", "UpdateService", "DeleteService"}),
        ),
        AwsRate.SERVICE_READS: CountedCalls(
            "reads of ECS services",
            Rate(100, 20),
            "ecs",
            frozenset({"ListServices", "DescribeServices"}),
        ),
        AwsRate.TASK_READS: CountedCalls(
            "reads of ECS tasks", Rate(100, 20), "ecs", frozenset({"ListTasks", "DescribeTasks"})
        ),
        AwsRate.CLOUD_MAP: CountedCalls("calls of Cloud Map", Rate(50, 10), "servicediscovery"),
        AwsRate.INTERFACES: CountedCalls(
            "reads of network interfaces",
            Rate(100, 20),
            "ec2",
            frozenset({"DescribeNetworkInterfaces"}),
        ),
    }
)
"""The table above, with the operations."""


def rate_of(service: str, operation: str) -> AwsRate | None:
    """Return the rate that a call counts for; None if it is not paced."""
    for rate, calls in AWS_RATES.items():
        if service == calls.service and (not calls.operations or operation in calls.operations):
            return rate
    return None
