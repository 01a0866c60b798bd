"""The platform that environments of a local cloud need."""

import ipaddress
from collections.abc import Iterator

import boto3
import pytest

from gromit.adapters.aws.platform_parameter import PlatformParameter
from gromit.adapters.catalogue import file as catalogue_file
from gromit.local.aws.emulator import Emulator
from gromit.local.cloud.network import Ranges
from gromit.local.cloud.platform import (
    PARAMETER,
    EmulatedAccount,
    PlatformIds,
    make_platform,
    push_image,
)

RANGES = Ranges(ipaddress.IPv4Network("127.44.0.0/16"), ipaddress.IPv4Network("127.45.0.0/16"))
CATALOGUE = catalogue_file.load_catalogue()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmulatedAccount]:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with Emulator() as emulator:
        yield EmulatedAccount(
            boto3.Session("local", "local", region_name="eu-central-1"), emulator.url
        )


def make(account: EmulatedAccount) -> PlatformIds:
    return make_platform(account, RANGES, "dev.gromit.test", CATALOGUE)


def test_the_parameter_is_the_platform(account: EmulatedAccount) -> None:
    made = make(account)
    assert PlatformParameter(account.client("ssm"), PARAMETER).read() == made.platform


def test_mongo_has_the_name_that_the_platform_says_in_a_part_of_the_vpc_without_tasks(
    account: EmulatedAccount,
) -> None:
    made = make(account)
    assert made.platform.mongo == "mongo.dev.gromit.test:27017"
    sets = account.client("route53").list_resource_record_sets(HostedZoneId=made.zone_id)
    records = {s["Name"]: s for s in sets["ResourceRecordSets"]}
    assert records["mongo.dev.gromit.test."]["ResourceRecords"] == [{"Value": RANGES.mongo}]
    subnets = account.client("ec2").describe_subnets(
        SubnetIds=[*made.platform.public_subnets, *made.platform.private_subnets]
    )["Subnets"]
    address = ipaddress.IPv4Address(RANGES.mongo)
    assert address in RANGES.vpc
    assert not any(address in ipaddress.IPv4Network(s["CidrBlock"]) for s in subnets)


def test_making_it_again_changes_nothing(account: EmulatedAccount) -> None:
    first = make(account)
    images = account.client("ecr").describe_images(repositoryName="tyk")["imageDetails"]
    assert make(account) == first
    assert account.client("ecr").describe_images(repositoryName="tyk")["imageDetails"] == images


def test_subnets_are_six_parts_of_the_vpc_in_three_zones(account: EmulatedAccount) -> None:
    platform = make(account).platform
    found = account.client("ec2").describe_subnets(
        SubnetIds=[*platform.public_subnets, *platform.private_subnets]
    )["Subnets"]
    assert len(platform.public_subnets) == len(platform.private_subnets) == 3
    assert all(ipaddress.IPv4Network(s["CidrBlock"]).subnet_of(RANGES.vpc) for s in found)
    assert len({s["AvailabilityZone"] for s in found}) == 3
    names = account.client("ec2").describe_vpc_attribute(
        VpcId=platform.vpc_id, Attribute="enableDnsHostnames"
    )
    assert names["EnableDnsHostnames"]["Value"]


def test_every_repository_of_the_catalogue_has_its_default_image(account: EmulatedAccount) -> None:
    make(account)
    for repository in CATALOGUE.repositories:
        tag = CATALOGUE.default_tag(repository)
        found = account.client("ecr").batch_get_image(
            repositoryName=repository, imageIds=[{"imageTag": tag}]
        )
        assert len(found["images"]) == 1


def test_states_are_versioned(account: EmulatedAccount) -> None:
    make(account)
    assert (
        account.client("s3").get_bucket_versioning(Bucket="terraform-state-dev")["Status"]
        == "Enabled"
    )


def test_the_zone_is_public(account: EmulatedAccount) -> None:
    zone = account.client("route53").get_hosted_zone(Id=make(account).zone_id)["HostedZone"]
    assert (zone["Name"], zone["Config"]["PrivateZone"]) == ("dev.gromit.test.", False)


def test_pushing_a_tag_again_moves_it(account: EmulatedAccount) -> None:
    digests = [push_image(account, "anything", ["sha-1", "app-test"]) for _ in range(2)]
    assert len(set(digests)) == 2
    for tag in ("sha-1", "app-test"):
        found = account.client("ecr").batch_get_image(
            repositoryName="anything", imageIds=[{"imageTag": tag}]
        )
        assert found["images"][0]["imageId"]["imageDigest"] == digests[1]
