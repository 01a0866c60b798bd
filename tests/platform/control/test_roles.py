"""Permissions of the roles: the applied policies, evaluated for allowed and refused requests."""

import json
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest

from gromit.adapters.doctor.rights import CONTEXT
from gromit.core.doctor.rights import (
    OF_ENVIRONMENTS,
    ControlPlanePart,
    ResourceArns,
    expected_permissions,
)
from gromit.core.stack.terraform import STATE_KEY
from tests.platform.authorization import findings
from tests.platform.control.installed import HERE, PROGRAMS, WORKERS, Installed
from tests.platform.control.plane import DOMAIN
from tests.platform.emulator import ACCOUNT, REGION
from tests.platform.policies import everybody, policy_texts, role_trust
from tests.platform.roots import REPOSITORY

pytestmark = [pytest.mark.terraform, pytest.mark.xdist_group("control")]

ENVIRONMENT = {"aws:ResourceTag/env": "app-test"}
KEPT = {"aws:ResourceTag/images": "environments"}
"""Tag of the registries of components."""
NEW = {"aws:RequestTag/env": "app-test"}
ITS_OWN = {"ecs:task-definition": f"arn:aws:ecs:{HERE}:task-definition/app-test--tyk:1"}
OURS = {"ecs:task-definition": f"arn:aws:ecs:{HERE}:task-definition/gromit-pki:1"}
EXEC = {"ecs:enable-execute-command": "true"}
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
IAM_ROOM = {True: 10_240, False: 6_144}
"""Maximum length in characters of all inline policies of a role, and of a managed one.

AWS's page "IAM and AWS STS quotas".
"""
SPARE = 1_000
"""Characters that stay free in each policy, for the next permissions."""
TO_ECS = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}

PULL = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer")
TERRAFORM = ("sow", "reap")
"""Parts that run it."""
KEEPERS = ("sow", "reap", "chitragupta")
"""Parts that change public records."""
IN_ITS_CLUSTER = {**ENVIRONMENT, "ecs:cluster": f"arn:aws:ecs:{HERE}:cluster/app-test"}
IN_OURS = {**ENVIRONMENT, "ecs:cluster": f"arn:aws:ecs:{HERE}:cluster/internal"}

Row = tuple[str, str, str, Mapping[str, Any]]

