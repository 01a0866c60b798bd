"""An emulated AWS with a platform."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import boto3

from gromit.core.stack.contract import Platform
from tests.emulators import emulated_aws
from tests.terraforms import shell_variables

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION: Literal["eu-central-1"] = "eu-central-1"
BUCKET = "terraform-state-dev"
_KEY = "aKeyThatOnlyTheEmulatorKnows"
_SERVICES = ("ec2", "ecs", "efs", "iam", "sts", "servicediscovery", "cloudwatchlogs")


@dataclass(frozen=True, slots=True)
class Cloud:
    """Address of the emulator."""

    url: str

    @property
    def environ(self) -> Mapping[str, str]:
        """Variables of a worker with credentials, and some that must not reach terraform."""
        return {
            **shell_variables(),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "emulated",
            "AWS_SECRET_ACCESS_KEY": _KEY,
            "TF_CLI_ARGS_apply": "-refresh=false -target=nothing.at_all",
            "TF_DATA_DIR": "/nonexistent",
            "TF_VAR_name": "another",
        }

    def client(self, service: str) -> Any:
        """Return a client of one service."""
        return self._session().client(service, endpoint_url=self.url)  # type: ignore[call-overload]

    @property
    def s3(self) -> "S3Client":
        """Return a client of S3."""
        return self._session().client("s3", endpoint_url=self.url)

    def overlay(self, folder: Path) -> Path:
        """Create an overlay with the endpoints: provider 3.39 reads no variables for them."""
        folder.mkdir(exist_ok=True)
        endpoints = "\n".join(f'    {service} = "{self.url}"' for service in _SERVICES)
        (folder / "endpoints_override.tf").write_text(
            'provider "aws" {\n  skip_credentials_validation = true\n'
            "  skip_metadata_api_check = true\n"
            f"  endpoints {{\n{endpoints}\n  }}\n}}\n"
        )
        return folder

    def platform(self) -> Platform:
        """Create a VPC with everything that environments need."""
        return make_platform(self.client)

    def _session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id="emulated", aws_secret_access_key=_KEY, region_name=REGION
        )


def make_platform(client: Callable[[str], Any]) -> Platform:
    """Create a VPC with everything that environments need."""
    ec2, role = client("ec2"), {"Version": "2012-10-17", "Statement": []}
    vpc = ec2.create_vpc(CidrBlock="10.91.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.91.{n}.0/24", AvailabilityZone=f"{REGION}{zone}"
        )["Subnet"]["SubnetId"]
        for n, zone in enumerate("abab")
    ]
    discovery = client("servicediscovery")
    discovery.create_private_dns_namespace(Name="internal", Vpc=vpc)
    namespace = discovery.list_namespaces()["Namespaces"][0]["Id"]
    return Platform(
        vpc_id=vpc,
        vpc_cidr="10.91.0.0/16",
        public_subnets=tuple(subnets[:2]),
        private_subnets=tuple(subnets[2:]),
        namespace_id=namespace,
        file_system_id=client("efs").create_file_system(CreationToken="config")["FileSystemId"],
        execution_role_arn=client("iam").create_role(
            RoleName="execution", AssumeRolePolicyDocument=json.dumps(role)
        )["Role"]["Arn"],
        registry=f"123456789012.dkr.ecr.{REGION}.amazonaws.com",
        region=REGION,
        mongo="mongo.dev.example.com:27017",
    )


@contextmanager
def running_cloud() -> Iterator[Cloud]:
    """Run an emulator with a bucket for states during the block."""
    with emulated_aws() as url:
        cloud = Cloud(url)
        cloud.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        yield cloud
