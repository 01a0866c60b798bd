"""Quotas, throttles and near misses, from texts that AWS, terraform, ECS and SDKs write."""

from typing import Any

import pytest

from gromit.adapters.doctor.quotas import CODES
from gromit.core.doctor.quotas import DEFAULT_LIMITS, Quota
from gromit.core.environments.failures import Failure, FailureClass, classify_failure
from gromit.core.environments.quota_failures import KNOWN_QUOTAS, find_quota
from gromit.errors import BackendError, RolloutFailed, TerraformFailed

TERRAFORM, ROLLOUT, BACKEND = TerraformFailed.code, RolloutFailed.code, BackendError.code

_API = "https response error StatusCode: 400, RequestID: 9c5e, api error"

HITS: tuple[tuple[str, str, str], ...] = (
    (
        "fargate.vcpu",
        ROLLOUT,
        (
            "(service tyk) was unable to place a task. Reason: You've reached the limit on"
            " the number"
            " of vCPUs you can run concurrently."
        ),
    ),
    (
        "fargate.vcpu",
        ROLLOUT,
        (
            "service pump was unable to place a task. Reason: You\u2019ve reached the limit on"
            " the number"
            " of tasks you can run concurrently. For more information, see the"
            " Troubleshooting section"
        ),
    ),
    (
        "fargate.vcpu",
        ROLLOUT,
        "You've reached the limit on the number of spot tasks you can run concurrently",
    ),
    (
        "fargate.vcpu",
        TERRAFORM,
        (
            "timeout while waiting for state to become 'tfSTABLE' (last state: 'tfPENDING'): You've"
            " reached the limit on the number of vCPUs you can run concurrently"
        ),
    ),
    (
        "fargate.capacity",
        ROLLOUT,
        (
            "(service tyk) was unable to place a task. Reason: Capacity is unavailable at"
            " this time."
            " Please try again later or in a different availability zone."
        ),
    ),
    (
        "vpc.subnet_addresses",
        ROLLOUT,
        (
            "redis: Unexpected EC2 error while attempting to Create Network Interface in subnet"
            " 'subnet-0abc': InsufficientFreeAddressesInSubnet"
        ),
    ),
    (
        "vpc.subnet_addresses",
        TERRAFORM,
        (
            f"creating EFS Mount Target: operation error EFS: CreateMountTarget, {_API}"
            " NoFreeAddressesInSubnet: The specified subnet does not have enough free addresses to"
            " satisfy the request."
        ),
    ),
    (
        "vpc.subnet_addresses",
        BACKEND,
        (
            "could not create an interface: InvalidParameterValue: There aren't sufficient"
            " free Ipv4"
            " addresses or prefixes"
        ),
    ),
    (
        "vpc.security_group_rules",
        TERRAFORM,
        (
            f"authorizing Security Group Rule: {_API} RulesPerSecurityGroupLimitExceeded:"
            " The maximum"
            " number of rules per security group has been reached."
        ),
    ),
    (
        "vpc.security_groups",
        TERRAFORM,
        (
            f"creating Security Group (app-tyk): {_API} SecurityGroupLimitExceeded: The"
            " maximum number"
            " of security groups for VPC vpc-0abc has been reached."
        ),
    ),
    (
        "vpc.network_interfaces",
        ROLLOUT,
        (
            "NetworkInterfaceLimitExceeded: You've reached the limit on the number of network"
            " interfaces that you can create"
        ),
    ),
    (
        "cloudmap.instances",
        TERRAFORM,
        (
            f"creating Service Discovery Service (tyk.app): operation error ServiceDiscovery:"
            f" CreateService, {_API} ResourceLimitExceeded: you have reached the quota"
        ),
    ),
    (
        "efs.access_points",
        TERRAFORM,
        (
            f"creating EFS Access Point: {_API} AccessPointLimitExceeded: You have reached"
            " the maximum"
            " number of access points"
        ),
    ),
    (
        "route53.records",
        BACKEND,
        (
            "zone Z1 refused tyk.app: Limits Exceeded: MAX_RRSETS_BY_ZONE - Cannot create"
            " more record"
            " sets."
        ),
    ),
    (
        "route53.zones",
        TERRAFORM,
        (
            "error creating Route53 Hosted Zone: TooManyHostedZones: Limits Exceeded:"
            " MAX_HOSTED_ZONES_BY_OWNER - Cannot create more hosted zones."
        ),
    ),
    (
        "ecs.clusters",
        TERRAFORM,
        (
            f"creating ECS Cluster (app): operation error ECS: CreateCluster, {_API}"
            " LimitExceededException: The limit for the resource was exceeded."
        ),
    ),
    ("ecs.services", TERRAFORM, "LimitExceededException: Services limit exceeded."),
    (
        "ecs.services",
        TERRAFORM,
        (
            f"creating ECS Service (tyk): operation error ECS: CreateService, {_API}"
            " ServiceQuotaExceededException: no"
        ),
    ),
    ("ecs.services", TERRAFORM, "InvalidParameterException: Desired count exceeds limit."),
    (
        "logs.groups",
        TERRAFORM,
        (
            f"creating CloudWatch Logs Log Group (app): {_API} LimitExceededException:"
            " Resource limit"
            " exceeded."
        ),
    ),
    ("aws", TERRAFORM, "creating EC2 VPC: VpcLimitExceeded: The maximum number of VPCs"),
    (
        "aws",
        TERRAFORM,
        (
            "The maximum number of addresses has been reached. (Service: AmazonEC2; Status"
            " Code: 400;"
            " Error Code: AddressLimitExceeded; Request ID: 8229)"
        ),
    ),
    ("aws", TERRAFORM, "Writing CloudWatch log resource policy failed: LimitExceededException"),
    ("aws", TERRAFORM, "LimitExceeded: Cannot exceed quota for RolesPerAccount: 1000"),
    ("aws", BACKEND, "could not tag an image: TooManyTagsException: no more tags"),
    (
        "aws",
        TERRAFORM,
        "InstanceLimitExceeded: Your quota allows for 0 more running instance(s). You requested 1",
    ),
    (
        "registry.pulls",
        ROLLOUT,
        (
            "CannotPullContainerError: pull image manifest has been retried 1 time(s):"
            " toomanyrequests:"
            " You have reached your pull rate limit"
        ),
    ),
)

