"""Findings and their summary."""

from dataclasses import replace

import pytest

from gromit.core.doctor.findings import (
    Check,
    Finding,
    FindingStatus,
    Health,
    judge_account,
    judge_bucket,
    judge_delegation,
    judge_ids,
    judge_key_pair,
    judge_platform,
    judge_region,
    judge_registry,
    judge_serve_identity,
    judge_table,
    judge_zone,
    ok,
    overall_health,
    sentence,
    skipped,
    warning,
    wrong,
)
from gromit.core.doctor.installation import (
    AwsIdentity,
    BucketFacts,
    RegistryFacts,
    ServeIdentity,
    ZoneFacts,
)
from tests.fakes.platform import PLATFORM

BUCKET = BucketFacts(name="states", versioned=True, encrypted=True, closed=True)
SERVERS = frozenset({"ns-1.awsdns-1.com", "ns-2.awsdns-2.net"})
ZONE = ZoneFacts("Z1", "dev.example.com", SERVERS, private=False)
ME = AwsIdentity("123456789012", "arn:aws:iam::123456789012:user/me")

OK, WRONG, SKIPPED = ok(Check.TABLE, "x"), wrong(Check.TABLE, "x", "y"), skipped(Check.TABLE, "x")


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([], Health.HEALTHY),
        ([OK], Health.HEALTHY),
        ([OK, SKIPPED], Health.HEALTHY),
        ([SKIPPED], Health.HEALTHY),
        ([OK, WRONG], Health.DEGRADED),
        ([WRONG], Health.BROKEN),
        ([WRONG, SKIPPED], Health.BROKEN),
    ],
)
def test_health(findings: list[Finding], expected: Health) -> None:
    assert overall_health(findings) is expected


def test_only_what_is_wrong_or_close_to_a_limit_has_a_remedy() -> None:
    close = warning(Check.RATES, "nearly full", "ask for more")
    states = (OK, close, WRONG, SKIPPED)
    assert [bool(f.remedy) for f in states] == [False, True, True, False]
    assert [f.state for f in states] == list(FindingStatus)


def test_a_page_becomes_a_sentence() -> None:
    assert sentence("<html>\n  <h1>no\n") == "<html> <h1>no"
    assert len(sentence("word " * 1000)) == 300


def is_ok(finding: Finding) -> bool:
    assert finding.observed
    assert (finding.state is FindingStatus.WRONG) is bool(finding.remedy)
    return finding.state is FindingStatus.OK


@pytest.mark.parametrize(
    ("expected", "state"),
    [
        (None, FindingStatus.SKIPPED),
        ("123456789012", FindingStatus.OK),
        ("210987654321", FindingStatus.WRONG),
    ],
)
def test_the_account(expected: str | None, state: FindingStatus) -> None:
    found = judge_account(ME, expected)
    assert (found.state, "123456789012" in found.observed) == (state, True)


@pytest.mark.parametrize(
    ("expected", "state"),
    [
        (None, FindingStatus.SKIPPED),
        ("eu-west-1", FindingStatus.OK),
        ("us-east-1", FindingStatus.WRONG),
    ],
)
def test_the_region(expected: str | None, state: FindingStatus) -> None:
    assert judge_region("eu-west-1", expected).state is state


@pytest.mark.parametrize("exists", [True, False])
def test_the_key_pair(exists: bool) -> None:
    found = judge_key_pair("platform-team", exists=exists)
    assert is_ok(found) is exists
    assert (found.check, found.subject) == (Check.KEY_PAIR, "platform-team")


@pytest.mark.parametrize(
    ("bucket", "lacks"),
    [
        (BUCKET, ""),
        (replace(BUCKET, versioned=False), "lacks versioning"),
        (
            replace(BUCKET, encrypted=False, closed=False),
            "lacks encryption, the block of public access",
        ),
    ],
)
def test_the_bucket_of_states(bucket: BucketFacts, lacks: str) -> None:
    found = judge_bucket(bucket)
    assert is_ok(found) is not bool(lacks)
    assert lacks in found.observed


