"""The control plane's part of `terraform/infra` alone, on prerequisites created by SDK calls.

ground = make_ground(emulator)
root = control_root(tmp_path, engine, emulator, ground)
root.apply()
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import boto3

from gromit.adapters.aws.dynamodb_table import TableSetup
from gromit.adapters.catalogue import file as catalogue_file
from gromit.local.cloud import platform
from gromit.local.cloud.network import Ranges
from tests.platform.emulator import ACCOUNT, REGION, Emulator
from tests.platform.roots import REPOSITORY, Engine, Root

HERE = Path(__file__).parent
FILES = (
    "alarms.tf",
    "balancer.tf",
    "certificate.tf",
    "connections.tf",
    "control.tf",
    "gateway.tf",
    "iam_boundary.tf",
    "iam_chitragupta.tf",
    "iam_doctor.tf",
    "iam_doctor_environments.tf",
    "iam_hooks.tf",
    "iam_network.tf",
    "iam_sow.tf",
    "iam_stack.tf",
    "moved.tf",
    "outputs_control.tf",
    "pki.tf",
    "serve.tf",
    "topic.tf",
    "variables_control.tf",
    "variables_scale.tf",
    "variables_login.tf",
    "workers.tf",
)
"""Files of `terraform/infra` that belong to the control plane."""
DOMAIN = "dev.example.com"
KEY_PAIR = "platform-team"
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/gromit:1.2.3"

PARTS = ("serve", "gateway", "worker")
"""Parts that have their own keys."""
RANGES = Ranges(IPv4Network("10.91.0.0/16"), IPv4Network("127.45.0.0/24"))

Ground = Mapping[str, Any]


def make_ground(emulator: Emulator) -> Ground:
    """Create all prerequisites of the control plane in an empty account."""
    session = boto3.Session(
        aws_access_key_id="emulated", aws_secret_access_key="emulated", region_name=REGION
    )
    account = platform.EmulatedAccount(session, emulator.url)
    made = platform.make_platform(
        account, RANGES, DOMAIN, catalogue_file.load_catalogue(None, None)
    )
    place = asdict(made.platform)
    cluster = emulator.client("ecs").create_cluster(clusterName="internal")["cluster"]
    TableSetup(emulator.client("dynamodb"), "DeveloperEnvironments", lambda _s: None).ensure()
    efs, config = emulator.client("efs"), place["file_system_id"]
    certs = efs.create_file_system(CreationToken="certs", Encrypted=True)["FileSystemId"]
    secret = emulator.client("secretsmanager").create_secret(Name="gromit/ca-key")
    repositories = emulator.client("ecr").describe_repositories()["repositories"]
    return {
        **{
            key: place[key]
            for key in (
                "vpc_id",
                "vpc_cidr",
                "public_subnets",
                "private_subnets",
                "namespace_id",
                "registry",
                "region",
            )
        },
        "control_subnets": _control_subnets(emulator, place["private_subnets"]),
        "public_cidrs": _ranges(emulator, place["public_subnets"]),
        "cluster_arn": cluster["clusterArn"],
        "cluster_name": "internal",
        "zone_id": made.zone_id,
        "domain": DOMAIN,
        "installation": "team-a",
        "table_arn": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/DeveloperEnvironments",
        "table_name": "DeveloperEnvironments",
        "config_file_system_id": config,
        "certs_file_system_id": certs,
        "config_access_point_id": efs.create_access_point(
            ClientToken="config", FileSystemId=config
        )["AccessPointId"],
        "certs_access_point_id": efs.create_access_point(ClientToken="certs", FileSystemId=certs)[
            "AccessPointId"
        ],
        "certs_part_access_points": {
            part: efs.create_access_point(ClientToken=part, FileSystemId=certs)["AccessPointId"]
            for part in PARTS
        },
        **{
            f"{name}_security_group_id": _group(emulator, place["vpc_id"], f"gromit-{name}")
            for name in ("bastion", "config", "mounts")
        },
        "state_bucket": platform.BUCKET,
        "registries": {r["repositoryName"]: r["repositoryArn"] for r in repositories},
        "ca_key_secret_arn": secret["ARN"],
        "execution_role_arn": place["execution_role_arn"],
        "exec_role_arn": place["exec_role_arn"],
        "exec_components": ["portal"],
        "account_id": ACCOUNT,
        "key_pair": KEY_PAIR,
        "tags": {"managed": "gromit"},
    }


def control_root(
    to: Path, engine: Engine, emulator: Emulator, ground: Ground, **variables: Any
) -> Root:
    """Return the control plane as a root of its own, on these prerequisites."""
    if not (to / "terraform").exists():
        shutil.copytree(
            REPOSITORY / "terraform" / "modules",
            to / "terraform" / "modules",
            ignore=shutil.ignore_patterns(".terraform*"),
        )
        shutil.copytree(HERE / "root", to / "terraform" / "control")
        for file in FILES:
            shutil.copy(REPOSITORY / "terraform" / "infra" / file, to / "terraform" / "control")
    given = {
        "image": IMAGE,
        "vpc_cidr": ground["vpc_cidr"],
        "gateway_certificate_arn": _certificate(emulator),
        "alarms": {"emails": ["platform@example.com"]},
    }
    return Root.copied("control", to, engine, emulator, {"ground": ground, **given, **variables})


def _certificate(emulator: Emulator) -> str:
    return str(
        emulator.client("acm").request_certificate(DomainName=f"gateway.{DOMAIN}")["CertificateArn"]
    )


def _ranges(emulator: Any, subnets: list[str]) -> list[str]:
    found = emulator.client("ec2").describe_subnets(SubnetIds=list(subnets))["Subnets"]
    return [str(subnet["CidrBlock"]) for subnet in found]


def _control_subnets(emulator: Emulator, private: list[str]) -> list[str]:
    """Create a subnet beside each private one, in the upper end of the VPC's range."""
    ec2 = emulator.client("ec2")
    found = ec2.describe_subnets(SubnetIds=list(private))["Subnets"]
    *_, last = RANGES.vpc.subnets(new_prefix=20)
    return [
        str(
            ec2.create_subnet(
                VpcId=beside["VpcId"],
                AvailabilityZone=beside["AvailabilityZone"],
                CidrBlock=str(block),
            )["Subnet"]["SubnetId"]
        )
        for beside, block in zip(found, last.subnets(new_prefix=23), strict=False)
    ]


def _group(emulator: Emulator, vpc: str, name: str) -> str:
    found = emulator.client("ec2").create_security_group(
        GroupName=name, Description="of the ground", VpcId=vpc
    )
    return str(found["GroupId"])
