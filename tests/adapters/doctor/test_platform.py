"""Resources of a platform in the emulator: all in order, and each one missing or wrong."""

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from gromit.adapters.doctor import platform as parts
from gromit.core.stack.contract import Platform
from gromit.errors import Denied
from tests.fakes.platform import PLATFORM

CHECKS: dict[str, Callable[[Any, Platform], parts.ProblemsById]] = {
    "ec2": parts.vpc_problems,
    "servicediscovery": parts.namespace_problems,
    "efs": parts.file_system_problems,
    "iam": parts.role_problems,
}


@pytest.fixture(scope="module")
def kept() -> boto3.Session:
    """One session for all tests: it reads the descriptions of AWS's services once."""
    return boto3.Session("test", "test", region_name="eu-central-1")


@pytest.fixture
def session(kept: boto3.Session) -> Iterator[boto3.Session]:
    with mock_aws():
        yield kept


@pytest.fixture
def platform(session: boto3.Session) -> Platform:
    """A platform with all its resources."""
    ec2, discovery = session.client("ec2"), session.client("servicediscovery")
    vpc = ec2.create_vpc(CidrBlock="10.91.0.0/16")["Vpc"]["VpcId"]
    blocks = [str(b) for b in ipaddress.ip_network("10.91.0.0/16").subnets(new_prefix=20)][:3]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=block)["Subnet"]["SubnetId"] for block in blocks
    ]
    discovery.create_private_dns_namespace(Name="internal", Vpc=vpc)
    role = session.client("iam").create_role(
        RoleName="execution", AssumeRolePolicyDocument="{}", Path="/gromit/"
    )["Role"]["Arn"]
    return replace(
        PLATFORM,
        vpc_id=vpc,
        public_subnets=tuple(subnets[:2]),
        private_subnets=tuple(subnets[2:]),
        namespace_id=discovery.list_namespaces()["Namespaces"][0]["Id"],
        file_system_id=session.client("efs").create_file_system(
            CreationToken="config", Encrypted=True
        )["FileSystemId"],
        execution_role_arn=role,
    )


def test_a_whole_platform_has_no_problems(session: boto3.Session, platform: Platform) -> None:
    clients: Any = session.client
    assert [check(clients(service), platform) for service, check in CHECKS.items()] == [{}] * 4
    assert parts.subnet_problems(session.client("ec2"), platform) == {}


@pytest.mark.parametrize(
    ("service", "change"),
    [
        ("ec2", {"vpc_id": "vpc-00000000000000000"}),
        ("servicediscovery", {"namespace_id": "ns-0000000000000000"}),
        ("efs", {"file_system_id": "fs-00000000"}),
        ("iam", {"execution_role_arn": "arn:aws:iam::123456789012:role/absent"}),
        ("iam", {"exec_role_arn": "arn:aws:iam::123456789012:role/absent"}),
    ],
)
def test_a_missing_resource_is_named(
    session: boto3.Session, platform: Platform, service: str, change: Any
) -> None:
    clients: Any = session.client
    assert CHECKS[service](clients(service), replace(platform, **change)) == dict.fromkeys(
        change.values(), "does not exist"
    )


def test_a_vpc_of_another_range_is_wrong(session: boto3.Session, platform: Platform) -> None:
    found = parts.vpc_problems(session.client("ec2"), replace(platform, vpc_cidr="10.92.0.0/16"))
    assert found == {platform.vpc_id: "has 10.91.0.0/16, not 10.92.0.0/16"}


def test_subnets_that_are_missing_or_elsewhere_are_named(
    session: boto3.Session, platform: Platform
) -> None:
    ec2 = session.client("ec2")
    other = ec2.create_vpc(CidrBlock="10.92.0.0/16")["Vpc"]["VpcId"]
    misplaced = ec2.create_subnet(VpcId=other, CidrBlock="10.92.0.0/20")["Subnet"]["SubnetId"]
    found = parts.subnet_problems(
        ec2, replace(platform, private_subnets=(misplaced, "subnet-00000000"))
    )
    assert found == {
        misplaced: f"is in {other}, not in {platform.vpc_id}",
        "subnet-00000000": "does not exist",
    }


def test_a_namespace_without_dns_is_wrong(session: boto3.Session, platform: Platform) -> None:
    discovery = session.client("servicediscovery")
    discovery.create_http_namespace(Name="http")
    http = next(n["Id"] for n in discovery.list_namespaces()["Namespaces"] if n["Name"] == "http")
    assert parts.namespace_problems(discovery, replace(platform, namespace_id=http)) == {
        http: "is HTTP, not DNS_PRIVATE"
    }


def test_a_file_system_that_is_not_encrypted_is_wrong(
    session: boto3.Session, platform: Platform
) -> None:
    efs = session.client("efs")
    plain = efs.create_file_system(CreationToken="plain")["FileSystemId"]
    assert parts.file_system_problems(efs, replace(platform, file_system_id=plain)) == {
        plain: "is not encrypted"
    }


def test_a_role_of_another_path_is_wrong(session: boto3.Session, platform: Platform) -> None:
    named = "arn:aws:iam::123456789012:role/execution"
    found = parts.role_problems(session.client("iam"), replace(platform, execution_role_arn=named))
    assert found == {named: "is arn:aws:iam::123456789012:role/gromit/execution"}


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("ec2", "describe_vpcs"),
        ("servicediscovery", "get_namespace"),
        ("efs", "describe_file_systems"),
        ("iam", "get_role"),
    ],
)
def test_a_denied_call_does_not_count_as_missing(
    session: boto3.Session, service: str, operation: str
) -> None:
    clients: Any = session.client
    client = clients(service)
    with Stubber(client) as stub:
        stub.add_client_error(operation, "AccessDeniedException", http_status_code=403)
        with pytest.raises(Denied):
            CHECKS[service](client, PLATFORM)