THROTTLED: tuple[tuple[str, str], ...] = (
    (TERRAFORM, f"creating ECS Service (tyk): {_API} ThrottlingException: Rate exceeded"),
    (
        TERRAFORM,
        (
            "operation error ECS: DescribeServices, exceeded maximum number of attempts, 25,"
            f" {_API} ThrottlingException: Rate exceeded"
        ),
    ),
    (
        TERRAFORM,
        (
            "operation error ServiceDiscovery: ListServices, failed to get rate limit token, retry"
            " quota exceeded, 2 available, 5 requested"
        ),
    ),
    (
        TERRAFORM,
        f"operation error ServiceDiscovery: CreateService, {_API} RequestLimitExceeded: no",
    ),
    (TERRAFORM, "Request limit exceeded. (Service: AmazonEC2; Error Code: RequestLimitExceeded)"),
    (
        TERRAFORM,
        (
            "InvalidParameterException: Error retrieving security group information for [sg-05]:"
            " Request limit exceeded. (ErrorCode: RequestLimitExceeded)"
        ),
    ),
    (TERRAFORM, "creating EFS Access Point: TooManyRequests: try again"),
    (TERRAFORM, "api error TooManyRequestsException: Too Many Requests"),
    (TERRAFORM, "putting SSM Parameter: TooManyUpdates: no"),
    (
        TERRAFORM,
        (
            "ClientException: Too many concurrent attempts to create a new revision of the"
            " specified"
            " family."
        ),
    ),
    (BACKEND, "could not read the table: ProvisionedThroughputExceededException"),
    (BACKEND, "could not change the records: PriorRequestNotComplete"),
    (BACKEND, "could not list the records: Throttling: Rate exceeded"),
    (BACKEND, "could not read an object: SlowDown: Please reduce your request rate."),
)