ALLOWED: tuple[Row, ...] = (
    *(
        ("gromit-serve", f"dynamodb:{a}", "table", {})
        for a in ("GetItem", "UpdateItem", "Scan", "DescribeTable")
    ),
    ("gromit-serve", "dynamodb:Query", "index", {}),
    ("gromit-serve", "dynamodb:Query", "index of lifetimes", {}),
    ("gromit-serve", "ecr:BatchGetImage", "image", {}),
    ("gromit-serve", "ecr:DescribeImages", "image", {}),
    ("gromit-serve", "logs:DescribeLogStreams", "log", {}),
    ("gromit-serve", "logs:FilterLogEvents", "log", {}),
    ("gromit-serve", "logs:FilterLogEvents", "our log", {}),
    ("gromit-serve", "logs:GetLogEvents", "log's stream", {}),
    ("gromit-serve", "ecs:ListTasks", "*", IN_ITS_CLUSTER),
    ("gromit-serve", "ecs:DescribeTasks", "task", IN_ITS_CLUSTER),
    ("gromit-serve", "logs:FilterLogEvents", "sow's log", {}),
    ("gromit-serve", "logs:FilterLogEvents", "reap's log", {}),
    *(
        (f"gromit-{w}", f"s3:{a}Object", "state", {})
        for w in TERRAFORM
        for a in ("Get", "Put", "Delete")
    ),
    *((f"gromit-{w}", "s3:GetObject", "state of no workspace", {}) for w in TERRAFORM),
    *(
        (f"gromit-{w}", "s3:ListBucket", "bucket", {"s3:prefix": p})
        for w in TERRAFORM
        for p in ("env:/", "env:/app-test/devenv", STATE_KEY)
    ),
    *((f"gromit-{w}", "ssm:GetParameter", "platform", {}) for w in TERRAFORM),
    *((f"gromit-{w}", "iam:PassRole", "environments' role", TO_ECS) for w in TERRAFORM),
    ("gromit-sow", "ecr:BatchGetImage", "image", {}),
    ("gromit-sow", "ecr:PutImage", "image", {}),
    ("gromit-reap", "ecr:BatchDeleteImage", "image", KEPT),
    ("gromit-sow", "ecs:CreateCluster", "cluster", NEW),
    ("gromit-sow", "ecs:RegisterTaskDefinition", "*", NEW),
    ("gromit-sow", "ecs:CreateService", "service", NEW | ITS_OWN),
    (
        "gromit-sow",
        "ecs:CreateService",
        "service",
        NEW | ITS_OWN | {"ecs:enable-execute-command": "false"},
    ),
    ("gromit-sow", "ecs:CreateService", "service with exec", NEW | ITS_OWN | EXEC),
    ("gromit-sow", "ecs:UpdateService", "service with exec", ENVIRONMENT | ITS_OWN | EXEC),
    ("gromit-sow", "iam:PassRole", "role of exec", TO_ECS),
    ("gromit-sow", "ecs:UpdateService", "service", ENVIRONMENT | ITS_OWN),
    ("gromit-sow", "ecs:UpdateService", "service", ENVIRONMENT),
    ("gromit-reap", "ecs:DeleteService", "service", ENVIRONMENT),
    ("gromit-reap", "ecs:DeleteCluster", "cluster", ENVIRONMENT),
    ("gromit-sow", "ecs:RunTask", "on_create", IN_ITS_CLUSTER),
    ("gromit-reap", "ecs:RunTask", "on_reap", IN_ITS_CLUSTER),
    *((f"gromit-{w}", "ecs:StopTask", "task", IN_ITS_CLUSTER) for w in TERRAFORM),
    ("gromit-sow", "ecs:DescribeTasks", "our task", {}),
    ("gromit-sow", "logs:CreateLogGroup", "log", {}),
    ("gromit-sow", "ec2:CreateSecurityGroup", "vpc", {}),
    ("gromit-sow", "ec2:CreateSecurityGroup", "group", NEW),
    ("gromit-reap", "ec2:DeleteSecurityGroup", "group", ENVIRONMENT),
    ("gromit-sow", "elasticfilesystem:CreateAccessPoint", "config", NEW),
    *(
        (f"gromit-{w}", "servicediscovery:CreateService", r, NEW)
        for w in TERRAFORM
        for r in ("namespace", "name")
    ),
    *((f"gromit-{w}", "servicediscovery:ListTagsForResource", "*", {}) for w in TERRAFORM),
    ("gromit-sow", "servicediscovery:TagResource", "*", {"aws:TagKeys": ["env", "managed"]}),
    ("gromit-sow", "servicediscovery:TagResource", "*", {"aws:TagKeys": ["installation"]}),
    ("gromit-sow", "servicediscovery:UntagResource", "*", {"aws:TagKeys": ["component"]}),
    ("gromit-reap", "servicediscovery:DeleteService", "name", ENVIRONMENT),
    ("gromit-reap", "route53:ChangeResourceRecordSets", "zone", {}),
    *((f"gromit-{w}", "route53:ListResourceRecordSets", "zone", {}) for w in KEEPERS),
    *(
        (
            f"gromit-{w}",
            "route53:ChangeResourceRecordSets",
            "zone",
            {
                "route53:ChangeResourceRecordSetsRecordTypes": ["A", "TXT"],
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": [
                    f"tyk.app-test.{DOMAIN}",
                    f"_gromit.app-test.{DOMAIN}",
                ],
            },
        )
        for w in KEEPERS
    ),
    *((f"gromit-{w}", "ec2:DescribeNetworkInterfaces", "*", {}) for w in KEEPERS),
    *((f"gromit-{w}", "ecs:DescribeTasks", "task", {}) for w in KEEPERS),
    ("gromit-pki-execution", "secretsmanager:GetSecretValue", "secret", {}),
    *(
        (f"gromit-{part}", "secretsmanager:DescribeSecret", secret, {})
        for part in ("sow", "doctor")
        for secret in ("environments' secret", "other secret of environments")
    ),
    ("gromit-serve-execution", "logs:PutLogEvents", "our log's stream", {}),
    *((f"gromit-{p}-execution", f"ecr:{a}", "own image", {}) for p in PROGRAMS for a in PULL),
    *((f"gromit-{p}-execution", "ecr:GetAuthorizationToken", "*", {}) for p in PROGRAMS),
    ("gromit-doctor", "dynamodb:DescribeTable", "table", {}),
    ("gromit-doctor", "iam:SimulatePrincipalPolicy", "role of serve", {}),
    ("gromit-doctor-environments", "s3:GetObject", "state", {}),
    ("gromit-doctor-environments", "route53:ListResourceRecordSets", "zone", {}),
    ("gromit-doctor-environments", "ecs:DescribeTasks", "our task", {}),
)
REFUSED: tuple[Row, ...] = (
    *(
        (f"gromit-{w}", f"dynamodb:{a}Item", "table", {})
        for w in ("gateway", "pki", *WORKERS)
        for a in ("Get", "Put", "Update", "Delete")
    ),
    *(
        ("gromit-serve", f"dynamodb:{a}", "table", {})
        for a in ("DeleteTable", "UpdateTable", "DeleteItem")
    ),
    ("gromit-serve", "s3:GetObject", "state", {}),
    ("gromit-serve", "ecs:ListTasks", "*", IN_OURS),
    ("gromit-serve", "ecs:DescribeTasks", "our task", IN_OURS),
    *(
        (f"gromit-{part}", "ecs:ExecuteCommand", what, IN_ITS_CLUSTER)
        for part in PROGRAMS
        for what in ("task", "cluster")
    ),
    ("gromit-serve", "route53:ChangeResourceRecordSets", "zone", {}),
    *(
        (f"gromit-{p}", "iam:PassRole", "environments' role", TO_ECS)
        for p in ("serve", "gateway", "pki", "chitragupta", "doctor", "doctor-environments")
    ),
    *((f"gromit-{p}", "iam:PassRole", "role of exec", TO_ECS) for p in PROGRAMS if p != "sow"),
    ("gromit-sow", "iam:PassRole", "role of exec", {"iam:PassedToService": "ec2.amazonaws.com"}),
    *(
        (f"gromit-{w}", "iam:PassRole", r, TO_ECS)
        for w in TERRAFORM
        for r in ("role of serve", "execution role of pki")
    ),
    (
        "gromit-sow",
        "iam:PassRole",
        "environments' role",
        {"iam:PassedToService": "ec2.amazonaws.com"},
    ),
    *(
        (f"gromit-{p}", "secretsmanager:GetSecretValue", s, {})
        for p in PROGRAMS
        for s in ("secret", "environments' secret")
    ),
    *((f"gromit-{p}", "secretsmanager:DescribeSecret", "secret", {}) for p in ("sow", "doctor")),
    *(
        (f"gromit-{p}-execution", "secretsmanager:GetSecretValue", "environments' secret", {})
        for p in PROGRAMS
    ),
    *(
        (f"gromit-{p}-execution", "secretsmanager:GetSecretValue", "secret", {})
        for p in PROGRAMS
        if p != "pki"
    ),
    ("gromit-devenv-execution", "secretsmanager:GetSecretValue", "secret", {}),
    *(
        (f"gromit-{w}", f"s3:{a}Object", "other state", {})
        for w in TERRAFORM
        for a in ("Get", "Put", "Delete")
    ),
    *(
        (f"gromit-{w}", f"s3:{a}Object", "state of no workspace", {})
        for w in TERRAFORM
        for a in ("Put", "Delete")
    ),
    *(
        (f"gromit-{w}", "s3:ListBucket", "bucket", {"s3:prefix": p})
        for w in TERRAFORM
        for p in ("", "devenv2", "dev", "infra")
    ),
    *((f"gromit-{w}", "s3:ListBucket", "bucket", {}) for w in TERRAFORM),
    ("gromit-sow", "s3:DeleteBucket", "bucket", {}),
    ("gromit-sow", "ssm:GetParameter", "base", {}),
    ("gromit-sow", "ecs:CreateCluster", "cluster", {}),
    ("gromit-sow", "ecs:RegisterTaskDefinition", "*", {}),
    ("gromit-sow", "servicediscovery:CreateService", "namespace", {}),
    ("gromit-sow", "servicediscovery:CreateService", "other namespace", NEW),
    ("gromit-sow", "servicediscovery:TagResource", "*", {"aws:TagKeys": ["managed"]}),
    ("gromit-sow", "servicediscovery:TagResource", "*", {}),
    ("gromit-sow", "servicediscovery:UntagResource", "*", {"aws:TagKeys": ["component", "env"]}),
    ("gromit-sow", "servicediscovery:UntagResource", "*", {}),
    ("gromit-reap", "ecr:BatchGetImage", "image", {}),
    ("gromit-sow", "ecs:CreateService", "our service", NEW | ITS_OWN),
    *(
        (f"gromit-{w}", "ecs:CreateService", "service", NEW | more)
        for w in TERRAFORM
        for more in (OURS, ITS_OWN | EXEC)
    ),
    *(
        (f"gromit-{w}", "ecs:UpdateService", "service", ENVIRONMENT | more)
        for w in TERRAFORM
        for more in (OURS, EXEC, ITS_OWN | EXEC)
    ),
    ("gromit-sow", "ecs:RunTask", "on_create", IN_ITS_CLUSTER | EXEC),
    ("gromit-reap", "ecs:RunTask", "on_reap", IN_ITS_CLUSTER | EXEC),
    ("gromit-reap", "ecr:PutImage", "image", KEPT),
    *(
        ("gromit-sow", f"ecr:{a}", "image", KEPT)
        for a in ("BatchDeleteImage", "InitiateLayerUpload", "UploadLayerPart")
    ),
    ("gromit-sow", "ecr:PutImage", "own image", {}),
    ("gromit-reap", "ecr:BatchDeleteImage", "own image", {"aws:ResourceTag/managed": "gromit"}),
    ("gromit-sow", "ecs:UpdateService", "our service", ENVIRONMENT),
    ("gromit-sow", "ecs:RunTask", "on_reap", IN_ITS_CLUSTER),
    ("gromit-reap", "ecs:RunTask", "on_create", IN_ITS_CLUSTER),
    ("gromit-sow", "ecs:RunTask", "on_create", IN_OURS),
    ("gromit-reap", "ecs:RunTask", "on_reap", IN_OURS),
    *(
        (f"gromit-{w}", "ecs:RunTask", definition, IN_ITS_CLUSTER)
        for w in TERRAFORM
        for definition in ("service's definition", "our definition")
    ),
    *(
        (f"gromit-{w}", "ecs:StopTask", "our task", context)
        for w in TERRAFORM
        for context in ({}, IN_OURS)
    ),
    ("gromit-reap", "ecs:DeleteService", "our service", ENVIRONMENT),
    ("gromit-reap", "ecs:DeleteCluster", "our cluster", ENVIRONMENT),
    ("gromit-reap", "ecs:DeleteCluster", "cluster", {"aws:ResourceTag/managed": "gromit"}),
    ("gromit-reap", "logs:DeleteLogGroup", "our log", {}),
    ("gromit-serve", "logs:GetLogEvents", "our log's stream", {}),
    ("gromit-serve", "logs:FilterLogEvents", "another part's log", {}),
    ("gromit-serve", "logs:DescribeLogStreams", "sow's log", {}),
    *((f"gromit-{w}", "logs:GetLogEvents", "log's stream", {}) for w in ("gateway", "pki")),
    ("gromit-reap", "ec2:DeleteSecurityGroup", "group", {"aws:ResourceTag/managed": "gromit"}),
    (
        "gromit-sow",
        "ec2:AuthorizeSecurityGroupIngress",
        "group",
        {"aws:ResourceTag/managed": "gromit"},
    ),
    ("gromit-sow", "elasticfilesystem:CreateAccessPoint", "certs", NEW),
    (
        "gromit-reap",
        "elasticfilesystem:DeleteAccessPoint",
        "folder",
        {"aws:ResourceTag/managed": "gromit"},
    ),
    (
        "gromit-reap",
        "servicediscovery:DeleteService",
        "name",
        {"aws:ResourceTag/managed": "gromit"},
    ),
    *((f"gromit-{w}", "route53:ChangeResourceRecordSets", "other zone", {}) for w in KEEPERS),
    *(
        (
            f"gromit-{w}",
            "route53:ChangeResourceRecordSets",
            "zone",
            {f"route53:ChangeResourceRecordSets{key}": [text]},
        )
        for w in KEEPERS
        for key, text in (
            ("RecordTypes", "NS"),
            ("NormalizedRecordNames", DOMAIN),
            ("NormalizedRecordNames", f"serve.{DOMAIN}"),
            ("NormalizedRecordNames", f"_acme-challenge.{DOMAIN}"),
            ("NormalizedRecordNames", f"_acme-challenge.gateway.{DOMAIN}"),
            ("NormalizedRecordNames", f"_acme-challenge.serve.{DOMAIN}"),
        )
    ),
    ("gromit-chitragupta", "s3:GetObject", "state", {}),
    ("gromit-doctor", "s3:GetObject", "state", {}),
    *(
        ("gromit-doctor-environments", action, what, ENVIRONMENT)
        for action, what in (
            ("s3:GetObject", "other state"),
            ("s3:PutObject", "state"),
            ("s3:DeleteObject", "state"),
            ("ecs:DeleteCluster", "cluster"),
            ("ec2:DeleteSecurityGroup", "group"),
            ("elasticfilesystem:DeleteAccessPoint", "folder"),
            ("servicediscovery:DeleteService", "name"),
            ("logs:DeleteLogGroup", "log"),
            ("route53:ChangeResourceRecordSets", "zone"),
        )
    ),
    ("gromit-gateway", "ecr:BatchGetImage", "image", {}),
    *((f"gromit-{p}-execution", f"ecr:{a}", "image", {}) for p in PROGRAMS for a in PULL),
    *((f"gromit-{p}-execution", "ecr:PutImage", "own image", {}) for p in PROGRAMS),
    *((f"gromit-{w}", "ecr:BatchGetImage", "own image", {}) for w in ("serve", *WORKERS)),
    ("gromit-gateway-execution", "logs:PutLogEvents", "our log's stream", {}),
    ("gromit-sow", "sns:Publish", "topic", {}),
)


