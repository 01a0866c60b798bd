"""Limits and usage: counted in the emulator, or stubbed where the emulator has no answer."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto import mock_aws
from structlog.testing import capture_logs

from gromit.adapters.doctor.quotas import (
    METRIC_WINDOW,
    NAMED,
    AwsQuotas,
    CountedResources,
    QuotaClients,
)
from gromit.core.doctor.quotas import Quota, QuotaUsage

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOTHING = CountedResources(None, None, None)
VCPU = {
    "ServiceCode": "fargate",
    "QuotaCode": "L-3032A538",
    "QuotaName": "Fargate On-Demand vCPU resource count",
    "Value": 16.0,
    "UsageMetric": {
        "MetricNamespace": "AWS/Usage",
        "MetricName": "ResourceCount",
        "MetricDimensions": {
            "Class": "Standard/OnDemand",
            "Resource": "vCPU",
            "Service": "Fargate",
            "Type": "Resource",
        },
        "MetricStatisticRecommendation": "Maximum",
    },
}
"""A quota with a usage metric, as Service Quotas describes it."""


@pytest.fixture(scope="module")
def kept() -> boto3.Session:
    """One session for all tests: it reads the descriptions of AWS's services once."""
    return boto3.Session("test", "test", region_name="eu-central-1")


@pytest.fixture
def clients(kept: boto3.Session) -> Iterator[QuotaClients]:
    with mock_aws():
        make: Any = kept.client
        yield QuotaClients.of(make)


def usage(clients: QuotaClients, quota: Quota, counted: CountedResources = NOTHING) -> QuotaUsage:
    return AwsQuotas(clients, counted, lambda: NOW)._usage(quota)


def counted(clients: QuotaClients, quota: Quota, where: CountedResources = NOTHING) -> float | None:
    """Usage only: the emulator has few limits."""
    with Stubber(clients.quotas) as stub:
        named = "list_service_quotas" if quota in NAMED else "get_service_quota"
        stub.add_client_error(named, "AccessDeniedException", http_status_code=400)
        return usage(clients, quota, where).used


def answer(stub: Stubber, value: float, code: str) -> None:
    stub.add_response(
        "get_service_quota", {"Quota": {"Value": value}}, {"ServiceCode": ANY, "QuotaCode": code}
    )


def test_the_emulator_knows_the_limits_of_a_vpc(clients: QuotaClients) -> None:
    before = usage(clients, Quota.GROUPS)
    vpc = clients.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]  # with a group of its own
    clients.ec2.create_security_group(GroupName="one", Description="x", VpcId=vpc)
    after = usage(clients, Quota.GROUPS)
    assert (after.limit, after.problem) == (2500, "")
    assert (after.used or 0) - (before.used or 0) == 2


def test_what_there_is_is_counted(clients: QuotaClients) -> None:
    vpc = clients.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = clients.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20")["Subnet"]["SubnetId"]
    for _ in range(3):
        clients.ec2.create_network_interface(SubnetId=subnet)
        clients.ecs.create_cluster(clusterName=uuid.uuid4().hex)
    mine, other = (
        clients.efs.create_file_system(CreationToken=token)["FileSystemId"]
        for token in ("mine", "other")
    )
    for system in (mine, mine, other):
        clients.efs.create_access_point(ClientToken=uuid.uuid4().hex, FileSystemId=system)
    assert [counted(clients, quota) for quota in (Quota.INTERFACES, Quota.CLUSTERS)] == [3, 3]
    assert counted(clients, Quota.ACCESS_POINTS, CountedResources(None, mine, None)) == 2


def test_nothing_is_counted_where_it_is_not_known(clients: QuotaClients) -> None:
    assert [
        counted(clients, quota) for quota in (Quota.ACCESS_POINTS, Quota.INSTANCES, Quota.RECORDS)
    ] == [None] * 3
    assert usage(clients, Quota.RECORDS).problem == "cluster.zoneid is not set"


def test_the_limit_that_is_applied_counts(clients: QuotaClients) -> None:
    with Stubber(clients.quotas) as stub:
        answer(stub, 20_000, "L-21C621EB")
        assert usage(clients, Quota.CLUSTERS).limit == 20_000


def test_without_an_applied_limit_the_default_counts(clients: QuotaClients) -> None:
    asked = {"ServiceCode": "AWSCloudMap", "QuotaCode": "L-D95E8A57"}
    with Stubber(clients.quotas) as stub:
        stub.add_client_error("get_service_quota", "NoSuchResourceException", expected_params=asked)
        stub.add_response("get_aws_default_service_quota", {"Quota": {"Value": 2000.0}}, asked)
        assert usage(clients, Quota.INSTANCES).limit == 2000


def test_a_quota_without_a_known_code_is_found_by_its_name(clients: QuotaClients) -> None:
    quotas = [
        {"QuotaName": "File systems per account", "Value": 1000.0},
        {"QuotaName": "Access points per file system", "Value": 10_000.0},
    ]
    asked = {"ServiceCode": "elasticfilesystem"}
    with Stubber(clients.quotas) as stub:
        stub.add_response("list_service_quotas", {"Quotas": quotas[:1], "NextToken": "more"}, asked)
        stub.add_response(
            "list_service_quotas", {"Quotas": quotas[1:]}, {**asked, "NextToken": "more"}
        )
        assert usage(clients, Quota.ACCESS_POINTS).limit == 10_000
        stub.add_response("list_service_quotas", {"Quotas": []}, asked)
        found = usage(clients, Quota.ACCESS_POINTS)
    assert (found.limit, "has no quota of elasticfilesystem" in found.problem) == (None, True)


