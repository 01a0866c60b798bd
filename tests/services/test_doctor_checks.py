"""Every check of an installation: in order, wrong, skipped and unreachable."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gromit.core.doctor.capacity import PlatformLoad, SubnetAddresses
from gromit.core.doctor.certificates import PemBundle
from gromit.core.doctor.findings import Check, Finding, FindingStatus
from gromit.core.doctor.installation import (
    BucketFacts,
    ExpectedInstallation,
    RegistryFacts,
    WorkspaceFacts,
)
from gromit.core.doctor.quotas import Quota, QuotaUsage
from gromit.core.doctor.rights import ControlPlanePart
from gromit.core.load import CpuUse, MemoryUse
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.secrets import MISSING_SECRET, NamedSecret, SecretOrigin
from gromit.errors import BackendError, ConfigError, ConfigRootUnusable, Denied, Temporary
from gromit.ports.installation import InstallationFacts
from gromit.services.doctor import Doctor, InstallationChecks
from tests.fakes.installation import EXPECTED, HEALTHY, NOW, ROOT, FakeInstallation
from tests.fakes.platform import EXEC_ROLE, PLATFORM

API = NamedSecret(name="api", made=SecretOrigin.RANDOM)
CATALOGUE = Catalogue(
    {
        "gateway": Component(
            name="gateway", repository="tyk", port=80, public=True, secrets={"API": "api"}
        ),
        "worker": Component(name="worker", repository="tyk"),
        "redis": Component(name="redis", image="redis:7"),
    },
    secrets={"api": API},
)

CA_KEY = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:gromit/ca-key-000000"
WORKSPACES = (Check.STATE_BASE, Check.STATE_INFRA, Check.STATE_OTHER)
PLATFORM_PARTS = {
    Check.PLATFORM_VPC: "vpc_problems",
    Check.PLATFORM_SUBNETS: "subnet_problems",
    Check.PLATFORM_NAMESPACE: "namespace_problems",
    Check.PLATFORM_FILES: "file_system_problems",
    Check.PLATFORM_ROLE: "role_problems",
}

FACTS: Mapping[Check, str] = {
    Check.IDENTITY: "identity",
    Check.REGION: "region",
    Check.KEY_PAIR: "has_key_pair",
    Check.STATE_BUCKET: "state_bucket",
    Check.STATE_BASE: "workspace",
    Check.STATE_INFRA: "workspace",
    Check.STATE_OTHER: "workspace",
    Check.REGISTRY: "registry",
    Check.SECRETS: "secrets",
    Check.TABLE: "table_lacks",
    Check.PLATFORM: "platform",
    **PLATFORM_PARTS,
    Check.PLATFORM_MONGO: "has_address",
    Check.ZONE: "zone",
    Check.DELEGATION: "name_servers",
    Check.NEIGHBOURS: "installations",
    Check.CERTIFICATE: "certificate",
    Check.SERVE: "serve_identity",
    Check.TERRAFORM: "terraform",
    Check.ROOT: "suspension",
    Check.RIGHTS: "simulate_role",
    Check.QUOTA: "quota_usages",
    Check.QUOTA_HIT: "quota_failures",
    Check.ADDRESSES: "subnet_addresses",
    Check.RATES: "environments",
    Check.SERVE_CPU: "platform_load",
    Check.MEMORY: "platform_load",
}
"""Fact of each check. The account needs that of `identity`, a suspension that of `root`."""


def found(
    facts: InstallationFacts,
    expected: ExpectedInstallation = EXPECTED,
    catalogue: Catalogue = CATALOGUE,
) -> dict[Check, list[Finding]]:
    """All findings of each check."""
    checks = InstallationChecks(facts, expected, catalogue, lambda: NOW + timedelta(days=1))
    findings: dict[Check, list[Finding]] = {}
    for finding in Doctor(checks.checks(), lambda _: None).run_checks():
        findings.setdefault(finding.check, []).append(finding)
    return findings


def states(findings: Mapping[Check, list[Finding]]) -> dict[Check, set[FindingStatus]]:
    return {check: {f.state for f in of} for check, of in findings.items()}


def not_ok(findings: Mapping[Check, list[Finding]]) -> set[Check]:
    return {check for check, of in states(findings).items() if of != {FindingStatus.OK}}


def wrong(findings: Mapping[Check, list[Finding]]) -> set[Check]:
    return {check for check, of in states(findings).items() if FindingStatus.WRONG in of}


def test_every_check_of_a_healthy_installation_is_ok() -> None:
    facts = FakeInstallation()
    findings = found(facts)
    assert list(findings) == list(Check)
    assert not_ok(findings) == set()
    assert set(facts.asked) == set(HEALTHY)


def test_each_check_names_its_subject() -> None:
    findings = found(FakeInstallation())
    subjects = {check: [f.subject for f in of] for check, of in findings.items() if of[0].subject}
    assert set(subjects.pop(Check.QUOTA)) == set(Quota) - {Quota.ACCESS_POINTS}
    assert subjects == {
        Check.KEY_PAIR: ["platform-team"],
        Check.STATE_BUCKET: ["states"],
        Check.STATE_BASE: ["base-prod"],
        Check.STATE_INFRA: ["infra-prod"],
        Check.STATE_OTHER: ["backup-prod", "delegation-prod"],
        Check.REGISTRY: ["tyk"],
        Check.TABLE: ["environments"],
        Check.PLATFORM: ["/gromit/platform"],
        Check.ZONE: ["Z1"],
        Check.DELEGATION: ["dev.example.com"],
        Check.NEIGHBOURS: ["dev.example.com"],
        Check.CERTIFICATE: ["ca", "serve", "client"],
        Check.SERVE: ["https://serve.internal"],
        Check.ROOT: [ROOT],
        Check.SUSPENSION: [ROOT],
        Check.RIGHTS: [p for p in ControlPlanePart if p is not ControlPlanePart.EXEC],
        Check.ADDRESSES: ["vpc.public_addresses", "vpc.private_addresses"],
        Check.RATES: ["ecs.definitions"],
        Check.SERVE_CPU: ["serve.cpu"],
        Check.MEMORY: ["sow.memory"],
    }


def test_each_check_runs_only_if_those_that_it_needs_are_ok() -> None:
    checks = InstallationChecks(FakeInstallation(), EXPECTED, CATALOGUE, lambda: NOW).checks()
    outside_aws = {Check.CERTIFICATE, Check.SERVE, Check.TERRAFORM, Check.ROOT, *WORKSPACES}
    of_serve = {Check.QUOTA_HIT, Check.RATES, Check.SERVE_CPU, Check.MEMORY}
    aws = set(Check) - outside_aws - of_serve - {Check.IDENTITY, Check.SUSPENSION}
    further = {
        **{check: {Check.PLATFORM} for check in PLATFORM_PARTS},
        Check.PLATFORM_MONGO: {Check.PLATFORM},
        Check.PLATFORM_EXEC: {Check.PLATFORM},
        Check.DELEGATION: {Check.ZONE},
        Check.NEIGHBOURS: {Check.ZONE},
        Check.RIGHTS: {Check.PLATFORM, Check.ZONE},
        Check.ADDRESSES: {Check.PLATFORM},
    }
    assert {c.check: set(c.needs) for c in checks if c.needs} == {
        **{check: {Check.IDENTITY} | further.get(check, set()) for check in aws},
        Check.SUSPENSION: {Check.ROOT},
        **{check: {Check.SERVE} for check in of_serve},
    }
    assert {c.check for c in checks if c.optional} == OPTIONAL


OPTIONAL = {
    Check.NEIGHBOURS,
    Check.RIGHTS,
    Check.QUOTA,
    Check.QUOTA_HIT,
    Check.ADDRESSES,
    Check.SERVE_CPU,
    Check.MEMORY,
}
"""Checks that are skipped if a backend does not answer."""
WRONG: list[tuple[Check, dict[str, Any]]] = [
    (Check.KEY_PAIR, {"has_key_pair": False}),
    (
        Check.STATE_BUCKET,
        {"state_bucket": BucketFacts(name="states", versioned=False, encrypted=True, closed=True)},
    ),
    (
        Check.REGISTRY,
        {"registry": RegistryFacts("tyk", exists=True, default_tag="master", has_default=False)},
    ),
    (Check.SECRETS, {"secrets": {API.path: MISSING_SECRET}}),
    (Check.TABLE, {"table_lacks": ("index",)}),
    (Check.PLATFORM, {"platform": replace(PLATFORM, region="us-east-1")}),
    *((check, {fact: {"id-1": "does not exist"}}) for check, fact in PLATFORM_PARTS.items()),
    (Check.PLATFORM_MONGO, {"has_address": False}),
    (Check.ZONE, {"zone": replace(HEALTHY["zone"], private=True)}),
    (Check.ZONE, {"domain": "elsewhere.example"}),
    (Check.ZONE, {"domain": ConfigError("cluster.domain is not set", hint="set it")}),
    (Check.DELEGATION, {"name_servers": frozenset()}),
    (Check.NEIGHBOURS, {"installations": {"team-b": 1}}),
    (
        Check.CERTIFICATE,
        {"certificate": HEALTHY["certificate"] | {"client": PemBundle("client", "nonsense")}},
    ),
    (Check.SUSPENSION, {"suspension": "suspended by alice: maintenance"}),
    (Check.RIGHTS, {"simulate_role": {("secretsmanager:GetSecretValue", CA_KEY): True}}),
    (Check.QUOTA, {"quota_usages": HEALTHY["quota_usages"] | {Quota.VCPU: QuotaUsage(10, 9)}}),
    (Check.QUOTA_HIT, {"quota_failures": {"app": ("fargate.vcpu", "ask for more")}}),
    (
        Check.ADDRESSES,
        {"subnet_addresses": dict.fromkeys(PLATFORM.private_subnets, SubnetAddresses(20, 251))},
    ),
    (Check.RATES, {"environments": 3000}),
    (
        Check.SERVE_CPU,
        {"platform_load": PlatformLoad(CpuUse(41, 50), {"sow": MemoryUse(900, 4096)})},
    ),
    (Check.MEMORY, {"platform_load": PlatformLoad(None, {"reap": MemoryUse(4100, 4096)})}),
]


@pytest.mark.parametrize(("check", "facts"), WRONG)
def test_a_wrong_fact_is_a_finding_of_its_check_only(check: Check, facts: dict[str, Any]) -> None:
    assert wrong(found(FakeInstallation(**facts))) == {check}


@pytest.mark.parametrize(
    ("check", "root"),
    [
        (Check.STATE_BASE, "terraform/base"),
        (Check.STATE_INFRA, "terraform/infra"),
        (Check.STATE_OTHER, "its root"),
    ],
)
def test_a_workspace_that_runs_remotely_is_wrong(check: Check, root: str) -> None:
    facts = FakeInstallation(workspace=WorkspaceFacts("", "remote", is_applied=True))
    findings = found(facts)
    assert wrong(findings) == set(WORKSPACES)
    assert root in findings[check][0].remedy


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (Check.ACCOUNT, {"account": "210987654321"}),
        (Check.REGION, {"region": "us-east-1"}),
        (Check.RIGHTS, {"roles": ("cook=other",)}),
    ],
)
def test_a_value_that_differs_from_the_settings_is_wrong(
    check: Check, expected: dict[str, Any]
) -> None:
    assert wrong(found(FakeInstallation(), replace(EXPECTED, **expected))) == {check}


@pytest.mark.parametrize(
    ("check", "expected", "observed"),
    [
        (
            Check.ACCOUNT,
            {"account": None},
            "doctor.account is not set; the account is 123456789012",
        ),
        (Check.REGION, {"region": None}, "doctor.region is not set; the region is eu-central-1"),
        (Check.KEY_PAIR, {"key_pair": None}, "doctor.key_pair is not set"),
        (Check.STATE_BASE, {"base": None}, "not set: GROMIT_BASE"),
        (Check.STATE_INFRA, {"infra": None}, "not set: GROMIT_INFRA"),
        (Check.STATE_OTHER, {"workspaces": ()}, "not set: GROMIT_DOCTOR_WORKSPACES"),
        (Check.STATE_BASE, {"organization": ""}, "not set: TF_CLOUD_ORGANIZATION"),
        (
            Check.STATE_INFRA,
            {"infra": None, "organization": "", "has_cloud_token": False},
            "not set: GROMIT_INFRA, TF_CLOUD_ORGANIZATION, TF_API_TOKEN",
        ),
        (Check.ZONE, {"zone_id": None}, "cluster.zoneid is not set"),
        (Check.DELEGATION, {"zone_id": None}, "cluster.zoneid is not set"),
        (Check.NEIGHBOURS, {"zone_id": None}, "cluster.zoneid is not set"),
        (Check.SERVE, {"serve_url": None}, "serve.url is not set"),
    ],
)
def test_a_check_without_its_setting_is_skipped_and_nothing_is_looked_up(
    check: Check, expected: dict[str, Any], observed: str
) -> None:
    facts = FakeInstallation()
    (finding,) = found(facts, replace(EXPECTED, **expected))[check]
    assert (finding.state, finding.observed) == (FindingStatus.SKIPPED, observed)
    if check is Check.KEY_PAIR:
        assert "has_key_pair" not in facts.asked


@pytest.mark.parametrize(
    ("subject", "setting"), [("ca", "ca"), ("serve", "serve.cert"), ("client", "client.cert")]
)
def test_a_certificate_that_is_not_set_is_skipped(subject: str, setting: str) -> None:
    others = {name: pem for name, pem in HEALTHY["certificate"].items() if name != subject}
    findings = found(FakeInstallation(certificate=others))[Check.CERTIFICATE]
    assert [(f.subject, f.observed) for f in findings if f.state is FindingStatus.SKIPPED] == [
        (subject, f"{setting} is not set")
    ]


def test_a_config_root_on_another_machine_is_skipped() -> None:
    facts = FakeInstallation(has_config_root=False)
    findings = found(facts)
    assert states(findings)[Check.ROOT] == {FindingStatus.SKIPPED}
    assert findings[Check.SUSPENSION][0].observed == "depends on checks that are not ok: root"
    assert "suspension" not in facts.asked


def test_a_machine_without_terraform_is_skipped() -> None:
    missing = ConfigError("no usable terraform found", hint="install terraform")
    (finding,) = found(FakeInstallation(terraform=missing))[Check.TERRAFORM]
    assert finding.state is FindingStatus.SKIPPED
    assert "no usable terraform found" in finding.observed


def test_a_control_plane_that_is_not_installed_is_skipped() -> None:
    findings = found(FakeInstallation(simulate_role=None))
    assert states(findings)[Check.RIGHTS] == {FindingStatus.SKIPPED}


UNREACHABLE = Temporary("no answer", hint="try again later")


@pytest.mark.parametrize(("check", "fact"), FACTS.items())
def test_a_fact_that_cannot_be_looked_up_hides_no_other_finding(check: Check, fact: str) -> None:
    findings = found(FakeInstallation(**{fact: UNREACHABLE}))
    assert list(findings) == list(Check)
    first = findings[check][0]
    if check is Check.RATES:
        assert (first.state, first.remedy) == (FindingStatus.SKIPPED, "")
    elif check in OPTIONAL:
        assert (first.state, first.observed) == (FindingStatus.SKIPPED, "no answer")
    else:
        assert (first.state, first.observed, first.remedy) == (
            FindingStatus.WRONG,
            "no answer",
            "try again later",
        )


def test_a_root_without_a_marker_is_wrong() -> None:
    error = ConfigRootUnusable("no marker", hint="run `gromit root init`")
    findings = found(FakeInstallation(suspension=error))
    assert wrong(findings) == {Check.ROOT}
    assert states(findings)[Check.SUSPENSION] == {FindingStatus.SKIPPED}


def test_without_an_identity_aws_is_asked_for_nothing_else() -> None:
    facts = FakeInstallation(identity=Denied("no credentials", hint="set some"))
    findings = found(facts)
    assert wrong(findings) == {Check.IDENTITY}
    assert set(facts.asked) == {
        "identity",
        "workspace",
        "certificate",
        "serve_identity",
        "terraform",
        "has_config_root",
        "suspension",
        "quota_failures",
        "environments",
        "platform_load",
    }


def test_a_platform_without_mongo_is_wrong_only_for_templates_that_need_one() -> None:
    pump = Component(
        name="pump",
        image="pump:1",
        config_path="/conf",
        templates={"pump.conf": "mongodb://{{ platform.mongo }}/x"},
    )
    bare = FakeInstallation(platform=replace(PLATFORM, mongo=""))
    findings = found(bare)
    assert findings[Check.PLATFORM][0].state is FindingStatus.OK
    assert findings[Check.PLATFORM_MONGO][0].state is FindingStatus.SKIPPED
    (finding,) = found(bare, catalogue=Catalogue({"pump": pump}))[Check.PLATFORM]
    assert (finding.state, finding.subject) == (FindingStatus.WRONG, "/gromit/platform")
    assert "which pump cannot do without" in finding.observed


def test_a_catalogue_with_exec_is_compared_with_the_platform() -> None:
    catalogue = Catalogue({"tyk": Component(name="tyk", image="tyk:1", exec=True)})
    platform = replace(PLATFORM, exec_role_arn=EXEC_ROLE, exec_components=("tyk",))
    findings = found(FakeInstallation(platform=platform), catalogue=catalogue)
    assert findings[Check.PLATFORM_EXEC][0].state is FindingStatus.OK
    assert "devenv-exec" in {f.subject for f in findings[Check.RIGHTS]}
    findings = found(FakeInstallation(), catalogue=catalogue)
    assert wrong(findings) == {Check.PLATFORM_EXEC}
    assert "devenv-exec" not in {f.subject for f in findings[Check.RIGHTS]}


def test_a_region_of_the_platform_is_compared_with_the_one_in_use() -> None:
    findings = found(FakeInstallation(region="eu-west-1"), replace(EXPECTED, region="eu-west-1"))
    assert wrong(findings) == {Check.PLATFORM}
    assert {findings[check][0].observed for check in PLATFORM_PARTS} == {
        "depends on checks that are not ok: platform"
    }


def test_a_role_of_its_own_name_is_simulated() -> None:
    facts = FakeInstallation()
    findings = found(facts, replace(EXPECTED, roles=("sow=my-sower",)))
    observed = {f.subject: f.observed for f in findings[Check.RIGHTS]}
    assert observed["sow"].startswith("my-sower: all ")
    assert observed["reap"].startswith("gromit-reap: all ")
    assert observed["environments"].startswith(f"{PLATFORM.execution_role_arn}: all ")


@pytest.mark.parametrize(
    ("environments", "room"),
    [
        (3, "enough for 5 environments"),
        (BackendError("serve is down"), "enough for 4 environments"),
    ],
)
def test_clusters_count_as_environments_if_serve_does_not_answer(
    environments: object, room: str
) -> None:
    usages = dict.fromkeys(Quota, QuotaUsage(None, None)) | {
        Quota.CLUSTERS: QuotaUsage(100, 2),
        Quota.VCPU: QuotaUsage(2, 0.5),
    }
    facts = FakeInstallation(quota_usages=usages, environments=environments)
    assert room in found(facts)[Check.QUOTA][0].observed


def test_certificates_are_judged_at_the_given_time() -> None:
    later = InstallationChecks(
        FakeInstallation(), EXPECTED, CATALOGUE, lambda: NOW + timedelta(days=31)
    )
    findings = Doctor(later.checks(), lambda _: None).run_checks()
    ended = {f.subject for f in findings if f.state is FindingStatus.WRONG}
    assert ended == {"serve", "client"}