def wrong(installed: Installed, extra: Mapping[str, Mapping[str, Any]] | None = None) -> list[str]:
    """Return the rows of both tables that do not hold; `extra` adds statements to roles."""
    roles = {row[0] for row in (*ALLOWED, *REFUSED)}
    policies = {role: installed.policies(role) for role in roles}
    policies |= {
        role: policies[role].with_statement(statement) for role, statement in (extra or {}).items()
    }
    return [
        f"{role} {action} {what}: {'refused' if wanted else 'allowed'}"
        for rows, wanted in ((ALLOWED, True), (REFUSED, False))
        for role, action, what, context in rows
        if policies[role].allows(action, installed.arn(what), context) is not wanted
    ]


def test_each_role_may_do_what_its_part_does_and_no_more(installed: Installed) -> None:
    assert wrong(installed) == []


@pytest.mark.parametrize(
    ("role", "action", "resource"),
    [
        ("gromit-sow", "iam:PassRole", "*"),
        ("gromit-sow", "dynamodb:*", "*"),
        ("gromit-reap", "ecs:*", "*"),
        ("gromit-chitragupta", "route53:*", "*"),
        ("gromit-gateway", "*", "*"),
        ("gromit-serve-execution", "secretsmanager:GetSecretValue", "*"),
    ],
)
def test_one_wildcard_put_in_on_purpose_is_found(
    installed: Installed, role: str, action: str, resource: str
) -> None:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    found = wrong(installed, {role: statement})
    assert found
    assert all(line.startswith(f"{role} ") for line in found)