@pytest.mark.parametrize(
    ("points", "used"), [([], None), ([{"Maximum": 3.25}, {"Maximum": 5.5}, {"Maximum": 4.0}], 5.5)]
)
def test_vcpu_in_use_is_the_highest_recent_figure(
    clients: QuotaClients, points: list[Any], used: float | None
) -> None:
    asked = {
        "Namespace": "AWS/Usage",
        "MetricName": "ResourceCount",
        "Dimensions": [
            {"Name": n, "Value": v}
            for n, v in VCPU["UsageMetric"]["MetricDimensions"].items()  # type: ignore[index]
        ],
        "StartTime": NOW - METRIC_WINDOW,
        "EndTime": NOW,
        "Period": 300,
        "Statistics": ["Maximum"],
    }
    with Stubber(clients.quotas) as quotas, Stubber(clients.metrics) as metrics:
        quotas.add_response("get_service_quota", {"Quota": VCPU})
        metrics.add_response("get_metric_statistics", {"Datapoints": points}, asked)
        assert usage(clients, Quota.VCPU) == QuotaUsage(16.0, used)


def test_vcpu_without_a_metric_that_may_be_read_still_has_its_limit(clients: QuotaClients) -> None:
    with Stubber(clients.quotas) as quotas, Stubber(clients.metrics) as metrics:
        quotas.add_response("get_service_quota", {"Quota": VCPU})
        metrics.add_client_error("get_metric_statistics", "AccessDenied", http_status_code=403)
        assert usage(clients, Quota.VCPU) == QuotaUsage(16.0, None)
        quotas.add_response("get_service_quota", {"Quota": {"Value": 6.0}})  # it names no metric
        assert usage(clients, Quota.VCPU) == QuotaUsage(6.0, None)


def test_instances_of_the_namespace_are_summed_up(clients: QuotaClients) -> None:
    asked = {"Filters": [{"Name": "NAMESPACE_ID", "Values": ["ns-1"], "Condition": "EQ"}]}
    with Stubber(clients.quotas) as quotas, Stubber(clients.discovery) as discovery:
        for _ in range(2):
            answer(quotas, 2000, "L-D95E8A57")
        pages: list[Any] = [
            {"Services": [{"Id": "a", "InstanceCount": 2}], "NextToken": "more"},
            {"Services": [{"Id": "b", "InstanceCount": 3}]},
        ]
        discovery.add_response("list_services", pages[0], asked)
        discovery.add_response("list_services", pages[1], {**asked, "NextToken": "more"})
        assert usage(clients, Quota.INSTANCES, CountedResources("ns-1", None, None)) == QuotaUsage(
            2000, 5
        )
        discovery.add_response(
            "list_services", {"Services": [{"Id": "a", "InstanceCount": 2}, {"Id": "b"}]}, asked
        )
        assert usage(clients, Quota.INSTANCES, CountedResources("ns-1", None, None)).used is None


def test_route53_reports_the_record_limit_of_a_zone(clients: QuotaClients) -> None:
    asked = {"HostedZoneId": "Z1", "Type": "MAX_RRSETS_BY_ZONE"}
    with Stubber(clients.route53) as stub:
        said = {"Limit": {"Type": "MAX_RRSETS_BY_ZONE", "Value": 10_000}, "Count": 42}
        stub.add_response("get_hosted_zone_limit", said, asked)
        assert usage(clients, Quota.RECORDS, CountedResources(None, None, "Z1")) == QuotaUsage(
            10_000, 42
        )
        stub.add_client_error("get_hosted_zone_limit", "AccessDenied", "no", http_status_code=403)
        found = usage(clients, Quota.RECORDS, CountedResources(None, None, "Z1"))
    assert found == QuotaUsage(None, None, "AccessDenied")


def test_a_service_that_denies_is_called_once_and_usage_is_still_counted(
    clients: QuotaClients,
) -> None:
    clients.ecs.create_cluster(clusterName="one")
    with Stubber(clients.quotas) as stub:
        stub.add_client_error(
            "get_service_quota", "AccessDeniedException", "not authorized", http_status_code=400
        )
        with capture_logs() as logged:
            found = AwsQuotas(clients, NOTHING, lambda: NOW).usages()
        stub.assert_no_pending_responses()
    assert {u.limit for u in found.values()} == {None}
    assert {u.problem for quota, u in found.items() if quota is not Quota.RECORDS} == {
        "AccessDeniedException"
    }
    whole = "could not look up the quota fargate L-3032A538: AccessDeniedException: not authorized"
    assert [line["log_level"] for line in logged if line.get("reason") == whole] == ["debug"]
    assert found[Quota.CLUSTERS].used == 1


def test_a_reason_without_a_code_of_aws_is_the_message(clients: QuotaClients) -> None:
    with Stubber(clients.quotas) as stub:
        stub.add_response("list_service_quotas", {"Quotas": []})
        assert (
            usage(clients, Quota.ACCESS_POINTS).problem
            == "Service Quotas has no quota of elasticfilesystem for access points"
        )


def test_the_emulator_has_no_default_quotas(clients: QuotaClients) -> None:
    """Quotas that are skipped on the emulator are those that AWS answers."""
    with pytest.raises(NotImplementedError):
        clients.quotas.get_aws_default_service_quota(ServiceCode="fargate", QuotaCode="L-3032A538")
