"""Facts about an account in the emulator, and denied calls."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from gromit.adapters.doctor.account import (
    get_bucket,
    get_identity,
    get_zone,
    has_key_pair,
    has_registry,
)
from gromit.core.doctor.installation import BucketFacts
from gromit.errors import Denied, NotFound

BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@pytest.fixture(scope="module")
def kept() -> boto3.Session:
    """One session for all tests: it reads the descriptions of AWS's services once."""
    return boto3.Session("test", "test", region_name="eu-central-1")


@pytest.fixture
def session(kept: boto3.Session) -> Iterator[boto3.Session]:
    with mock_aws():
        yield kept


@pytest.fixture
def s3(session: boto3.Session) -> Any:
    client = session.client("s3")
    client.create_bucket(
        Bucket="states", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    return client


def close(s3: Any, *blocks: str) -> None:
    s3.put_public_access_block(
        Bucket="states", PublicAccessBlockConfiguration=dict.fromkeys(blocks, True)
    )


def test_the_identity_of_the_credentials(session: boto3.Session) -> None:
    found = get_identity(session.client("sts"))
    assert (found.account, found.arn.startswith("arn:aws:sts::123456789012:")) == (
        "123456789012",
        True,
    )


def test_a_bare_bucket_lacks_everything(s3: Any) -> None:
    assert get_bucket(s3, "states") == BucketFacts(
        name="states", versioned=False, encrypted=False, closed=False
    )


def test_a_bucket_as_base_makes_it(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="states", VersioningConfiguration={"Status": "Enabled"})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket="states", ServerSideEncryptionConfiguration={"Rules": [rule]})
    close(s3, *BLOCKS)
    assert get_bucket(s3, "states") == BucketFacts(
        name="states", versioned=True, encrypted=True, closed=True
    )


@pytest.mark.parametrize("open_", BLOCKS)
def test_a_bucket_with_one_way_in_is_not_closed(s3: Any, open_: str) -> None:
    close(s3, *(b for b in BLOCKS if b != open_))
    assert not get_bucket(s3, "states").closed


def test_versioning_that_was_suspended_is_none(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="states", VersioningConfiguration={"Status": "Suspended"})
    assert not get_bucket(s3, "states").versioned


def test_a_bucket_that_does_not_exist(s3: Any) -> None:
    with pytest.raises(NotFound, match="there is no bucket absent"):
        get_bucket(s3, "absent")


@pytest.mark.parametrize(
    "operation", ["get_bucket_versioning", "get_bucket_encryption", "get_public_access_block"]
)
def test_a_denied_call_does_not_count_as_an_unprotected_bucket(s3: Any, operation: str) -> None:
    with Stubber(s3) as stub:
        answers: dict[str, Any] = {
            "get_bucket_versioning": {"Status": "Enabled"},
            "get_bucket_encryption": {
                "ServerSideEncryptionConfiguration": {
                    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
                }
            },
        }
        for name, answer in answers.items():
            if name == operation:
                break
            stub.add_response(name, answer)
        stub.add_client_error(operation, "AccessDenied", http_status_code=403)
        with pytest.raises(Denied):
            get_bucket(s3, "states")


def test_a_key_pair_is_there_or_not(session: boto3.Session) -> None:
    ec2 = session.client("ec2")
    ec2.create_key_pair(KeyName="platform-team")
    assert has_key_pair(ec2, "platform-team")
    assert not has_key_pair(ec2, "platform")
    with Stubber(ec2) as stub:
        stub.add_client_error("describe_key_pairs", "UnauthorizedOperation", http_status_code=403)
        with pytest.raises(Denied):
            has_key_pair(ec2, "platform-team")


@pytest.mark.parametrize("account", [None, "123456789012"])
def test_a_registry_is_there_or_not(session: boto3.Session, account: str | None) -> None:
    ecr = session.client("ecr")
    ecr.create_repository(repositoryName="tyk")
    assert has_registry(ecr, "tyk", account)
    assert not has_registry(ecr, "tyk-pump", account)


def test_a_name_that_no_registry_can_have_has_none(session: boto3.Session) -> None:
    ecr = session.client("ecr")
    with Stubber(ecr) as stub:
        stub.add_client_error(
            "describe_repositories", "InvalidParameterException", http_status_code=400
        )
        assert not has_registry(ecr, "a--b", None)
    assert not has_registry(ecr, "a", None)  # too short even to be asked for


def test_a_public_zone_has_name_servers_and_a_private_one_none(session: boto3.Session) -> None:
    route53, vpc = (
        session.client("route53"),
        session.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"],
    )
    made = route53.create_hosted_zone(Name="Dev.example.com", CallerReference="1")
    public = get_zone(route53, made["HostedZone"]["Id"].rsplit("/", 1)[-1])
    assert (public.name, public.private) == ("dev.example.com", False)
    assert public.name_servers == {
        s.lower().rstrip(".") for s in made["DelegationSet"]["NameServers"]
    }
    hidden = route53.create_hosted_zone(
        Name="internal",
        CallerReference="2",
        HostedZoneConfig={"PrivateZone": True},
        VPC={"VPCRegion": "eu-central-1", "VPCId": vpc},
    )
    private = get_zone(route53, hidden["HostedZone"]["Id"].rsplit("/", 1)[-1])
    assert (private.name_servers, private.private) == (frozenset(), True)


def test_a_zone_that_does_not_exist(session: boto3.Session) -> None:
    with pytest.raises(NotFound, match="there is no zone Z1"):
        get_zone(session.client("route53"), "Z1")