def test_every_statement_says_something_to_aws(installed: Installed) -> None:
    found = {
        who: findings(policies.identity)
        for who, policies in everybody(installed.emulator.client("iam")).items()
    }
    assert {f"role gromit-{part}" for part in PROGRAMS} <= found.keys()
    assert {who: said for who, said in found.items() if said} == {}


def test_only_pki_may_write_the_volume_of_certificates(installed: Installed) -> None:
    mount, write = "elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"
    writable = {"certs": {"pki"}, "config": {"sow", "reap", "pki"}}
    mounted = {"certs": {"pki"}, "config": {"serve", "pki", *WORKERS}}
    policies = {part: installed.policies(f"gromit-{part}") for part in PROGRAMS}
    for volume in ("certs", "config"):
        arn, at = installed.arn(volume), installed.at(volume)
        assert {p for p in PROGRAMS if policies[p].allows(mount, arn, at)} == mounted[volume]
        assert {p for p in PROGRAMS if policies[p].allows(write, arn, at)} == writable[volume]
        assert not any(policies[p].allows(mount, arn) for p in PROGRAMS), (
            "no mount without the access point"
        )


def test_each_part_mounts_its_own_keys_and_no_others(installed: Installed) -> None:
    """An attacker in the internet-facing gateway gains no worker's, serve's or operator's key."""
    mount, write = "elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"
    policies, arn = (
        {part: installed.policies(f"gromit-{part}") for part in PROGRAMS},
        installed.arn("certs"),
    )
    for folder, holders in {
        "serve": {"serve"},
        "gateway": {"gateway"},
        "worker": set(WORKERS),
    }.items():
        at = installed.at_part(folder)
        assert {p for p in PROGRAMS if policies[p].allows(mount, arn, at)} == holders
        assert not any(policies[p].allows(write, arn, at) for p in PROGRAMS)


