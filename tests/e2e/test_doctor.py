"""`gromit doctor aws` on the emulated AWS: a healthy installation, and one full of faults."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gromit.core.doctor.findings import Check
from gromit.local.cloud import network
from gromit.local.cloud.parts import emulated_account
from tests.e2e.ground import CATALOGUE
from tests.e2e.stage import Ran, Stage
from tests.fakes.terraform_cloud import ORGANIZATION, terraform_cloud

SECRETS = ("gromit/environments/e2e-common-key", "gromit/environments/e2e-paper")
TOKEN = "canary-of-the-cloud-token"

Findings = dict[str, dict[str, dict[str, Any]]]


def findings(ran: Ran) -> Findings:
    """Return findings by check and subject."""
    found: Findings = {}
    for line in ran.json:
        assert line["seen"]
        assert (line["state"] == "wrong") is bool(line["remedy"]), line
        found.setdefault(line["check"], {})[line["subject"]] = line
    return found


def states(found: Findings) -> dict[str, set[str]]:
    return {check: {line["state"] for line in lines.values()} for check, lines in found.items()}


def events(ran: Ran) -> list[dict[str, Any]]:
    """Return all lines of the log; anything else on standard error fails."""
    return [json.loads(line) for line in ran.err.splitlines()]


@pytest.fixture
def secrets(stage: Stage) -> Iterator[str]:
    """A catalogue with two secrets, which have values."""
    client = stage.client("secretsmanager")
    for name in SECRETS:
        client.create_secret(Name=name, SecretString="x")
    yield str(CATALOGUE.with_name("secrets.yaml"))
    for name in SECRETS:
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)


def test_a_healthy_installation_has_nothing_wrong(stage: Stage, secrets: str) -> None:
    emulated_account(stage.facts).client("ec2").create_key_pair(KeyName=stage.name)
    with terraform_cloud(TOKEN, base_prod=3, infra_prod=5, backup_prod=7) as cloud:
        overrides: Any = {
            "GROMIT_CATALOGUE": secrets,
            "GROMIT_BASE": "base-prod",
            "GROMIT_INFRA": "infra-prod",
            "GROMIT_DOCTOR_WORKSPACES": "backup-prod",
            "TF_CLOUD_ORGANIZATION": ORGANIZATION,
            "TF_API_TOKEN": TOKEN,
            "GROMIT_DOCTOR_TERRAFORM_CLOUD": cloud.url,
            "GROMIT_DOCTOR_KEY_PAIR": stage.name,
            "GROMIT_DOCTOR_REPORT": "true",
            # What serve computes here is the tests' doing.
            "GROMIT_DOCTOR_QUOTA_PERCENT": "100",
            "GROMIT_DOCTOR_WARN_PERCENT": "100",
        }
        server = {name: stage.server[name] for name in ("GROMIT_SERVE_CERT", "GROMIT_SERVE_KEY")}
        ran = stage.gromit("doctor", "aws", "-o", "json", **(overrides | server))
        assert len(cloud.asked) == 3
    found = findings(ran)
    # The emulator has no policy simulation and few quotas: these checks are skipped with a reason.
    skipped = {str(Check.RIGHTS), str(Check.QUOTA)}
    # What gromit's processes use depends on what they have done so far.
    measured = {str(Check.SERVE_CPU), str(Check.MEMORY)}
    judged = set(map(str, Check)) - skipped - measured
    assert {check: states(found)[check] for check in judged} == {check: {"ok"} for check in judged}
    assert [states(found)[check] for check in skipped] == [{"skipped"}] * 2
    assert "the response is not from AWS" in found["rights"][""]["seen"]
    assert found["registry"].keys() == {"alpha", "beta"}
    assert found["certificate"].keys() == {"ca", "serve", "client"}
    assert found["state.infra"]["infra-prod"]["seen"] == "applied, with 5 resources"
    assert next(iter(found["quota"].values()))["seen"].startswith(
        "tightest quota: Fargate On-Demand vCPU: enough for "
    )
    assert TOKEN not in ran.out + ran.err
    assert {line["event"] for line in events(ran)} == {"doctor.looking", "doctor.checked"}
    (report,) = stage.api.get("/v1/platform")["doctors"]
    assert (report["checked"], report["wrong"]) == (len(ran.json), 0)
    assert {line["check"] for line in report["lines"]} == {"certificate"}


def test_everything_wrong_is_a_finding_with_a_remedy(stage: Stage) -> None:
    stage.gromit("suspend", stage.root, "--reason", "a test of the doctor")
    try:
        silent = f"127.0.0.1:{network.free_port()}"
        ran = stage.gromit(
            "doctor",
            "aws",
            "-o",
            "json",
            code=4,
            GROMIT_DOCTOR_ACCOUNT="210987654321",
            GROMIT_DOCTOR_REGION="us-east-1",
            GROMIT_DOCTOR_KEY_PAIR="absent",
            GROMIT_DOCTOR_RESOLVER=silent,
            GROMIT_DOCTOR_ROLES="sow=absent",
            GROMIT_STATE_BUCKET="absent",
            GROMIT_TABLENAME="absent",
            GROMIT_CLUSTER_PLATFORM="/absent",
            GROMIT_SERVE_URL=f"https://{silent}",
            GROMIT_CLIENT_KEY=stage.server["GROMIT_SERVE_KEY"],
            GROMIT_CATALOGUE="",
            GROMIT_BASE="base-prod",
            TF_CLOUD_ORGANIZATION=ORGANIZATION,
            TF_API_TOKEN=TOKEN,
            GROMIT_DOCTOR_TERRAFORM_CLOUD=f"http://{silent}",
        )
    finally:
        stage.gromit("resume", stage.root)
    found = findings(ran)
    wrong = {check for check, state in states(found).items() if "wrong" in state}
    assert wrong == {
        "account", "region", "key_pair", "zone.delegation", "state.bucket", "state.base",
        "registry", "secrets", "table", "platform", "serve", "certificate", "suspension",
    }  # fmt: skip
    assert found["certificate"]["client"]["state"] == "wrong"
    assert found["platform.vpc"][""]["seen"] == "depends on checks that are not ok: platform"
    assert "a test of the doctor" in found["suspension"][stage.root]["seen"]
    licence = found["secrets"]["dashboard-licence"]
    assert "secret gromit/environments/dashboard-licence does not exist" in licence["seen"]
    assert "tyk-analytics (TYK_DB_LICENSEKEY)" in licence["seen"]
    assert "gromit secrets make" in licence["remedy"]
    assert found["registry"]["tyk"]["seen"] == "there is no registry of this name"
    logged = [
        (line["check"], line["subject"])
        for line in events(ran)
        if line["event"] == "doctor.finding"
    ]
    assert logged == [
        (line["check"], line["subject"]) for line in ran.json if line["state"] == "wrong"
    ]
    assert TOKEN not in ran.out + ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        pytest.param(
            {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""},
            "no AWS region is set",
            marks=pytest.mark.long,
        ),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate credentials"),
        pytest.param(
            {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
            "could not get the identity of the AWS credentials",
            marks=pytest.mark.long,
        ),
    ],
)
def test_without_an_identity_the_checks_outside_aws_still_run(
    stage: Stage, change: dict[str, str], seen: str
) -> None:
    found = findings(
        stage.gromit("doctor", "aws", "-o", "json", code=4, HOME="/nonexistent", **change)
    )
    assert seen in found["identity"][""]["seen"]
    assert {check for check, state in states(found).items() if "wrong" in state} == {"identity"}
    assert found["table"][stage.name]["seen"] == "depends on checks that are not ok: identity"
    assert states(found)["serve"] == {"ok"}


def test_a_bare_shell_gets_a_table_of_the_settings_that_are_not_set(tmp_path: Path) -> None:
    bare = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
        "GROMIT_ROOT": str(tmp_path / "no"),
    }
    command = [sys.executable, "-m", "gromit", "doctor", "aws"]
    done = subprocess.run(
        command, env=bare, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1, done.stderr
    head, *lines = [line.split() for line in done.stdout.splitlines()]
    assert head == ["CHECK", "SUBJECT", "STATE", "SEEN", "REMEDY"]
    assert [line[0] for line in lines if "wrong" in line[:3]] == ["identity"]
    assert {line[0] for line in lines} == set(Check)
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_a_role_of_an_unknown_part_is_reported(install: Callable[..., Stage]) -> None:
    found = findings(
        install().gromit(
            "doctor",
            "aws",
            "-o",
            "json",
            code=4,
            GROMIT_DOCTOR_ROLES="cook=absent",
            GROMIT_SERVE_URL="",
        )
    )
    assert found["rights"][""]["seen"] == "doctor.roles names cook"
    assert found["serve"][""]["seen"] == "serve.url is not set"
