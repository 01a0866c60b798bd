"""What environments stand on, made in the emulated account by SDK calls: what `terraform/base` and `terraform/infra` make on AWS.

Everything is looked for before it is made, so it can be called again at each start.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.contract import Platform
from gromit.local.cloud.network import Ranges

NAMESPACE = "internal"
BUCKET = "terraform-state-dev"
PARAMETER = "/gromit/platform"
ROLE = "gromit-devenv-execution"
_MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CLIENT = Config(
    retries={"mode": "standard", "max_attempts": 3}, connect_timeout=5, read_timeout=30
)
_ZONES = 3
_PUBLIC = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True, slots=True)
class EmulatedAccount:
    """An AWS account: a session, and where its services answer."""

    session: boto3.Session
    url: str

    def client(self, service: str) -> Any:
        """A client of one service."""
        make: Callable[..., Any] = self.session.client
        return make(service, endpoint_url=self.url, config=_CLIENT)

    @property
    def region(self) -> str:
        """The region of all clients."""
        return str(self.session.region_name)


@dataclass(frozen=True, slots=True)
class PlatformIds:
    """What was made, or found."""

    platform: Platform
    zone_id: str
    account_id: str


def make_platform(
    account: EmulatedAccount, ranges: Ranges, domain: str, catalogue: Catalogue
) -> PlatformIds:
    """VPC, subnets, namespace, file system, role, registries with default images, bucket, zone, and the parameter naming them."""
    with aws_errors("make the platform in the local cloud"):
        account_id = account.client("sts").get_caller_identity()["Account"]
        vpc = _vpc(account, str(ranges.vpc))
        public, private = _subnets(account, vpc, ranges)
        platform = Platform(
            vpc_id=vpc,
            vpc_cidr=str(ranges.vpc),
            public_subnets=public,
            private_subnets=private,
            namespace_id=_namespace(account, vpc),
            file_system_id=_file_system(account),
            execution_role_arn=_role(account),
            registry=f"{account_id}.dkr.ecr.{account.region}.amazonaws.com",
            region=account.region,
        )
        for repository in sorted(
            {c.repository for c in catalogue.components.values() if c.repository}
        ):
            _push_default(account, repository, catalogue.default_tag(repository))
        _bucket(account)
        text = json.dumps(asdict(platform))
        account.client("ssm").put_parameter(
            Name=PARAMETER, Value=text, Type="String", Overwrite=True
        )
        return PlatformIds(platform, _zone(account, domain), account_id)


def push_image(account: EmulatedAccount, repository: str, tags: Sequence[str]) -> str:
    """Put a new image under some tags into the registry, as a build would; gives its digest.

    The repository is made if need be, and a tag that is there moves.
    """
    ecr = account.client("ecr")
    with aws_errors(f"push {repository}:{tags[0]}"):
        if not _there(ecr.describe_repositories, "repositories", repositoryNames=[repository]):
            ecr.create_repository(repositoryName=repository)
        manifest = _manifest()
        for tag in tags:
            ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)
        return "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()


def _push_default(account: EmulatedAccount, repository: str, tag: str) -> None:
    """Put an image of the default branch into the registry, if there is none."""
    ids = [{"imageTag": tag}]
    there = _there(
        account.client("ecr").batch_get_image, "images", repositoryName=repository, imageIds=ids
    )
    if not there:
        push_image(account, repository, [tag])


def _manifest() -> str:
    """The manifest of an image with one layer, which is no other image's."""
    content = secrets.token_hex(16)
    digest = "sha256:" + hashlib.sha256(content.encode()).hexdigest()
    part = {
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "size": len(content),
        "digest": digest,
    }
    config = {**part, "mediaType": "application/vnd.oci.image.config.v1+json"}
    return json.dumps(
        {"schemaVersion": 2, "mediaType": _MEDIA_TYPE, "config": config, "layers": [part]}
    )


def _vpc(account: EmulatedAccount, cidr: str) -> str:
    ec2 = account.client("ec2")
    found = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": [cidr]}])["Vpcs"]
    vpc = str(found[0]["VpcId"] if found else ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"])
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    return vpc


def _subnets(
    account: EmulatedAccount, vpc: str, ranges: Ranges
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Three public and three private subnets, a /20 each, in three availability zones."""
    ec2 = account.client("ec2")
    found = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    there = {s["CidrBlock"]: str(s["SubnetId"]) for s in found}
    zones = [z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]][:_ZONES]
    ids = []
    for number, network in zip(range(2 * _ZONES), ranges.vpc.subnets(new_prefix=20), strict=False):
        cidr, zone = str(network), zones[number % len(zones)]
        ids.append(
            there.get(cidr)
            or ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
        )
    return tuple(ids[:_ZONES]), tuple(ids[_ZONES:])


def _namespace(account: EmulatedAccount, vpc: str) -> str:
    discovery = account.client("servicediscovery")
    if not (found := _named(discovery.list_namespaces()["Namespaces"], NAMESPACE)):
        discovery.create_private_dns_namespace(Name=NAMESPACE, Vpc=vpc)
        found = _named(discovery.list_namespaces()["Namespaces"], NAMESPACE)
    return str(found[0]["Id"])


def _file_system(account: EmulatedAccount) -> str:
    efs = account.client("efs")
    found = efs.describe_file_systems(CreationToken="config")["FileSystems"]
    return str(
        (found[0] if found else efs.create_file_system(CreationToken="config", Encrypted=True))[
            "FileSystemId"
        ]
    )


def _role(account: EmulatedAccount) -> str:
    iam = account.client("iam")
    if not _there(iam.get_role, "Role", RoleName=ROLE):
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=policy)
    return str(iam.get_role(RoleName=ROLE)["Role"]["Arn"])


def _bucket(account: EmulatedAccount) -> None:
    s3 = account.client("s3")
    if not _named(s3.list_buckets()["Buckets"], BUCKET):
        s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": account.region}
        )
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    s3.put_public_access_block(
        Bucket=BUCKET, PublicAccessBlockConfiguration=dict.fromkeys(_PUBLIC, True)
    )


def _zone(account: EmulatedAccount, domain: str) -> str:
    route53 = account.client("route53")
    if not (found := _named(route53.list_hosted_zones()["HostedZones"], f"{domain}.")):
        route53.create_hosted_zone(Name=domain, CallerReference=domain)
        found = _named(route53.list_hosted_zones()["HostedZones"], f"{domain}.")
    return str(found[0]["Id"]).rsplit("/", 1)[-1]


def _named(things: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [t for t in things if t["Name"] == name]


def _there(look: Callable[..., Any], key: str, **arguments: Any) -> bool:
    """Whether AWS finds a thing by its name."""
    try:
        return bool(look(**arguments)[key])
    except ClientError as error:
        if error_code(error) in {"RepositoryNotFoundException", "NoSuchEntity"}:
            return False
        raise