def test_roles_are_assumed_by_tasks_of_this_account_alone(installed: Installed) -> None:
    iam, tasks = installed.emulator.client("iam"), ("Service", "ecs-tasks.amazonaws.com")
    for part in PROGRAMS:
        for role in (f"gromit-{part}", f"gromit-{part}-execution"):
            trust = role_trust(iam, role)
            assert trust.accepts("sts:AssumeRole", tasks, {"aws:SourceAccount": ACCOUNT})
            assert not trust.accepts("sts:AssumeRole", tasks, {"aws:SourceAccount": "210987654321"})
            assert not trust.accepts(
                "sts:AssumeRole", ("Service", "ec2.amazonaws.com"), {"aws:SourceAccount": ACCOUNT}
            )


@pytest.mark.parametrize("part", [part for part in ControlPlanePart if part not in OF_ENVIRONMENTS])
def test_what_the_doctor_asks_aws_about_is_so(installed: Installed, part: ControlPlanePart) -> None:
    context = {entry["ContextKeyName"]: entry["ContextKeyValues"] for entry in CONTEXT}
    asked = [
        (action, right.resource, right.allowed)
        for right in expected_permissions(part, places(installed))
        for action in right.actions
    ]
    policies = installed.policies(f"gromit-{part}")
    assert asked
    assert [(a, r, w) for a, r, w in asked if policies.allows(a, r, context) is not w] == []


