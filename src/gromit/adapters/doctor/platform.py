"""Looks whether what the platform parameter names exists. Each look gives what is wrong, by id; nothing if all is right."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.core.stack.contract import Platform

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_efs.client import EFSClient
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_servicediscovery.client import ServiceDiscoveryClient

ProblemsById = Mapping[str, str]

_MISSING = "does not exist"


def vpc_problems(ec2: "EC2Client", platform: Platform) -> ProblemsById:
    """Whether the VPC is there, with the CIDR that is named."""
    with aws_errors(f"look at VPC {platform.vpc_id}"):
        found = ec2.describe_vpcs(Filters=[{"Name": "vpc-id", "Values": [platform.vpc_id]}])["Vpcs"]
    if not found:
        return {platform.vpc_id: _MISSING}
    blocks = {
        b["CidrBlock"] for b in found[0].get("CidrBlockAssociationSet", []) if "CidrBlock" in b
    } | {found[0]["CidrBlock"]}
    return (
        {}
        if platform.vpc_cidr in blocks
        else {platform.vpc_id: f"has {' '.join(sorted(blocks))}, not {platform.vpc_cidr}"}
    )


def subnet_problems(ec2: "EC2Client", platform: Platform) -> ProblemsById:
    """Whether all subnets are there, in that VPC."""
    wanted = [*platform.public_subnets, *platform.private_subnets]
    with aws_errors("look at the subnets"):
        pages = ec2.get_paginator("describe_subnets").paginate(
            Filters=[{"Name": "subnet-id", "Values": wanted}]
        )
        homes = {s["SubnetId"]: s["VpcId"] for page in pages for s in page["Subnets"]}
    missing = {subnet: _MISSING for subnet in wanted if subnet not in homes}
    strange = {
        subnet: f"is in {vpc}, not in {platform.vpc_id}"
        for subnet, vpc in homes.items()
        if vpc != platform.vpc_id
    }
    return {**missing, **strange}


def namespace_problems(discovery: "ServiceDiscoveryClient", platform: Platform) -> ProblemsById:
    """Whether the Cloud Map namespace is there, and answered by DNS inside the VPC."""
    with aws_errors(f"look at namespace {platform.namespace_id}"):
        try:
            kind = discovery.get_namespace(Id=platform.namespace_id)["Namespace"].get("Type", "")
        except discovery.exceptions.NamespaceNotFound:
            return {platform.namespace_id: _MISSING}
    return {} if kind == "DNS_PRIVATE" else {platform.namespace_id: f"is {kind}, not DNS_PRIVATE"}


def file_system_problems(efs: "EFSClient", platform: Platform) -> ProblemsById:
    """Whether the file system is there, ready and encrypted."""
    with aws_errors(f"look at file system {platform.file_system_id}"):
        try:
            found = efs.describe_file_systems(FileSystemId=platform.file_system_id)["FileSystems"]
        except efs.exceptions.FileSystemNotFound:
            found = []
    if not found:
        return {platform.file_system_id: _MISSING}
    state, encrypted = found[0].get("LifeCycleState", ""), found[0].get("Encrypted", False)
    faults = [
        *([] if state == "available" else [f"is {state}"]),
        *([] if encrypted else ["is not encrypted"]),
    ]
    return {platform.file_system_id: " and ".join(faults)} if faults else {}


def role_problems(iam: "IAMClient", platform: Platform) -> ProblemsById:
    """Whether the execution role of environments is there, under that very ARN."""
    arn = platform.execution_role_arn
    with aws_errors(f"look at role {arn}"):
        try:
            found = iam.get_role(RoleName=arn.rsplit("/", 1)[-1])["Role"]["Arn"]
        except iam.exceptions.NoSuchEntityException:
            return {arn: _MISSING}
    return {} if found == arn else {arn: f"is {found}"}