NEAR_MISSES: tuple[tuple[FailureClass, str, str], ...] = (
    (FailureClass.BUILD, ROLLOUT, "tyk: Essential container in task exited: exit code 1"),
    (
        FailureClass.BUILD,
        ROLLOUT,
        "tyk: exit code 137; OutOfMemoryError: Container killed due to memory usage",
    ),
    (FailureClass.BUILD, ROLLOUT, "tyk: CannotPullContainerError: manifest unknown"),
    (
        FailureClass.PLATFORM,
        TERRAFORM,
        "AccessDeniedException: not authorized to perform servicequotas:GetServiceQuota",
    ),
    (FailureClass.TRANSIENT, TERRAFORM, "creating ECS Cluster (fix-quota): InternalError"),
    (
        FailureClass.TRANSIENT,
        TERRAFORM,
        (
            "operation error ECS: CreateService, exceeded maximum number of attempts, 25,"
            " https response error StatusCode: 500, RequestID: 1, ServerException"
        ),
    ),
    (
        FailureClass.TRANSIENT,
        TERRAFORM,
        (
            "operation error EC2: CreateSecurityGroup, exceeded maximum number of attempts, 3,"
            " request send failed, Post https://ec2.example.com: read: connection reset by peer"
        ),
    ),
    (
        FailureClass.PLATFORM,
        TERRAFORM,
        "operation error IAM: PassRole, exceeded maximum number of attempts, 3, AccessDenied",
    ),
    (FailureClass.TRANSIENT, TERRAFORM, "creating ECS Service (raise-limit-exceeded): timeout"),
    (FailureClass.BUILD, ROLLOUT, "throttling-fix: tyk: Essential container in task exited"),
    (FailureClass.TRANSIENT, BACKEND, "zone Z1 refused a: Number of records limit of 1000 reached"),
    (FailureClass.BUILD, "invalid", "there is no image app:LimitExceeded in the registry"),
)


@pytest.mark.parametrize(("name", "kind", "message"), HITS)
def test_a_quota_is_recognised_by_the_words_of_aws(name: str, kind: str, message: str) -> None:
    failure = Failure(kind, message, 0)
    assert failure.failure_class is FailureClass.QUOTA
    assert failure.quota is not None
    assert failure.quota.quota.name == name
    assert failure.remedy
    assert name in failure.remedy
    assert name in failure.quota.text


@pytest.mark.parametrize(("kind", "message"), THROTTLED)
def test_a_throttle_is_no_quota(kind: str, message: str) -> None:
    assert classify_failure(kind, message) is FailureClass.TRANSIENT
    assert Failure(kind, message, 0).quota is None
    assert find_quota(message) is None


@pytest.mark.parametrize(("expected", "kind", "message"), NEAR_MISSES)
def test_what_only_looks_like_a_quota_is_none(
    expected: FailureClass, kind: str, message: str
) -> None:
    failure = Failure(kind, message, 0)
    assert failure.failure_class is expected
    assert failure.quota is None


def test_every_known_quota_is_planted() -> None:
    assert [name for name, _, _ in HITS if name not in {q.name for q in KNOWN_QUOTAS}] == []
    assert {q.name for q in KNOWN_QUOTAS} == {name for name, _, _ in HITS}
    assert len({q.name for q in KNOWN_QUOTAS}) == len(KNOWN_QUOTAS)


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        ("VcpuLimitExceeded: more vCPU capacity than your current vCPU limit of 32 allows", "32"),
        ("LimitExceeded: Cannot exceed quota for PoliciesPerRole: 10", "10"),
        ("LimitExceededException: maximum number of log groups", None),
    ],
)
def test_the_present_limit_is_said_if_aws_names_it(message: str, limit: str | None) -> None:
    hit = find_quota(message)
    assert hit is not None
    assert hit.limit == limit
    assert ("the limit is" in hit.text) == (limit is not None)


def test_names_defaults_and_codes_are_those_of_the_doctor() -> None:
    known = {quota.name: quota for quota in KNOWN_QUOTAS}
    shared: dict[Quota, Any] = {q: known[q] for q in Quota if q in known}
    assert set(shared) >= set(CODES)
    for quota, found in shared.items():
        if quota in DEFAULT_LIMITS and found.default is not None:
            assert found.default == DEFAULT_LIMITS[quota].limit
        if quota in CODES:
            service, code = CODES[quota]
            assert f"--service-code {service} --quota-code {code} " in found.more
