"""The platform in the emulated account: what `terraform/base` and `terraform/infra` make on AWS.

SDK calls make it. They create only what does not exist yet, so each start can repeat them.
"""

import hashlib
import itertools
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.adapters.aws.ecr import REVISION
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.contract import Platform
from gromit.local.aws.failures import FAILURE
from gromit.local.cloud.network import Ranges
from gromit.local.cloud.registry_policy import registry_policy
from gromit.local.cloud.secrets import make_secrets

NAMESPACE = "internal"
BUCKET = "terraform-state-dev"
PARAMETER = "/gromit/platform"
ROLE = "gromit-devenv-execution"
EXEC_ROLE = "gromit-devenv-exec"
MONGO = "mongo"
"""Name of the Mongo server in the zone, as `terraform/infra` makes it."""
MONGO_PORT = 27017
_MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CLIENT = Config(
    retries={"mode": "standard", "max_attempts": 3}, connect_timeout=5, read_timeout=30
)
_ZONES = 3
_PUBLIC = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@dataclass(frozen=True, slots=True)
class EmulatedAccount:
    """An AWS account: a session, and the URL of its services."""

    session: boto3.Session
    url: str

    def client(self, service: str) -> Any:
        """Return a client of one service."""
        make: Callable[..., Any] = self.session.client
        return make(service, endpoint_url=self.url, config=_CLIENT)

    @property
    def region(self) -> str:
        """The region of all clients."""
        return str(self.session.region_name)


@dataclass(frozen=True, slots=True)
class PlatformIds:
    """Ids of the platform."""

    platform: Platform
    zone_id: str
    account_id: str


def make_platform(
    account: EmulatedAccount, ranges: Ranges, domain: str, catalogue: Catalogue
) -> PlatformIds:
    """Make the platform, and return its ids.

    It consists of VPC, subnets, namespace, file system, role, registries with default images,
    secrets, bucket, zone, and the parameter that names them.
    """
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
            execution_role_arn=_role(account, ROLE),
            registry=f"{account_id}.dkr.ecr.{account.region}.amazonaws.com",
            region=account.region,
            mongo=f"{MONGO}.{domain}:{MONGO_PORT}",
            exec_role_arn=_role(account, EXEC_ROLE),
            exec_components=tuple(sorted(n for n, c in catalogue.components.items() if c.exec)),
        )
        repositories = {c.repository for c in catalogue.components.values() if c.repository}
        for repository in sorted(repositories):
            _push_default(account, repository, catalogue.default_tag(repository))
        make_secrets(account.client("secretsmanager"), catalogue)
        _bucket(account)
        text = json.dumps(asdict(platform))
        account.client("ssm").put_parameter(
            Name=PARAMETER, Value=text, Type="String", Overwrite=True
        )
        zone_id = _zone(account, domain)
        _record(account, zone_id, f"{MONGO}.{domain}", ranges.mongo)
        return PlatformIds(platform, zone_id, account_id)


def push_image(
    account: EmulatedAccount, repository: str, tags: Sequence[str], failure: str | None = None
) -> str:
    """Push a new image with some tags, as a build would, and return its digest.

    Create the repository if it does not exist. An existing tag moves to the new image. `failure` is
    a failure that the image rehearses, as in its annotation.
    """
    ecr = account.client("ecr")
    with aws_errors(f"push {repository}:{tags[0]}"):
        if not _exists(ecr.describe_repositories, "repositories", repositoryNames=[repository]):
            ecr.create_repository(repositoryName=repository)
        manifest = _manifest(tags[0], failure)
        # A registry refuses a tag that the image has already.
        for tag in dict.fromkeys(tags):
            ecr.put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)
        return "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()


def _push_default(account: EmulatedAccount, repository: str, tag: str) -> None:
    """Push an image of the default branch, unless there is one, and set the registry's policy."""
    get = account.client("ecr").batch_get_image
    ids = [{"imageTag": tag}]
    if not _exists(get, "images", repositoryName=repository, imageIds=ids):
        push_image(account, repository, [tag])
    account.client("ecr").put_lifecycle_policy(
        repositoryName=repository, lifecyclePolicyText=json.dumps(registry_policy([tag]))
    )


def _manifest(revision: str, failure: str | None) -> str:
    """Return the manifest of an image of a commit, with one layer of random content."""
    annotations = {REVISION: revision, **({FAILURE: failure} if failure else {})}
    content = secrets.token_hex(16)
    digest = "sha256:" + hashlib.sha256(content.encode()).hexdigest()
    part = {
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "size": len(content),
        "digest": digest,
    }
    config = {**part, "mediaType": "application/vnd.oci.image.config.v1+json"}
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": _MEDIA_TYPE,
            "config": config,
            "layers": [part],
            "annotations": annotations,
        }
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
    """Return three public and three private subnets, a /20 each, in three availability zones."""
    ec2 = account.client("ec2")
    found = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    ids = {subnet["CidrBlock"]: str(subnet["SubnetId"]) for subnet in found}
    zones = [z["ZoneName"] for z in ec2.describe_availability_zones()["AvailabilityZones"]][:_ZONES]
    networks = [str(n) for n in itertools.islice(ranges.vpc.subnets(new_prefix=20), 2 * _ZONES)]
    for cidr, zone in zip(networks, itertools.cycle(zones), strict=False):
        if cidr not in ids:
            made = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)
            ids[cidr] = made["Subnet"]["SubnetId"]
    ordered = tuple(ids[cidr] for cidr in networks)
    return ordered[:_ZONES], ordered[_ZONES:]


def _namespace(account: EmulatedAccount, vpc: str) -> str:
    discovery = account.client("servicediscovery")
    if not (found := _named(discovery.list_namespaces()["Namespaces"], NAMESPACE)):
        discovery.create_private_dns_namespace(Name=NAMESPACE, Vpc=vpc)
        found = _named(discovery.list_namespaces()["Namespaces"], NAMESPACE)
    return str(found[0]["Id"])


def _file_system(account: EmulatedAccount) -> str:
    efs = account.client("efs")
    found = efs.describe_file_systems(CreationToken="config")["FileSystems"]
    if not found:
        found = [efs.create_file_system(CreationToken="config", Encrypted=True)]
    return str(found[0]["FileSystemId"])


def _role(account: EmulatedAccount, name: str) -> str:
    iam = account.client("iam")
    if not _exists(iam.get_role, "Role", RoleName=name):
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)
    return str(iam.get_role(RoleName=name)["Role"]["Arn"])


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


def _record(account: EmulatedAccount, zone_id: str, name: str, address: str) -> None:
    """Write an address record, in place of an older one."""
    record = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": address}]}
    account.client("route53").change_resource_record_sets(
        HostedZoneId=zone_id,
        ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]},
    )


def _named(things: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [t for t in things if t["Name"] == name]


def _exists(describe: Callable[..., Any], key: str, **arguments: Any) -> bool:
    """Whether AWS finds a resource by its name."""
    try:
        return bool(describe(**arguments)[key])
    except ClientError as error:
        if error_code(error) in {"RepositoryNotFoundException", "NoSuchEntity"}:
            return False
        raise
