"""The policy over plans: the stack of an environment follows it, and each rule finds a violation.

The plans are real, made by terraform and the embedded provider. Neither calls AWS to plan new
resources. Each plan is made once: tests that share one run in one process.
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gromit.adapters.terraform.session import DEVENV
from tests.stacks.hcl import REPOSITORY
from tests.stacks.plan import parse
from tests.stacks.plan_secrecy import BY_ITSELF, ENCRYPTED
from tests.stacks.plans import RULES, findings, main
from tests.stacks.schema import SCHEMA
from tests.stacks.terraform import Terraform, copied

BAD = Path(__file__).with_name("bad")
OFFLINE = """
terraform {
  backend "local" {}
}
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_get_ec2_platforms      = true
}
"""
INPUT = {
    "name": "app-test",
    "platform": {
        "vpc_id": "vpc-0a1b",
        "vpc_cidr": "10.91.0.0/16",
        "public_subnets": ["subnet-0a1b"],
        "private_subnets": ["subnet-0c2d"],
        "namespace_id": "ns-0a1b",
        "file_system_id": "fs-0a1b",
        "execution_role_arn": "arn:aws:iam::123456789012:role/execution",
        "registry": "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        "region": "eu-central-1",
    },
    "components": {
        "tyk": {"image": "tyk:1", "port": 8181, "public": True, "config_path": "/conf"},
        "redis": {"image": "redis:7", "port": 6379},
    },
}
Document = dict[str, Any]


def planned(folder: Path, mirror: Path, variables: Mapping[str, Any]) -> Document:
    (folder / "offline_override.tf").write_text(OFFLINE if folder.name == DEVENV.name else "")
    (folder / "test.auto.tfvars.json").write_text(json.dumps(variables))
    terraform = Terraform(folder, mirror)
    terraform.does("init", "-input=false", "-no-color")
    terraform.does("plan", "-input=false", "-no-color", "-out=plan")
    document = json.loads(terraform.does("show", "-json", "plan"))
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def devenv(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Document:
    folder = copied(tmp_path_factory.mktemp("devenv")) / DEVENV.relative_to(REPOSITORY)
    return planned(folder, mirror, INPUT)


@pytest.fixture(scope="module")
def bad(mirror: Path, tmp_path_factory: pytest.TempPathFactory) -> Document:
    folder = tmp_path_factory.mktemp("bad")
    shutil.copytree(BAD, folder, dirs_exist_ok=True)
    (folder / "providers.tf").write_text(OFFLINE)
    return planned(folder, mirror, {})


@pytest.mark.terraform
@pytest.mark.xdist_group("plans")
def test_the_stack_of_an_environment_keeps_the_policy(devenv: Document) -> None:
    assert findings(devenv) == []


@pytest.mark.terraform
@pytest.mark.xdist_group("plans")
def test_what_is_public_is_so_by_the_input_alone(devenv: Document) -> None:
    private = {**INPUT["components"]["tyk"], "public": False}  # type: ignore[index]
    components = {**INPUT["components"], "tyk": private}  # type: ignore[dict-item]
    document = {**devenv, "variables": {**devenv["variables"], "components": {"value": components}}}
    where = 'module.component["tyk"]'
    assert findings(document) == [
        (
            f'ways_in_are_closed: {where}.aws_security_group_rule.ingress["port"] '
            "lets 0.0.0.0/0 in to port 8181-8181"
        ),
        f"public_addresses_are_asked_for: {where}.aws_ecs_service.this gets a public address",
    ]


@pytest.mark.terraform
@pytest.mark.xdist_group("plans")
def test_all_that_is_bad_is_found_and_nothing_else(bad: Document) -> None:
    plan = parse(bad)
    wanted = {r.address for r in plan.resources if r.name.startswith("bad")} | {
        name for name in plan.outputs if "bad" in name
    }
    assert {
        finding.split(": ")[1].removeprefix("output ").split(" ")[0] for finding in findings(bad)
    } == wanted


@pytest.mark.terraform
@pytest.mark.xdist_group("plans")
@pytest.mark.parametrize("rule", RULES)
def test_no_rule_over_plans_is_blind(bad: Document, rule: str) -> None:
    assert list(RULES[rule](parse(bad)))


def test_every_type_that_could_be_encrypted_is_known() -> None:
    could = {
        name
        for name, arguments in SCHEMA["resources"].items()
        if re.search(r"encrypt|kms|\bsse", json.dumps(arguments))
    }
    assert (
        could - {"aws_kms_key", "aws_s3_bucket_server_side_encryption_configuration"}
        <= ENCRYPTED.keys() | BY_ITSELF.keys()
    )
    assert not ENCRYPTED.keys() & BY_ITSELF.keys()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"format_version": "1.0", "values": {}}, "this is not a plan"),
        ({"planned_values": {}, "configuration": {}}, "holds no resource"),
    ],
)
def test_what_would_keep_every_rule_because_it_is_empty_is_refused(
    document: Document, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        findings(document)


def test_a_rule_of_the_newer_kind_is_checked_too() -> None:
    """The plan is written out here, because provider 3.39 has no such resource."""
    values = {"cidr_ipv4": "0.0.0.0/0", "from_port": 27017, "to_port": 27017, "ip_protocol": "tcp"}
    rule = {
        "address": "aws_vpc_security_group_ingress_rule.mongo",
        "mode": "managed",
        "values": values,
    }
    resource = {**rule, "type": "aws_vpc_security_group_ingress_rule", "name": "mongo"}
    document = {"planned_values": {"root_module": {"resources": [resource]}}, "configuration": {}}
    assert findings(document) == [
        f"ways_in_are_closed: {rule['address']} lets 0.0.0.0/0 in to port 27017-27017"
    ]


def test_what_is_known_only_after_the_apply_is_no_finding() -> None:
    """Terraform leaves out even the empty object of values if no value is known."""
    resource = {
        "address": "aws_sns_topic_policy.x",
        "mode": "managed",
        "type": "aws_sns_topic_policy",
        "name": "x",
    }
    assert (
        findings(
            {"planned_values": {"root_module": {"resources": [resource]}}, "configuration": {}}
        )
        == []
    )


def test_the_program_prints_the_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group = {
        "address": "aws_cloudwatch_log_group.x",
        "mode": "managed",
        "type": "aws_cloudwatch_log_group",
        "name": "x",
        "values": {},
    }
    plan = tmp_path / "plan.json"
    plan.write_text(
        json.dumps({"planned_values": {"root_module": {"resources": [group]}}, "configuration": {}})
    )
    assert main([str(plan)]) == 1
    assert (
        capsys.readouterr().out
        == f"{plan}: logs_expire: aws_cloudwatch_log_group.x is kept for ever\n"
    )
