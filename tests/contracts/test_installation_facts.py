"""Facts about an installation in order: the fake, and AWS as the emulator answers."""

import ipaddress
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from moto import mock_aws

from gromit.adapters.aws.dynamodb_table import TableSetup
from gromit.adapters.aws.route53 import Route53Zone, Timing
from gromit.adapters.doctor.facts import AwsFacts
from gromit.core.dns.plan import RecordSet, ZoneChanges, owner_record
from gromit.core.doctor.installation import BucketFacts, ExpectedInstallation, RegistryFacts
from gromit.core.doctor.quotas import Quota, QuotaUsage
from gromit.core.stack.contract import Platform
from gromit.core.stack.secrets import SecretStatus
from gromit.errors import ConfigError
from tests.contracts.ecr_images import push
from tests.fakes.installation import ACCOUNT, EXPECTED, NOW, FakeInstallation
from tests.fakes.platform import PLATFORM

Facts = FakeInstallation | AwsFacts

SECRET = "gromit/environments/gateway-api"
PARTS = ("index", "index of lifetimes", "expiry", "recovery")
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def deny(**_: object) -> Any:
    """Answer instead of Service Quotas, of which the emulator knows only a part."""
    error = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
    return AWSResponse("", 403, HTTPHeaders(), None), error


class EmulatedInstallation:
    """An installation in the emulator, made with plain calls of AWS."""

    def __init__(self, session: boto3.Session) -> None:
        self.session = session
        session.events.register("before-call.service-quotas", deny)
        self._bucket()
        self._table()
        push(session.client("ecr"), "tyk", "master", "content")
        session.client("ec2").create_key_pair(KeyName="platform-team")
        session.client("secretsmanager").create_secret(Name=SECRET, SecretString="x")
        session.client("ssm").put_parameter(
            Name=EXPECTED.platform, Value=json.dumps(asdict(self._platform())), Type="String"
        )
        zone = session.client("route53").create_hosted_zone(
            Name="dev.example.com", CallerReference="1"
        )
        zone_id = zone["HostedZone"]["Id"].rsplit("/", 1)[-1]
        self.expected = replace(EXPECTED, zone_id=zone_id)

    def facts(self, expected: ExpectedInstallation) -> AwsFacts:
        """Facts that have looked nothing up yet."""
        return AwsFacts(lambda: self.session, expected, lambda: NOW)

    def _bucket(self) -> None:
        s3, bucket = self.session.client("s3"), EXPECTED.state_bucket
        s3.create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        rule: Any = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        blocks: Any = dict.fromkeys(BLOCKS, True)
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocks)

    def _table(self) -> None:
        table = TableSetup(self.session.client("dynamodb"), EXPECTED.table, lambda _: None)
        table.ensure()
        for part in set(PARTS) & set(table.missing()):
            table.add(part)

    def _platform(self) -> Platform:
        ec2, discovery = self.session.client("ec2"), self.session.client("servicediscovery")
        vpc = ec2.create_vpc(CidrBlock=PLATFORM.vpc_cidr)["Vpc"]["VpcId"]
        blocks = ipaddress.ip_network(PLATFORM.vpc_cidr).subnets(new_prefix=20)
        public, private = (
            ec2.create_subnet(VpcId=vpc, CidrBlock=str(next(blocks)))["Subnet"]["SubnetId"]
            for _ in range(2)
        )
        discovery.create_private_dns_namespace(Name="internal", Vpc=vpc)
        role = self.session.client("iam").create_role(
            RoleName="devenv-execution", AssumeRolePolicyDocument="{}"
        )
        files = self.session.client("efs").create_file_system(CreationToken="c", Encrypted=True)
        return replace(
            PLATFORM,
            vpc_id=vpc,
            public_subnets=(public,),
            private_subnets=(private,),
            namespace_id=discovery.list_namespaces()["Namespaces"][0]["Id"],
            file_system_id=files["FileSystemId"],
            execution_role_arn=role["Role"]["Arn"],
        )


@pytest.fixture(scope="module")
def emulated() -> Iterator[EmulatedInstallation]:
    """One installation for all tests here: none of them changes it for others."""
    with mock_aws():
        yield EmulatedInstallation(boto3.Session("test", "test", region_name="eu-central-1"))


@pytest.fixture(params=["fake", "aws"])
def facts(request: pytest.FixtureRequest, emulated: EmulatedInstallation) -> Facts:
    """Facts of either source."""
    return FakeInstallation() if request.param == "fake" else emulated.facts(emulated.expected)


@pytest.fixture
def zone_id(emulated: EmulatedInstallation) -> str:
    return emulated.expected.zone_id or ""


def test_the_caller_is_known(facts: Facts) -> None:
    assert (facts.identity().account, facts.region()) == (ACCOUNT, "eu-central-1")
    assert facts.identity().arn.startswith("arn:aws:")


def test_resources_are_in_order(facts: Facts) -> None:
    assert facts.has_key_pair("platform-team")
    assert facts.state_bucket() == BucketFacts(
        name="states", versioned=True, encrypted=True, closed=True
    )
    assert facts.registry("tyk", "master") == RegistryFacts(
        "tyk", exists=True, default_tag="master", has_default=True
    )
    assert facts.secrets([SECRET])[SECRET].status is SecretStatus.SET
    assert list(facts.table_lacks()) == []


