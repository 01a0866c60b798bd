"""Limit and usage of quotas, from Service Quotas, Route53, CloudWatch and counted resources.

Service Quotas has the limits, Route53 that of a zone. Usage is counted, or read from CloudWatch
where only AWS can count it (vCPU). A value that AWS does not report, or denies, is None. A failure
of one quota never prevents the others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import structlog
from botocore.exceptions import ClientError

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.core.doctor.quotas import Quota, QuotaUsage
from gromit.errors import BackendError, Denied, Temporary

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch.client import CloudWatchClient
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ecs.client import ECSClient
    from mypy_boto3_efs.client import EFSClient
    from mypy_boto3_route53.client import Route53Client
    from mypy_boto3_service_quotas.client import ServiceQuotasClient
    from mypy_boto3_service_quotas.type_defs import ServiceQuotaTypeDef
    from mypy_boto3_servicediscovery.client import ServiceDiscoveryClient

log = structlog.get_logger(__name__)

CODES: Mapping[Quota, tuple[str, str]] = {
    Quota.VCPU: ("fargate", "L-3032A538"),
    Quota.GROUPS: ("vpc", "L-E79EC296"),
    Quota.INTERFACES: ("vpc", "L-DF5E4CA3"),
    Quota.INSTANCES: ("AWSCloudMap", "L-D95E8A57"),
    Quota.CLUSTERS: ("ecs", "L-21C621EB"),
}
"""Service and code of each quota in Service Quotas."""
NAMED: Mapping[Quota, tuple[str, str]] = {
    Quota.ACCESS_POINTS: ("elasticfilesystem", "access points")
}
"""Quotas without a documented code: service, and words that their name contains."""

METRIC_WINDOW = timedelta(hours=1)
"""Time over which the highest value counts as usage; AWS publishes one every five minutes."""
_PERIOD_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaClients:
    """Clients of all services that limit or count something."""

    quotas: "ServiceQuotasClient"
    metrics: "CloudWatchClient"
    ec2: "EC2Client"
    ecs: "ECSClient"
    efs: "EFSClient"
    discovery: "ServiceDiscoveryClient"
    route53: "Route53Client"

    @classmethod
    def of(cls, client: Callable[[str], Any]) -> Self:
        """Make all clients with `client`, which takes the name of a service."""
        return cls(
            quotas=client("service-quotas"),
            metrics=client("cloudwatch"),
            ec2=client("ec2"),
            ecs=client("ecs"),
            efs=client("efs"),
            discovery=client("servicediscovery"),
            route53=client("route53"),
        )


@dataclass(frozen=True, slots=True)
class CountedResources:
    """Ids of resources to count in; None if unknown, then nothing is counted there."""

    namespace_id: str | None
    file_system_id: str | None
    zone_id: str | None


class AwsQuotas:
    """Limits and usage of all quotas."""

    def __init__(
        self, clients: QuotaClients, counted: CountedResources, now: Callable[[], datetime]
    ) -> None:
        self._clients = clients
        self._counted = counted
        self._now = now
        self._failure = ""
        """Reason why Service Quotas does not answer, so that it is not called for every quota."""

    def usages(self) -> Mapping[Quota, QuotaUsage]:
        """Limit and usage of each quota."""
        return {quota: self._usage(quota) for quota in Quota}

    def _usage(self, quota: Quota) -> QuotaUsage:
        if quota is Quota.RECORDS:
            return self._records()
        found, problem = _result_or_reason(lambda: self._find(quota))
        if quota is Quota.VCPU:
            used, _ = _result_or_reason(lambda: self._measure(found))
        else:
            used, _ = _result_or_reason(lambda: self._count(quota))
        return QuotaUsage(found.get("Value") if found else None, used, problem)

    def _find(self, quota: Quota) -> "ServiceQuotaTypeDef":
        """Find the quota that applies to the account, or its default."""
        if self._failure:
            raise BackendError(self._failure)
        try:
            if quota in NAMED:
                return self._find_by_name(*NAMED[quota])
            return self._find_by_code(*CODES[quota])
        except (Temporary, Denied) as error:
            self._failure = _short_reason(error)
            raise

    def _find_by_code(self, service: str, code: str) -> "ServiceQuotaTypeDef":
        with aws_errors(f"look up the quota {service} {code}"):
            quotas = self._clients.quotas
            try:
                return quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]
            except quotas.exceptions.NoSuchResourceException:  # the account has no value of its own
                return quotas.get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)[
                    "Quota"
                ]

    def _find_by_name(self, service: str, words: str) -> "ServiceQuotaTypeDef":
        with aws_errors(f"list the quotas of {service}, for {words}"):
            paginator = self._clients.quotas.get_paginator("list_service_quotas")
            for page in paginator.paginate(ServiceCode=service):
                for quota in page["Quotas"]:
                    if words in quota.get("QuotaName", "").lower():
                        return quota
        raise BackendError(f"Service Quotas has no quota of {service} for {words}")

    def _records(self) -> QuotaUsage:
        zone = self._counted.zone_id
        if zone is None:
            return QuotaUsage(None, None, "cluster.zoneid is not set")

        def limit() -> QuotaUsage:
            with aws_errors(f"get the record limit of zone {zone}"):
                answer = self._clients.route53.get_hosted_zone_limit(
                    HostedZoneId=zone, Type="MAX_RRSETS_BY_ZONE"
                )
            return QuotaUsage(answer["Limit"]["Value"], answer["Count"])

        found, problem = _result_or_reason(limit)
        return found or QuotaUsage(None, None, problem)

    def _measure(self, quota: "ServiceQuotaTypeDef | None") -> float | None:
        """Highest recent value of a quota's metric; None without a metric or a value."""
        metric = (quota or {}).get("UsageMetric", {})
        if not metric.get("MetricName"):
            return None
        end = self._now()
        with aws_errors(f"get the metric {metric['MetricName']}"):
            points = self._clients.metrics.get_metric_statistics(
                Namespace=metric.get("MetricNamespace", "AWS/Usage"),
                MetricName=metric["MetricName"],
                Dimensions=[
                    {"Name": name, "Value": value}
                    for name, value in metric.get("MetricDimensions", {}).items()
                ],
                StartTime=end - METRIC_WINDOW,
                EndTime=end,
                Period=_PERIOD_S,
                Statistics=["Maximum"],
            )["Datapoints"]
        return max((point.get("Maximum", 0.0) for point in points), default=None)

    def _count(self, quota: Quota) -> float | None:
        with aws_errors(f"count {quota}"):
            match quota:
                case Quota.GROUPS:
                    return _length(self._clients.ec2, "describe_security_groups", "SecurityGroups")
                case Quota.INTERFACES:
                    return _length(
                        self._clients.ec2, "describe_network_interfaces", "NetworkInterfaces"
                    )
                case Quota.CLUSTERS:
                    return _length(self._clients.ecs, "list_clusters", "clusterArns")
                case Quota.ACCESS_POINTS if self._counted.file_system_id:
                    return _length(
                        self._clients.efs,
                        "describe_access_points",
                        "AccessPoints",
                        FileSystemId=self._counted.file_system_id,
                    )
                case Quota.INSTANCES if self._counted.namespace_id:
                    return self._count_instances(self._counted.namespace_id)
                case _:
                    return None

    def _count_instances(self, namespace_id: str) -> float | None:
        """Instances of all services of the namespace; None if a service reports no count."""
        pages = self._clients.discovery.get_paginator("list_services").paginate(
            Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace_id], "Condition": "EQ"}]
        )
        counts = [service.get("InstanceCount") for page in pages for service in page["Services"]]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None


def _length(client: Any, operation: str, key: str, **arguments: str) -> float:
    """Number of items on all pages of a listing."""
    return sum(len(page[key]) for page in client.get_paginator(operation).paginate(**arguments))


def _result_or_reason(call: Callable[[], Any]) -> tuple[Any, str]:
    """Result of a call and an empty reason, or None and the reason of its failure."""
    try:
        return call(), ""
    except BackendError as error:
        log.debug("doctor.untold", reason=error.message)
        return None, _short_reason(error)


def _short_reason(error: BackendError) -> str:
    """AWS's error code, such as `AccessDeniedException`; the whole message if there is none."""
    cause = error.__cause__
    return error_code(cause) if isinstance(cause, ClientError) else error.message