@pytest.mark.parametrize(
    ("exists", "has_default", "observed"),
    [
        (True, True, "has master"),
        (True, False, "no image tyk:master"),
        (False, False, "no registry"),
    ],
)
def test_a_registry(exists: bool, has_default: bool, observed: str) -> None:
    found = judge_registry(RegistryFacts("tyk", exists, "master", has_default))
    assert is_ok(found) is has_default
    assert (found.subject, observed in found.observed) == ("tyk", True)


@pytest.mark.parametrize("takes_ids", [True, False])
def test_a_registry_that_new_repositories_cannot_push_to(takes_ids: bool) -> None:
    registry = RegistryFacts("tyk", exists=True, default_tag="master", has_default=False)
    found = judge_registry(replace(registry, takes_ids=takes_ids))
    assert ("set organization_id in terraform/base" in found.remedy) is not takes_ids


@pytest.mark.parametrize(
    ("lacks", "remedy"),
    [([], ""), (["table"], "terraform/infra"), (["index", "expiry"], "gromit migrate --apply")],
)
def test_the_table(lacks: list[str], remedy: str) -> None:
    found = judge_table("environments", lacks)
    assert is_ok(found) is not bool(lacks)
    assert remedy in found.remedy


def test_ids_that_do_not_exist_are_named() -> None:
    assert judge_ids(Check.PLATFORM_VPC, ["vpc-1"], {}).observed == "vpc-1 exists"
    assert judge_ids(Check.PLATFORM_SUBNETS, ["a", "b"], {}).observed == "all 2 exist"
    found = judge_ids(
        Check.PLATFORM_SUBNETS,
        ["a", "b"],
        {"a": "does not exist", "b": "is in vpc-2, not in vpc-1"},
    )
    assert not is_ok(found)
    assert found.observed == "a does not exist; b is in vpc-2, not in vpc-1"


def test_a_platform_of_another_region_is_wrong() -> None:
    assert is_ok(judge_platform(PLATFORM, "/p", PLATFORM.region))
    assert (
        "names eu-central-1, but is stored in eu-west-1"
        in judge_platform(PLATFORM, "/p", "eu-west-1").observed
    )


def test_a_platform_without_mongo_is_wrong_if_config_templates_need_one() -> None:
    bare = replace(PLATFORM, mongo="")
    assert is_ok(judge_platform(bare, "/p", PLATFORM.region))
    assert is_ok(judge_platform(PLATFORM, "/p", PLATFORM.region, ["tyk-pump"]))
    found = judge_platform(bare, "/p", PLATFORM.region, ["tyk-pump", "tyk-analytics"])
    assert "names no Mongo server, which tyk-analytics, tyk-pump cannot do without" in str(found)
    assert "`mongo_server`" in str(found.remedy)


@pytest.mark.parametrize(
    ("zone", "domain", "observed"),
    [
        (ZONE, "dev.example.com", ""),
        (ZONE, "branches.dev.example.com", ""),
        (ZONE, "example.com", "the zone is dev.example.com, not example.com"),
        (ZONE, "xdev.example.com", "the zone is dev.example.com"),
        (replace(ZONE, private=True), "dev.example.com", "is private"),
    ],
)
def test_the_zone(zone: ZoneFacts, domain: str, observed: str) -> None:
    found = judge_zone(zone, domain)
    assert is_ok(found) is not bool(observed)
    assert observed in found.observed


@pytest.mark.parametrize(
    ("answered", "observed"),
    [
        (SERVERS, "DNS returns the zone's 2 name servers"),
        ({"NS-1.awsdns-1.com.", "ns-2.AWSDNS-2.net"}, "DNS returns the zone's 2 name servers"),
        (set(), "not delegated"),
        ({"ns-1.awsdns-1.com"}, "DNS lacks ns-2.awsdns-2.net"),
        (SERVERS | {"ns.old.example"}, "DNS returns ns.old.example"),
    ],
)
def test_the_delegation(answered: set[str], observed: str) -> None:
    found = judge_delegation(ZONE, answered)
    assert is_ok(found) is observed.startswith("DNS returns the zone")
    assert observed in found.observed
    assert all(server in found.remedy for server in SERVERS) or is_ok(found)


def test_serve_identifies_the_caller() -> None:
    found = judge_serve_identity(ServeIdentity("https://serve.internal", "alice", "operator"))
    assert (found.subject, found.observed) == (
        "https://serve.internal",
        "answers; the caller is alice, operator",
    )
