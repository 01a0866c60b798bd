"""Prerequisites of `terraform/infra`, and queries of the emulator after the apply."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from gromit.adapters.aws.platform_parameter import PlatformParameter
from gromit.core.stack.contract import Platform
from tests.platform.emulator import ACCOUNT, REGION, Emulator
from tests.platform.roots import REPOSITORY
from tests.stacks.hcl import Directory

TERRAFORM = REPOSITORY / "terraform"

KEY_PAIR = "platform-team"
"""Key pair that `prod.tfvars` names."""
INSTALLATION = "example"
"""Name of the installation in `prod.tfvars`."""
AMI_PARAMETER = "/images/newest"
WORKERS = ("sow", "reap", "chitragupta", "doctor", "doctor-environments")
"""Parts of `module.worker`. A target has to name each, with its key."""
QUICKLY = "-parallelism=40"
"""Most of an apply is the provider waiting for AWS, so all resources are created at once."""
VALUES = "-var-file=prod.tfvars"
"""Example values for all applies of these tests."""
GROUND = tuple(
    f"-target={address}"
    for address in (
        "module.network",
        "module.bastion",
        "module.mongo",
        "aws_route53_record.authority",
        "aws_route53_record.authorities",
        "aws_route53_record.bastion",
        "aws_route53_record.mongo",
        "aws_ssm_parameter.platform",
        "aws_efs_mount_target.config",
        "aws_efs_mount_target.certs",
        "aws_iam_role_policy.execution",
        "aws_iam_role_policy.exec",
        "module.serve.aws_security_group_rule.egress",
        "module.gateway.aws_security_group_rule.egress",
        "module.pki.aws_security_group_rule.egress",
        *(f'module.worker["{name}"].aws_security_group_rule.egress' for name in WORKERS),
        *(
            f"aws_security_group_rule.{name}"
            for name in ("ssh", "bastion_out", "config", "certs", "mounts", "in", "out")
        ),
    )
)
"""Everything but the control plane: its load balancers alone take a minute.

The long tests create and destroy the whole root.
"""


PARTS = ("serve", "gateway", "worker")
"""Parts that have their own keys and see no others."""

_SECOND = {"mongo-1": {"zone": "b"}}
WRONG_HOSTS = {
    "none of two is marked": {"mongo-0": {"zone": "a"}, **_SECOND},
    "both are marked": {
        "a": {"zone": "a", "environments": True},
        "b": {"zone": "b", "environments": True},
    },
    "one with the name of the record is not marked": {
        "mongo": {"zone": "a"},
        "b": {"zone": "b", "environments": True},
    },
    "one has the name of the bastion's record": {"bastion": {"zone": "a"}},
}
WRONG_AUTHORITIES = {
    "no names": ["Let us encrypt"],
    "none that gives the gateway its own": ["letsencrypt.org"],
}
WRONG_BASTIONS = {
    "the world": {"key_pair": "platform-team", "ssh_cidrs": ["0.0.0.0/0"]},
    "no key pair": {"key_pair": "", "ssh_cidrs": ["192.0.2.0/24"]},
    "a name": {"key_pair": "platform-team", "ssh_cidrs": ["office"]},
}
WRONG_RANGES = (["0.0.0.0/0"], ["0.0.0.0/1", "128.0.0.0/1"])
WRONG_SCRAPERS = (["0.0.0.0/0"], ["10.91.0.0/20"])
WRONG_VALUES: Mapping[str, Sequence[Any]] = {
    "mongo": tuple(WRONG_HOSTS.values()),
    "mongo_server": ("mongodb://mongo",),
    "certificate_authorities": tuple(WRONG_AUTHORITIES.values()),
    "bastion": tuple(WRONG_BASTIONS.values()),
    "serve_cidrs": WRONG_RANGES,
    "metrics_cidrs": WRONG_SCRAPERS,
}
"""Values that infra refuses, by variable."""


def create_base(emulator: Emulator) -> Mapping[str, Any]:
    """Create what `terraform/base` provides for this root, by SDK calls.

    These are two volumes, and the parameter that names everything.
    """
    efs = emulator.client("efs")
    volumes = {
        name: efs.create_file_system(CreationToken=name, Encrypted=True)["FileSystemId"]
        for name in ("config", "certs")
    }
    points = {
        name: efs.create_access_point(FileSystemId=volume)["AccessPointId"]
        for name, volume in volumes.items()
    }
    base = {
        "config_file_system_id": volumes["config"],
        "certs_file_system_id": volumes["certs"],
        "config_access_point_id": points["config"],
        "certs_access_point_id": points["certs"],
        "certs_part_access_points": {
            part: efs.create_access_point(FileSystemId=volumes["certs"])["AccessPointId"]
            for part in PARTS
        },
        "state_bucket": "terraform-state-dev",
        "registry": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com",
        "registries": {
            name: f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}"
            for name in ("tyk", "tyk-analytics")
        },
        "ca_key_secret_arn": (
            f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:gromit/ca-key-0a1b2c"
        ),
        "exec_components": ["gateway"],
    }
    write_base(emulator, base)
    return base


def write_base(emulator: Emulator, base: Mapping[str, Any]) -> None:
    """Write the parameter `/gromit/base`."""
    emulator.client("ssm").put_parameter(
        Name="/gromit/base", Type="String", Value=json.dumps(base), Overwrite=True
    )


def create_prerequisites(emulator: Emulator) -> None:
    """Create what neither root makes: the key pair for ssh and an image for machines."""
    emulator.client("ec2").create_key_pair(KeyName=KEY_PAIR)
    release_image(emulator, "first")


def given(emulator: Emulator) -> Mapping[str, str]:
    """Return the values that `prod.tfvars` cannot hold: the parameters that announce images."""
    return dict.fromkeys(("ami_parameter", "bastion_ami_parameter"), AMI_PARAMETER)


def release_image(emulator: Emulator, name: str) -> str:
    """Publish a new image, which is the newest from now on, and return its id."""
    image = emulator.client("ec2").register_image(
        Name=name, RootDeviceName="/dev/xvda", Architecture="arm64"
    )["ImageId"]
    emulator.client("ssm").put_parameter(
        Name=AMI_PARAMETER, Type="String", Value=image, Overwrite=True
    )
    return str(image)


def newest_image(emulator: Emulator) -> str:
    """Return the image that machines start from."""
    return str(emulator.client("ssm").get_parameter(Name=AMI_PARAMETER)["Parameter"]["Value"])


def user_data(emulator: Emulator, name: str) -> str:
    """Return the script of a machine's first start."""
    instance = instances(emulator)[name]["InstanceId"]
    found = emulator.client("ec2").describe_instance_attribute(
        InstanceId=instance, Attribute="userData"
    )
    return base64.b64decode(found["UserData"]["Value"]).decode()


