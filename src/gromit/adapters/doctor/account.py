"""Facts about the account: identity, key pairs, bucket of states, registries, zone. Read-only."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ParamValidationError

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.core.doctor.installation import AwsIdentity, BucketFacts, ZoneFacts
from gromit.core.names import normalize_dns_name
from gromit.errors import NotFound

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ecr.client import ECRClient
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_route53.client import Route53Client
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_sts.client import STSClient

_GITHUB = "token.actions.githubusercontent.com"
_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_NOT_ENCRYPTED = "ServerSideEncryptionConfigurationNotFoundError"
_NO_KEY_PAIR = "InvalidKeyPair.NotFound"
_NOT_CLOSED = "NoSuchPublicAccessBlockConfiguration"


def get_identity(sts: "STSClient") -> AwsIdentity:
    """Get the identity of the credentials, which needs no permission.

    Raises `Denied` without credentials.
    """
    with aws_errors("get the identity of the AWS credentials"):
        answer = sts.get_caller_identity()
    return AwsIdentity(answer["Account"], answer["Arn"])


def has_key_pair(ec2: "EC2Client", name: str) -> bool:
    """Whether EC2 has a key pair of this name in the client's region."""
    with aws_errors(f"describe key pair {name}"):
        try:
            return bool(ec2.describe_key_pairs(KeyNames=[name])["KeyPairs"])
        except ClientError as error:
            if error_code(error) == _NO_KEY_PAIR:
                return False
            raise


def get_bucket(s3: "S3Client", name: str) -> BucketFacts:
    """Get the protection of the bucket of states. Raises `NotFound`."""
    with aws_errors(f"describe bucket {name}"):
        try:
            versioned = s3.get_bucket_versioning(Bucket=name).get("Status") == "Enabled"
        except ClientError as error:
            if error_code(error) != "NoSuchBucket":
                raise
            raise NotFound(
                f"there is no bucket {name}", hint="apply terraform/base, or correct state.bucket"
            ) from error
        return BucketFacts(
            name=name,
            versioned=versioned,
            encrypted=_is_encrypted(s3, name),
            closed=_is_closed(s3, name),
        )


def takes_subjects_with_ids(iam: "IAMClient", repository: str) -> bool:
    """Whether the push role of a repository trusts GitHub's newer subjects, which contain ids.

    True also if there is no such role: others may push in another way.
    """
    name = f"gromit-push-{repository}"
    with aws_errors(f"get role {name}"):
        try:
            trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
        except iam.exceptions.NoSuchEntityException:
            return True
    return f"{_GITHUB}:repository_owner_id" in json.dumps(trust)


def has_registry(ecr: "ECRClient", repository: str, registry_id: str | None) -> bool:
    """Whether there is a registry for the images of a repository.

    False also for a name that no registry can have.
    """
    with aws_errors(f"describe registry {repository}"):
        try:
            if registry_id is None:
                found = ecr.describe_repositories(repositoryNames=[repository])
            else:
                found = ecr.describe_repositories(
                    repositoryNames=[repository], registryId=registry_id
                )
        except (
            ecr.exceptions.RepositoryNotFoundException,
            ecr.exceptions.InvalidParameterException,
            ParamValidationError,
        ):
            return False  # the last two are raised for a name that no registry can have
        return bool(found["repositories"])


def get_zone(route53: "Route53Client", zone_id: str) -> ZoneFacts:
    """Get a zone with its name servers; a private zone has none. Raises `NotFound`."""
    with aws_errors(f"describe zone {zone_id}"):
        try:
            answer = route53.get_hosted_zone(Id=zone_id)
        except (route53.exceptions.NoSuchHostedZone, route53.exceptions.InvalidInput) as error:
            raise NotFound(
                f"there is no zone {zone_id}", hint="set cluster.zoneid to the id of the zone"
            ) from error
    servers = answer.get("DelegationSet", {}).get("NameServers", [])
    zone = answer["HostedZone"]
    return ZoneFacts(
        zone_id,
        normalize_dns_name(zone["Name"]),
        frozenset(normalize_dns_name(s) for s in servers),
        private=zone.get("Config", {}).get("PrivateZone", False),
    )


def _is_encrypted(s3: "S3Client", name: str) -> bool:
    try:
        return bool(
            s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        )
    except ClientError as error:
        if error_code(error) == _NOT_ENCRYPTED:
            return False
        raise


def _is_closed(s3: "S3Client", name: str) -> bool:
    try:
        found = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error_code(error) == _NOT_CLOSED:
            return False
        raise
    return all(found.get(block) for block in _BLOCKS)
