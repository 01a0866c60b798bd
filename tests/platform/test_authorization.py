"""Statements without effect in AWS are found, and the table of AWS's reference is complete."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from gromit.adapters.terraform.session import DEVENV
from gromit.core.stack.terraform import STATE_KEY
from tests.platform.authorization import EVERYTHING, TABLE, actions_in_use, findings, trimmed
from tests.stacks.hcl import PLATFORM

HERE = "eu-central-1:123456789012"
NAME = f"arn:aws:servicediscovery:{HERE}:service/*"
NAMESPACE = f"arn:aws:servicediscovery:{HERE}:namespace/ns-0a1b"
BUCKET = "arn:aws:s3:::terraform-state-dev"
GROUP = f"arn:aws:ec2:{HERE}:security-group/*"
LOG = f"arn:aws:logs:{HERE}:log-group:/gromit/*"


def said(
    action: str | list[str], resource: str | list[str], condition: Mapping[str, Any] | None = None
) -> list[str]:
    statement = {
        "Sid": "S",
        "Effect": "Allow",
        "Action": action,
        "Resource": resource,
        "Condition": condition or {},
    }
    return findings((statement,))


@pytest.mark.parametrize(
    ("action", "resource", "condition"),
    [
        ("s3:GetObject", f"{BUCKET}/env:/*", {}),
        ("s3:GetObject", f"{BUCKET}/devenv", {}),
        ("s3:ListBucket", BUCKET, {"StringLike": {"s3:prefix": ["env:/*"]}}),
        ("servicediscovery:ListTagsForResource", "*", {}),
        ("servicediscovery:TagResource", "*", {"Null": {"aws:RequestTag/env": "false"}}),
        ("servicediscovery:UntagResource", "*", {"Null": {"aws:tagkeys": "false"}}),
        (
            "servicediscovery:CreateService",
            [NAME, NAMESPACE],
            {"Null": {"aws:RequestTag/env": "false"}},
        ),
        ("servicediscovery:DeleteService", NAME, {"Null": {"aws:ResourceTag/env": "false"}}),
        ("servicediscovery:DeleteService", f"arn:aws:servicediscovery:{HERE}:*", {}),
        ("ec2:CreateSecurityGroup", GROUP, {"Null": {"aws:RequestTag/env": "false"}}),
        ("logs:PutRetentionPolicy", LOG, {}),
        ("logs:PutLogEvents", f"{LOG}:log-stream:*", {}),
        ("ecs:CreateService", f"arn:aws:ecs:{HERE}:service/*", {}),
        (
            "ecs:CreateService",
            f"arn:aws:ecs:{HERE}:service/app-test/t?k",
            {"Bool": {"aws:SecureTransport": "true"}},
        ),
        ("ecs:ListTasks", "*", {}),
    ],
)
def test_what_aws_understands_is_in_order(
    action: str, resource: str, condition: Mapping[str, Any]
) -> None:
    assert said(action, resource, condition) == []


@pytest.mark.parametrize(
    ("action", "resource", "condition", "finding"),
    [
        ("s3:HeadObject", f"{BUCKET}/*", {}, "s3:HeadObject does not exist"),
        ("s3:*", f"{BUCKET}/*", {}, r"s3:\* does not exist"),
        ("s3:GetObject", BUCKET, {}, "s3:GetObject never applies to"),
        ("s3:ListBucket", f"{BUCKET}/env:/*", {}, "s3:ListBucket never applies to"),
        ("s3:ListBucket", [BUCKET, f"{BUCKET}/*"], {}, "none of its actions ever applies to .*/"),
        (
            "s3:GetObject",
            f"{BUCKET}/*",
            {"StringLike": {"s3:prefix": "env:/*"}},
            "no request of s3:GetObject carries s3:prefix",
        ),
        ("s3:GetObject", "*", {}, r"s3:GetObject has resource types but is granted on \*"),
        (
            "servicediscovery:ListTagsForResource",
            NAME,
            {},
            "ListTagsForResource has no resource types",
        ),
        ("servicediscovery:TagResource", NAME, {}, "TagResource has no resource types"),
        (
            "servicediscovery:UntagResource",
            "*",
            {"Null": {"aws:ResourceTag/env": "false"}},
            "carries aws:ResourceTag/env",
        ),
        ("servicediscovery:CreateService", NAMESPACE, {}, "CreateService also needs a service"),
        ("servicediscovery:CreateService", NAME, {}, "CreateService also needs a namespace"),
        ("servicediscovery:DeleteService", NAMESPACE, {}, "DeleteService never applies to"),
        (
            "ec2:CreateSecurityGroup",
            [GROUP, f"arn:aws:ec2:{HERE}:vpc/*"],
            {"Null": {"aws:RequestTag/env": "false"}},
            "vpc",
        ),
        (
            "ecs:DeleteCluster",
            f"arn:aws:ecs:{HERE}:service/*",
            {},
            "DeleteCluster never applies to",
        ),
        (
            "ecs:DeleteCluster",
            f"arn:aws:elasticfilesystem:{HERE}:cluster/*",
            {},
            "DeleteCluster never applies to",
        ),
        ("ecs:DeleteService", f"arn:aws:ecs:{HERE}:service", {}, "DeleteService never applies to"),
        (
            "logs:PutLogEvents",
            f"arn:aws:logs:{HERE}:log-group:/gromit",
            {},
            "PutLogEvents never applies to",
        ),
    ],
)
def test_what_aws_makes_nothing_of_is_found(
    action: str, resource: str | list[str], condition: Mapping[str, Any], finding: str
) -> None:
    assert any(re.search(finding, text) for text in said(action, resource, condition)), said(
        action, resource, condition
    )


def test_several_statements_may_name_what_an_action_needs() -> None:
    one, other = (
        {"Effect": "Allow", "Action": "servicediscovery:CreateService", "Resource": r}
        for r in (NAME, NAMESPACE)
    )
    assert findings((one, other)) == []
    assert findings((one, {**other, "Effect": "Deny"})) == [
        "servicediscovery:CreateService also needs a namespace"
    ]


def test_the_table_has_the_actions_in_use_and_no_more() -> None:
    """If this fails, or an action does not exist, `authorization.py` says how to make the table."""
    assert {
        f"{service}:{name}" for service, place in TABLE.items() for name in place["actions"]
    } == actions_in_use()
    assert EVERYTHING.keys() <= actions_in_use()


def test_trimming_keeps_what_is_in_use() -> None:
    full = {
        service: {
            "resources": {
                kind: {"arn": a["arn"], "condition_keys": a["keys"]}
                for kind, a in place["arns"].items()
            },
            "privileges": {
                name: {"resource_types": _types(entry)} for name, entry in place["actions"].items()
            },
        }
        for service, place in TABLE.items()
    }
    assert json.loads(trimmed(full | {"a4b": {}}, actions_in_use())) == TABLE


def _types(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    types = {
        kind: {"required": t["required"], "condition_keys": t["keys"]}
        for kind, t in entry["types"].items()
    }
    return {**types, "": {"required": False, "condition_keys": entry["keys"]}}


def test_the_key_of_states_is_the_same_everywhere() -> None:
    """A backend block and a policy cannot read it from a common place."""
    backend = re.search(
        r'backend "s3" \{\s*key\s*= "([^"]+)"', (DEVENV / "versions.tf").read_text()
    )
    policy = re.search(r'state_key = "([^"]+)"', (PLATFORM / "infra" / "iam_sow.tf").read_text())
    assert backend
    assert policy
    assert backend[1] == policy[1] == STATE_KEY