def places(installed: Installed) -> ResourceArns:
    arn = installed.arn
    return ResourceArns(
        table=arn("table"),
        indexes=(arn("index"), arn("index of lifetimes")),
        states=arn("state"),
        default_state=arn("state of no workspace"),
        bucket=arn("bucket"),
        namespace=arn("namespace"),
        service=arn("name"),
        zone=arn("zone"),
        parameter=arn("platform"),
        registries=tuple(installed.ground["registries"].values()),
        log_group=arn("log"),
        logs=f"{arn('log')}:log-stream:example",
        worker_logs=(arn("sow's log"), arn("reap's log")),
        task=arn("task"),
        execution_role=arn("environments' role"),
        exec_role=arn("role of exec"),
        serve_role=arn("role of serve"),
        ca_key=arn("secret"),
        secret=arn("environments' secret"),
    )


@pytest.mark.parametrize(
    ("image", "repositories"),
    [
        (f"{REGISTRY}/tyk-pump:1", ["tyk-pump"]),
        (f"{REGISTRY}/tyk@sha256:{'0a' * 32}", ["tyk"]),
        (f"{REGISTRY}/team/gromit:1.0.0@sha256:{'0a' * 32}", ["team/gromit"]),
        (f"{REGISTRY}:443/gromit:1.0.0", []),
        ("ghcr.io/example/gromit:1.0.0", []),
        (f"ghcr.io/{REGISTRY}/gromit:1.0.0", []),
    ],
)
def test_the_image_is_pulled_from_exactly_the_registry_that_it_names(
    installed: Installed, image: str, repositories: list[str]
) -> None:
    modules = installed.root.plan(
        f"-var=image={image}", "-target=module.gateway", "-refresh=false"
    ).document["planned_values"]["root_module"]
    resources = {
        r["address"]: r for module in modules["child_modules"] for r in module["resources"]
    }
    policy = json.loads(
        resources["module.gateway.aws_iam_role_policy.execution"]["values"]["policy"]
    )
    pulled = [s["Resource"] for s in policy["Statement"] if "ecr:BatchGetImage" in s["Action"]]
    assert pulled == [f"arn:aws:ecr:{HERE}:repository/{name}" for name in repositories]