def test_the_platform_has_no_problems(facts: Facts) -> None:
    assert (facts.platform().region, facts.platform().vpc_cidr) == ("eu-central-1", "10.91.0.0/16")
    assert [
        facts.vpc_problems(),
        facts.subnet_problems(),
        facts.namespace_problems(),
        facts.file_system_problems(),
        facts.role_problems(),
    ] == [{}] * 5


def test_the_zone_is_public(facts: Facts, zone_id: str) -> None:
    zone = facts.zone(zone_id)
    assert (zone.id, zone.name, zone.private) == (zone_id, "dev.example.com", False)
    assert zone.name_servers


def test_installations_are_counted_by_their_marks(emulated: EmulatedInstallation) -> None:
    session = boto3.Session("test", "test", region_name="eu-central-1")
    client, zone_id = session.client("route53"), emulated.expected.zone_id or ""
    records = [
        owner_record("one", "dev.example.com", "team-a"),
        owner_record("two", "dev.example.com", "team-a", ["tyk"]),
        owner_record("three", "dev.example.com"),
        RecordSet("_gromit.four.dev.example.com", "TXT", 60, frozenset({'"mine"'})),
    ]
    zone = Route53Zone(
        client, zone_id, "dev.example.com", Timing(lambda: 0.0, lambda _seconds: None)
    )
    zone.apply(ZoneChanges(creates=tuple((r, "") for r in records)), lambda _line: None)
    facts = AwsFacts(lambda: session, emulated.expected, lambda: NOW)
    assert facts.installations(zone_id, "dev.example.com") == {"team-a": 2, "": 1}


def test_every_subnet_has_its_addresses(facts: Facts) -> None:
    platform, found = facts.platform(), facts.subnet_addresses()
    assert found.keys() == {*platform.public_subnets, *platform.private_subnets}
    # The emulator keeps one address more than AWS.
    assert {(a.size, a.size - a.free) for a in found.values()} <= {(4091, 0), (4091, 1)}


def test_every_quota_has_a_usage(facts: Facts) -> None:
    assert facts.quota_usages().keys() == set(Quota)


def test_a_fact_that_several_checks_need_is_looked_up_once(emulated: EmulatedInstallation) -> None:
    calls: Counter[str] = Counter()
    session = boto3.Session("test", "test", region_name="eu-central-1")
    session.events.register("before-call", lambda model, **_: calls.update([model.name]))
    facts = AwsFacts(lambda: session, emulated.expected, lambda: NOW)
    for _ in range(2):
        facts.identity()
        facts.platform()
        facts.vpc_problems()
        facts.zone(emulated.expected.zone_id or "")
    assert calls == {
        "GetCallerIdentity": 1,
        "GetParameter": 1,
        "DescribeVpcs": 2,
        "GetHostedZone": 1,
    }


def test_a_registry_that_does_not_exist_has_no_default(emulated: EmulatedInstallation) -> None:
    facts = emulated.facts(emulated.expected)
    assert facts.registry("absent", "master") == RegistryFacts(
        "absent", exists=False, default_tag="master", has_default=False
    )
    assert not facts.registry("tyk", "absent").has_default


@pytest.mark.parametrize("claims", [["sub"], ["sub", "repository", "repository_owner_id"]])
def test_the_push_role_of_a_registry_without_a_default_is_looked_up(
    emulated: EmulatedInstallation, claims: list[str]
) -> None:
    issuer = "token.actions.githubusercontent.com"
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"},
            "Condition": {"StringLike": {f"{issuer}:{claim}": ["x"] for claim in claims}},
        },
    }
    repository = f"of-{len(claims)}-claims"
    emulated.session.client("iam").create_role(
        RoleName=f"gromit-push-{repository}", AssumeRolePolicyDocument=json.dumps(trust)
    )
    facts = emulated.facts(emulated.expected)
    found = facts.registry(repository, "master")
    assert (found.has_default, found.takes_ids) == (False, "repository_owner_id" in claims)


def test_quotas_are_counted_without_a_platform(emulated: EmulatedInstallation) -> None:
    facts = emulated.facts(replace(emulated.expected, platform="/absent", zone_id=None))
    with pytest.raises(ConfigError, match="there is no SSM parameter /absent"):
        facts.platform()
    usages = facts.quota_usages()
    assert usages[Quota.RECORDS] == QuotaUsage(None, None, "cluster.zoneid is not set")
    assert usages[Quota.CLUSTERS] == QuotaUsage(None, 0, "AccessDeniedException")
    assert (usages[Quota.INSTANCES].used, usages[Quota.ACCESS_POINTS].used) == (None, None)


def test_nothing_is_looked_up_before_it_is_needed() -> None:
    def no_region() -> boto3.Session:
        raise ConfigError("no AWS region is set", hint="set AWS_REGION")

    facts = AwsFacts(no_region, EXPECTED, lambda: NOW)
    with pytest.raises(ConfigError, match="no AWS region is set"):
        facts.identity()
