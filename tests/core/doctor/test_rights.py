"""Simulated permissions of roles, compared with the expected ones."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gromit.core.doctor.findings import Finding, FindingStatus
from gromit.core.doctor.installation import AwsIdentity
from gromit.core.doctor.rights import (
    ControlPlanePart,
    Permission,
    ResourceArns,
    SimulatedRole,
    default_role_name,
    expected_permissions,
    judge_permissions,
    parse_roles,
    resource_arns,
)
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.errors import ConfigError
from tests.fakes.installation import EXPECTED
from tests.fakes.platform import PLATFORM

IDENTITY = AwsIdentity("123456789012", "arn:aws:iam::123456789012:user/alice")
CATALOGUE = Catalogue(
    {
        "gateway": Component(name="gateway", repository="tyk"),
        "redis": Component(name="redis", image="redis:7"),
    }
)

ARNS = ResourceArns(
    table="table",
    indexes=("table/index", "table/index-2"),
    states="states",
    default_state="default-state",
    bucket="bucket",
    namespace="namespace",
    service="service",
    zone="zone",
    parameter="parameter",
    registries=("tyk", "tyk-pump"),
    log_group="log-group",
    logs="logs",
    worker_logs=("sow-logs", "reap-logs"),
    task="task",
    execution_role="execution",
    exec_role="exec",
    serve_role="serve-role",
    ca_key="ca-key",
    secret="environments-secret",
)
ROLES = {part: default_role_name(part) for part in ControlPlanePart}


def answers(
    part: ControlPlanePart,
    judge: Callable[[Permission, str], bool] = lambda permission, _: permission.allowed,
) -> SimulatedRole:
    judged = {
        (a, r.resource): judge(r, a) for r in expected_permissions(part, ARNS) for a in r.actions
    }
    return SimulatedRole(ROLES[part], named=False, allowed=judged)


def judged(**changed: SimulatedRole) -> dict[str, Finding]:
    roles = {part: answers(part) for part in ControlPlanePart} | {
        ControlPlanePart(name): answer for name, answer in changed.items()
    }
    return {f.subject: f for f in judge_permissions(roles, ARNS)}


def test_roles_with_exactly_their_permissions_are_ok() -> None:
    assert {f.state for f in judged().values()} == {FindingStatus.OK}


def test_a_serve_that_may_not_read_logs_yet_is_named_with_the_remedy() -> None:
    def without_logs(permission: Permission, action: str) -> bool:
        return permission.allowed and not action.startswith("logs:")

    found = judged(serve=answers(ControlPlanePart.SERVE, without_logs))["serve"]
    assert found.state is FindingStatus.WRONG
    for right in ("GetLogEvents on logs", "DescribeLogStreams on log-group"):
        assert f"logs:{right}" in found.observed
    for group in ("log-group", "sow-logs", "reap-logs"):
        assert f"logs:FilterLogEvents on {group}" in found.observed
    assert found.remedy == "apply terraform/infra, which sets the policies"


def test_only_sow_must_pass_the_role_of_exec() -> None:
    passing = {
        (part, permission.allowed)
        for part in ControlPlanePart
        for arns in (ARNS, replace(ARNS, exec_role=""))
        for permission in expected_permissions(part, arns)
        if permission.actions == ("iam:PassRole",) and permission.resource in {"exec", ""}
    }
    assert passing == {(ControlPlanePart.SOW, True)}


def test_only_serve_must_write_the_table() -> None:
    writers = {
        p
        for p in ControlPlanePart
        for r in expected_permissions(p, ARNS)
        if r.allowed and r.resource == "table" and "dynamodb:UpdateItem" in r.actions
    }
    refused = {
        p
        for p in ControlPlanePart
        for r in expected_permissions(p, ARNS)
        if not r.allowed and r.resource == "table"
    }
    assert (writers, refused) == (
        {ControlPlanePart.SERVE},
        set(ControlPlanePart) - {ControlPlanePart.SERVE},
    )


def test_permissions_of_terraform_are_simulated_where_it_runs() -> None:
    of_terraform = {
        ("s3:GetObject", "default-state"),
        ("s3:ListBucket", "bucket"),
        ("servicediscovery:CreateService", "namespace"),
        ("servicediscovery:CreateService", "service"),
        *(
            (f"servicediscovery:{action}", "*")
            for action in ("ListTagsForResource", "TagResource", "UntagResource")
        ),
    }
    allowed = {
        part: {
            (a, r.resource)
            for r in expected_permissions(part, ARNS)
            if r.allowed
            for a in r.actions
        }
        for part in ControlPlanePart
    }
    assert {part for part in ControlPlanePart if of_terraform <= allowed[part]} == {
        ControlPlanePart.SOW,
        ControlPlanePart.REAP,
    }
    assert {part for part in ControlPlanePart if of_terraform & allowed[part]} == {
        ControlPlanePart.SOW,
        ControlPlanePart.REAP,
    }


@pytest.mark.parametrize("part", ControlPlanePart)
def test_no_part_must_read_the_key_of_the_ca(part: ControlPlanePart) -> None:
    assert [
        (r.actions, r.allowed) for r in expected_permissions(part, ARNS) if r.resource == "ca-key"
    ] == [(("secretsmanager:GetSecretValue",), False)]


@pytest.mark.parametrize("part", ControlPlanePart)
def test_a_role_that_is_allowed_everything_is_wrong(part: ControlPlanePart) -> None:
    found = judged(**{part: answers(part, lambda *_: True)})[part]
    refused = [
        (a, r.resource)
        for r in expected_permissions(part, ARNS)
        if not r.allowed
        for a in r.actions
    ]
    assert (found.state, "must not have " in found.observed) == (FindingStatus.WRONG, True)
    assert refused


def test_a_missing_or_surplus_permission_is_named() -> None:
    found = judged(
        sow=answers(
            ControlPlanePart.SOW,
            lambda permission, action: (
                permission.allowed ^ (action in {"s3:PutObject", "dynamodb:PutItem"})
            ),
        )
    )
    assert found["sow"].observed == (
        "gromit-sow lacks s3:PutObject on states; must not have dynamodb:PutItem on table"
    )
    assert [name for name, f in found.items() if f.state is FindingStatus.WRONG] == ["sow"]


def test_an_action_without_a_result_counts_as_denied() -> None:
    found = judged(
        gateway=SimulatedRole("g", named=False, allowed={}),
        sow=SimulatedRole("s", named=False, allowed={}),
    )
    assert (found["gateway"].state, found["sow"].state) == (FindingStatus.OK, FindingStatus.WRONG)


def test_one_missing_role_among_others_is_wrong() -> None:
    found = judged(reap=SimulatedRole("gromit-reap", named=False, allowed=None))["reap"]
    assert (found.state, found.observed) == (FindingStatus.WRONG, "there is no role gromit-reap")


def test_without_any_role_of_the_control_plane_it_is_not_installed() -> None:
    none = {
        part: SimulatedRole(ROLES[part], named=False, allowed=None)
        for part in ControlPlanePart
        if part is not ControlPlanePart.ENVIRONMENTS
    }
    found = judged(**none)
    assert {f.state for name, f in found.items() if name != "environments"} == {
        FindingStatus.SKIPPED
    }
    assert found["environments"].state is FindingStatus.OK


def test_a_role_that_a_setting_names_must_exist() -> None:
    none = {
        part: SimulatedRole("mine", named=part is ControlPlanePart.SOW, allowed=None)
        for part in ControlPlanePart
    }
    assert {name for name, f in judged(**none).items() if f.state is FindingStatus.WRONG} == {"sow"}


def test_arns_are_in_the_account_and_region_of_the_installation() -> None:
    arns = resource_arns(IDENTITY, PLATFORM, EXPECTED, CATALOGUE, "gromit-serve")
    assert arns == ResourceArns(
        table="arn:aws:dynamodb:eu-central-1:123456789012:table/environments",
        indexes=(
            "arn:aws:dynamodb:eu-central-1:123456789012:table/environments/index/work",
            "arn:aws:dynamodb:eu-central-1:123456789012:table/environments/index/life",
        ),
        states="arn:aws:s3:::states/env:/example/devenv",
        default_state="arn:aws:s3:::states/devenv",
        bucket="arn:aws:s3:::states",
        namespace="arn:aws:servicediscovery:eu-central-1:123456789012:namespace/ns-1",
        service="arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-example",
        zone="arn:aws:route53:::hostedzone/Z1",
        parameter="arn:aws:ssm:eu-central-1:123456789012:parameter/gromit/platform",
        registries=("arn:aws:ecr:eu-central-1:123456789012:repository/tyk",),
        log_group="arn:aws:logs:eu-central-1:123456789012:log-group:/gromit/example",
        logs="arn:aws:logs:eu-central-1:123456789012:log-group:/gromit/example:log-stream:example",
        worker_logs=(
            "arn:aws:logs:eu-central-1:123456789012:log-group:/gromit-control/sow:*",
            "arn:aws:logs:eu-central-1:123456789012:log-group:/gromit-control/reap:*",
        ),
        task="arn:aws:ecs:eu-central-1:123456789012:task/example/0a1b",
        execution_role=PLATFORM.execution_role_arn,
        exec_role=PLATFORM.exec_role_arn,
        serve_role="arn:aws:iam::123456789012:role/gromit-serve",
        ca_key="arn:aws:secretsmanager:eu-central-1:123456789012:secret:gromit/ca-key-000000",
        secret=(
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:"
            "gromit/environments/example-000000"
        ),
    )


def test_arns_follow_the_partition_the_registry_and_a_role_given_as_arn() -> None:
    identity = AwsIdentity("123456789012", "arn:aws-cn:iam::123456789012:user/alice")
    role = "arn:aws-cn:iam::123456789012:role/team/serve"
    expected = replace(EXPECTED, registry_id="210987654321")
    arns = resource_arns(identity, PLATFORM, expected, CATALOGUE, role)
    assert arns.registries == ("arn:aws-cn:ecr:eu-central-1:210987654321:repository/tyk",)
    assert (arns.serve_role, arns.bucket) == (role, "arn:aws-cn:s3:::states")


def test_roles_are_read_from_the_setting() -> None:
    assert parse_roles(()) == {}
    assert parse_roles(("sow=my-sower", "reap=arn:aws:iam::1:role/a=b")) == {
        ControlPlanePart.SOW: "my-sower",
        ControlPlanePart.REAP: "arn:aws:iam::1:role/a=b",
    }


def test_a_role_of_an_unknown_part_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"doctor.roles names cook, waiter$") as caught:
        parse_roles(("waiter=x", "sow=x", "cook=x"))
    assert (caught.value.hint or "").startswith("parts are serve, sow, ")