BEYOND: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    ("iam:CreateUser", "*", {}),
    ("iam:AttachRolePolicy", "role of serve", {}),
    ("iam:PutRolePolicy", "role of serve", {}),
    ("sts:AssumeRole", "role of serve", {}),
    ("ec2:RunInstances", "*", {}),
    ("ec2:AuthorizeVpcPeering", "vpc", {}),
    ("dynamodb:DeleteTable", "table", {}),
    ("s3:DeleteBucket", "bucket", {}),
    ("s3:PutBucketPolicy", "bucket", {}),
    ("ecs:CreateService", "our service", NEW | ITS_OWN),
    ("ecs:StopTask", "our task", ENVIRONMENT),
    ("ecs:CreateService", "service", NEW | OURS),
    ("ecs:UpdateService", "service", ENVIRONMENT | OURS),
    *(
        (f"ecs:{action}", service, {**context, **ITS_OWN, **EXEC})
        for action, context in (("CreateService", NEW), ("UpdateService", ENVIRONMENT))
        for service in ("service", "service with a longer name", "our service with its name")
    ),
    ("ecs:RunTask", "on_create", IN_ITS_CLUSTER | EXEC),
    ("ecs:RunTask", "service's definition", IN_ITS_CLUSTER | EXEC),
    ("s3:GetObject", "state", {"aws:ResourceAccount": "210987654321"}),
    ("secretsmanager:GetSecretValue", "secret", {"aws:ResourceAccount": "210987654321"}),
)
"""Requests that no role can make, even if a policy of its own allows everything."""


def test_a_policy_that_allows_everything_gives_no_role_more_than_the_boundary(
    installed: Installed,
) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    found = {
        who: policies
        for who, policies in everybody(installed.emulator.client("iam")).items()
        # those of the ground, which this root does not make
        if who not in {"role gromit-devenv-execution", "role gromit-devenv-exec"}
    }
    assert {f"role gromit-{part}-execution" for part in PROGRAMS} <= found.keys()
    assert {f"role gromit-{part}-schedule" for part in ("pki", *WORKERS)} <= found.keys()
    assert [
        (who, action, what)
        for who, policies in found.items()
        for action, what, context in BEYOND
        if policies.with_statement(everything).allows(action, installed.arn(what), context)
    ] == []


