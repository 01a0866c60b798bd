"""Checks of the resources that the platform parameter names.

Each function returns the problem of each id that has one, and nothing if all is in order.
"""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.core.doctor.capacity import SubnetAddresses
from gromit.core.stack.contract import Platform, platform_roles

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import SubnetTypeDef
    from mypy_boto3_efs.client import EFSClient
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_servicediscovery.client import ServiceDiscoveryClient

ProblemsById = Mapping[str, str]

_MISSING = "does not exist"
_KEPT = 5
"""Addresses of each subnet that AWS keeps for itself."""


def vpc_problems(ec2: "EC2Client", platform: Platform) -> ProblemsById:
    """Check that the VPC exists and has the platform's CIDR."""
    with aws_errors(f"describe VPC {platform.vpc_id}"):
        found = ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": [platform.vpc_id]}])["Vpcs"]
    if not found:
        return {platform.vpc_id: _MISSING}
    associations = found[0].get("CidrBlockAssociationSet", [])
    blocks = {a["CidrBlock"] for a in associations if "CidrBlock" in a} | {found[0]["CidrBlock"]}
    if platform.vpc_cidr in blocks:
        return {}
    return {platform.vpc_id: f"has {' '.join(sorted(blocks))}, not {platform.vpc_cidr}"}


def subnet_problems(ec2: "EC2Client", platform: Platform) -> ProblemsById:
    """Check that all subnets exist in the platform's VPC."""
    ids = [*platform.public_subnets, *platform.private_subnets]
    with aws_errors("describe the subnets"):
        pages = ec2.get_paginator("describe_subnets").paginate(
            Filters=[{"Name": "subnet-id", "Values": ids}]
        )
        vpcs = {s["SubnetId"]: s["VpcId"] for page in pages for s in page["Subnets"]}
    missing = {subnet: _MISSING for subnet in ids if subnet not in vpcs}
    misplaced = {
        subnet: f"is in {vpc}, not in {platform.vpc_id}"
        for subnet, vpc in vpcs.items()
        if vpc != platform.vpc_id
    }
    return {**missing, **misplaced}


def subnet_addresses(ec2: "EC2Client", platform: Platform) -> Mapping[str, SubnetAddresses]:
    """Get free and all addresses of the platform's subnets."""
    ids = [*platform.public_subnets, *platform.private_subnets]
    with aws_errors("describe the subnets"):
        pages = ec2.get_paginator("describe_subnets").paginate(
            Filters=[{"Name": "subnet-id", "Values": ids}]
        )
        return {s["SubnetId"]: _addresses(s) for page in pages for s in page["Subnets"]}


def _addresses(subnet: "SubnetTypeDef") -> SubnetAddresses:
    size = ip_network(subnet["CidrBlock"]).num_addresses - _KEPT
    return SubnetAddresses(subnet["AvailableIpAddressCount"], size)


def namespace_problems(discovery: "ServiceDiscoveryClient", platform: Platform) -> ProblemsById:
    """Check that the Cloud Map namespace exists and answers DNS inside the VPC."""
    with aws_errors(f"describe namespace {platform.namespace_id}"):
        try:
            kind = discovery.get_namespace(Id=platform.namespace_id)["Namespace"].get("Type", "")
        except discovery.exceptions.NamespaceNotFound:
            return {platform.namespace_id: _MISSING}
    return {} if kind == "DNS_PRIVATE" else {platform.namespace_id: f"is {kind}, not DNS_PRIVATE"}


def file_system_problems(efs: "EFSClient", platform: Platform) -> ProblemsById:
    """Check that the file system exists, is available and is encrypted."""
    with aws_errors(f"describe file system {platform.file_system_id}"):
        try:
            found = efs.describe_file_systems(FileSystemId=platform.file_system_id)["FileSystems"]
        except efs.exceptions.FileSystemNotFound:
            found = []
    if not found:
        return {platform.file_system_id: _MISSING}
    faults = []
    if (state := found[0].get("LifeCycleState", "")) != "available":
        faults.append(f"is {state}")
    if not found[0].get("Encrypted", False):
        faults.append("is not encrypted")
    return {platform.file_system_id: " and ".join(faults)} if faults else {}


def role_problems(iam: "IAMClient", platform: Platform) -> ProblemsById:
    """Check that the roles of environments exist under exactly their ARNs."""
    problems: dict[str, str] = {}
    for arn in platform_roles(platform):
        problems |= _role_problem(iam, arn)
    return problems


def _role_problem(iam: "IAMClient", arn: str) -> ProblemsById:
    with aws_errors(f"get role {arn}"):
        try:
            found = iam.get_role(RoleName=arn.rsplit("/", 1)[-1])["Role"]["Arn"]
        except iam.exceptions.NoSuchEntityException:
            return {arn: _MISSING}
    return {} if found == arn else {arn: f"is {found}"}