def instances(emulator: Emulator) -> dict[str, dict[str, Any]]:
    """Return running instances by name."""
    running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    found = emulator.client("ec2").describe_instances(Filters=running)["Reservations"]
    return {
        tags(i.get("Tags", [])).get("Name", ""): i
        for reservation in found
        for i in reservation["Instances"]
    }


def data_volumes(emulator: Emulator) -> dict[str, dict[str, Any]]:
    """Return data volumes by name."""
    found = emulator.client("ec2").describe_volumes(
        Filters=[{"Name": "tag-key", "Values": ["backup"]}]
    )["Volumes"]
    return {tags(v["Tags"])["Name"]: v for v in found}


def records(emulator: Emulator, domain: str) -> dict[tuple[str, str], list[str]]:
    """Return records of a domain's zone: name and type to values; an alias has none."""
    route53 = emulator.client("route53")
    zone = next(z for z in route53.list_hosted_zones()["HostedZones"] if z["Name"] == f"{domain}.")
    sets = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    return {
        (s["Name"].rstrip("."), s["Type"]): [r["Value"] for r in s.get("ResourceRecords", ())]
        for s in sets
    }


def tags(found: list[dict[str, str]]) -> dict[str, str]:
    """Return EC2's list of tags as a mapping."""
    return {tag["Key"]: tag["Value"] for tag in found}


def kept(*folders: str) -> set[str]:
    """Return the resources that files in folders of `terraform/` keep from being destroyed."""
    texts = {
        f"{folder}/{path.name}": path.read_text()
        for folder in folders
        for path in (TERRAFORM / folder).glob("*.tf")
    }
    blocks = Directory(name="all", texts=texts, is_root=False).blocks("resource")
    return {
        ".".join(b.labels)
        for b in blocks
        if any(rule.get("prevent_destroy") for rule in b.body.get("lifecycle", []))
    }


def platform(emulator: Emulator) -> Platform:
    """Return the platform in the parameter that `terraform/infra` has written."""
    return PlatformParameter(emulator.client("ssm"), "/gromit/platform", INSTALLATION).read()
