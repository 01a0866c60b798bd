"""What AWS allows this account, and how much of it is used: Service Quotas, Route53, CloudWatch, and counts of what there is.

A limit comes from where AWS keeps it; use is counted, or read from CloudWatch where only AWS can count it (vCPU). What AWS does not
say, or may not be asked, is None: one quota never keeps the others from being told.
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
"""Service and code of each in Service Quotas."""
NAMED: Mapping[Quota, tuple[str, str]] = {
    Quota.ACCESS_POINTS: ("elasticfilesystem", "access points")
}
"""Those whose code is not documented: service, and what their name contains."""

METRIC_WINDOW = timedelta(hours=1)
"""Use is the highest figure in so long a time: it is published every five minutes."""
_PERIOD_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaClients:
    """Who is asked."""

    quotas: "ServiceQuotasClient"
    metrics: "CloudWatchClient"
    ec2: "EC2Client"
    ecs: "ECSClient"
    efs: "EFSClient"
    discovery: "ServiceDiscoveryClient"
    route53: "Route53Client"

    @classmethod
    def of(cls, client: Callable[[str], Any]) -> Self:
        """All of them, each made by `client` from the name of its service."""
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
    """What is counted in: None where it is not known, so that nothing can be counted there."""

    namespace_id: str | None
    file_system_id: str | None
    zone_id: str | None


class AwsQuotas:
    """Limits and use of all quotas."""

    def __init__(
        self, clients: QuotaClients, counted: CountedResources, now: Callable[[], datetime]
    ) -> None:
        self._ask = clients
        self._in = counted
        self._now = now
        self._silent = ""
        """Why Service Quotas does not answer, once that is known: it is not asked again for each quota."""

    def usages(self) -> Mapping[Quota, QuotaUsage]:
        """What AWS says of each quota."""
        return {quota: self._usage(quota) for quota in Quota}

    def _usage(self, quota: Quota) -> QuotaUsage:
        if quota is Quota.RECORDS:
            return self._records()
        found, problem = _or_why(lambda: self._find(quota))
        used, _ = _or_why(
            lambda: self._measure(found) if quota is Quota.VCPU else self._count(quota)
        )
        return QuotaUsage(found.get("Value") if found else None, used, problem)

    def _find(self, quota: Quota) -> "ServiceQuotaTypeDef":
        """The quota as it is applied to the account, else as it is by default."""
        if self._silent:
            raise BackendError(self._silent)
        try:
            return (
                self._find_by_name(*NAMED[quota])
                if quota in NAMED
                else self._find_by_code(*CODES[quota])
            )
        except (Temporary, Denied) as error:
            self._silent = _briefly(error)
            raise

    def _find_by_code(self, service: str, code: str) -> "ServiceQuotaTypeDef":
        with aws_errors(f"look up the quota {service} {code}"):
            try:
                return self._ask.quotas.get_service_quota(ServiceCode=service, QuotaCode=code)[
                    "Quota"
                ]
            except self._ask.quotas.exceptions.NoSuchResourceException:
                return self._ask.quotas.get_aws_default_service_quota(
                    ServiceCode=service, QuotaCode=code
                )["Quota"]

    def _find_by_name(self, service: str, words: str) -> "ServiceQuotaTypeDef":
        with aws_errors(f"look for the quota of {words} among those of {service}"):
            for page in self._ask.quotas.get_paginator("list_service_quotas").paginate(
                ServiceCode=service
            ):
                for quota in page["Quotas"]:
                    if words in quota.get("QuotaName", "").lower():
                        return quota
        raise BackendError(f"Service Quotas lists no {words} of {service}")

    def _records(self) -> QuotaUsage:
        zone = self._in.zone_id
        if zone is None:
            return QuotaUsage(None, None, "cluster.zoneid is not set")

        def look() -> QuotaUsage:
            with aws_errors(f"look up how many records zone {zone} may have"):
                answer = self._ask.route53.get_hosted_zone_limit(
                    HostedZoneId=zone, Type="MAX_RRSETS_BY_ZONE"
                )
            return QuotaUsage(answer["Limit"]["Value"], answer["Count"])

        found, problem = _or_why(look)
        return found or QuotaUsage(None, None, problem)

    def _measure(self, quota: "ServiceQuotaTypeDef | None") -> float | None:
        """The highest recent figure of the metric that Service Quotas names for a quota; None if there is none."""
        metric = (quota or {}).get("UsageMetric", {})
        if not metric.get("MetricName"):
            return None
        end = self._now()
        with aws_errors(f"look up the metric {metric['MetricName']}"):
            points = self._ask.metrics.get_metric_statistics(
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
                    return _length(self._ask.ec2, "describe_security_groups", "SecurityGroups")
                case Quota.INTERFACES:
                    return _length(
                        self._ask.ec2, "describe_network_interfaces", "NetworkInterfaces"
                    )
                case Quota.CLUSTERS:
                    return _length(self._ask.ecs, "list_clusters", "clusterArns")
                case Quota.ACCESS_POINTS if self._in.file_system_id:
                    return _length(
                        self._ask.efs,
                        "describe_access_points",
                        "AccessPoints",
                        FileSystemId=self._in.file_system_id,
                    )
                case Quota.INSTANCES if self._in.namespace_id:
                    return self._count_instances(self._in.namespace_id)
                case _:
                    return None

    def _count_instances(self, namespace_id: str) -> float | None:
        """Instances of all services of the namespace; None if a service does not say how many it has."""
        pages = self._ask.discovery.get_paginator("list_services").paginate(
            Filters=[{"Name": "NAMESPACE_ID", "Values": [namespace_id], "Condition": "EQ"}]
        )
        counts = [service.get("InstanceCount") for page in pages for service in page["Services"]]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None


def _length(client: Any, operation: str, key: str, **arguments: str) -> float:
    """How many things a listing has, page by page."""
    return sum(len(page[key]) for page in client.get_paginator(operation).paginate(**arguments))


def _or_why(look: Callable[[], Any]) -> tuple[Any, str]:
    """What a look gives; or None, and why it gives nothing."""
    try:
        return look(), ""
    except BackendError as error:
        log.debug("doctor.untold", reason=error.message)
        return None, _briefly(error)


def _briefly(error: BackendError) -> str:
    """AWS's own code where it has answered with one, like `AccessDeniedException`: its sentence would be in every line."""
    cause = error.__cause__
    return error_code(cause) if isinstance(cause, ClientError) else error.message