def test_the_boundary_leaves_each_role_the_actions_of_its_own_policies(
    installed: Installed,
) -> None:
    found = everybody(installed.emulator.client("iam"))
    bounded = {who: policies for who, policies in found.items() if policies.boundary is not None}
    assert {"role gromit-sow", "role gromit-reap", "role gromit-serve"} <= bounded.keys()
    cut = [
        (who, action)
        for who, policies in bounded.items()
        for action in _allowed_actions(policies.identity)
        # IAM compares names of actions without regard to case.
        if not any(
            fnmatchcase(action.lower(), most.lower())
            for most in _allowed_actions(policies.boundary or ())
        )
    ]
    assert cut == [], "add them to terraform/infra/iam_boundary.tf"


def _allowed_actions(statements: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the patterns of actions that statements allow."""
    actions = [s["Action"] for s in statements if s["Effect"] == "Allow"]
    return {a for found in actions for a in ([found] if isinstance(found, str) else found)}


def test_no_role_comes_near_to_what_iam_holds(installed: Installed) -> None:
    """IAM refuses longer policies. Only statements that name each registry grow."""
    iam, registries = installed.emulator.client("iam"), installed.ground["registries"]
    texts = {
        (role["RoleName"], policy): text
        for role in iam.list_roles()["Roles"]
        for policy, text in policy_texts(iam, role["RoleName"]).items()
    }
    one = len(f'"arn:aws:ecr:{HERE}:repository/a-longer-name",')
    more = one * (40 - len(registries))
    growing = {
        place for place, text in texts.items() if all(arn in text for arn in registries.values())
    }
    assert {("gromit-sow", "gromit-sow-sources"), ("gromit-serve", "")} <= growing
    room = {
        (role, policy): IAM_ROOM[not policy] - len(text) - more * ((role, policy) in growing)
        for (role, policy), text in texts.items()
    }
    assert {place: left for place, left in room.items() if left < SPARE} == {}, (
        "docs/adr/0006 says that 40 registries fit"
    )


def test_doctor_has_the_rights_that_its_page_names(installed: Installed) -> None:
    text = (
        (REPOSITORY / "docs" / "reference" / "doctor.md")
        .read_text()
        .partition("Its role needs no permission")[2]
    )
    named = set(re.findall(r"`([a-z0-9]+:[A-Z]\w+)`", text)) - {
        "sts:GetCallerIdentity"
    }  # which needs none
    given = _allowed_actions(installed.policies("gromit-doctor").identity)
    assert given - {"elasticfilesystem:ClientMount"} == named


def test_schedules_are_started_by_rules_of_this_account_alone(installed: Installed) -> None:
    iam, events = installed.emulator.client("iam"), ("Service", "events.amazonaws.com")
    for part in ("pki", *WORKERS):
        trust = role_trust(iam, f"gromit-{part}-schedule")
        assert trust.accepts("sts:AssumeRole", events, {"aws:SourceAccount": ACCOUNT})
        assert not trust.accepts("sts:AssumeRole", events, {"aws:SourceAccount": "210987654321"})
        assert not trust.accepts("sts:AssumeRole", events)


def test_a_schedule_starts_its_own_part_and_hands_over_its_own_roles(installed: Installed) -> None:
    own = f"arn:aws:iam::{ACCOUNT}:role/gromit-sow"
    policies, cluster = (
        installed.policies("gromit-sow-schedule"),
        {"ecs:cluster": installed.ground["cluster_arn"]},
    )
    definition = f"arn:aws:ecs:{HERE}:task-definition/gromit"
    assert policies.allows("ecs:RunTask", f"{definition}-sow:1", cluster)
    assert not policies.allows("ecs:RunTask", f"{definition}-serve:1", cluster)
    assert not policies.allows(
        "ecs:RunTask", f"{definition}-sow:1", {"ecs:cluster": installed.arn("cluster")}
    )
    assert policies.allows("iam:PassRole", own, TO_ECS)
    assert policies.allows("iam:PassRole", f"{own}-execution", TO_ECS)
    assert not policies.allows("iam:PassRole", installed.arn("role of serve"), TO_ECS)
