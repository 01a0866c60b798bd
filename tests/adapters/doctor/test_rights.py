"""Simulated permissions, with stubbed answers: the emulator has no simulation."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from gromit.adapters.doctor.rights import simulate
from gromit.core.doctor.rights import Permission
from gromit.errors import Denied

if TYPE_CHECKING:
    from mypy_boto3_iam.client import IAMClient

ARN = "arn:aws:iam::123456789012:role/gromit-sow"
ROLE = {
    "Role": {
        "Path": "/",
        "RoleName": "gromit-sow",
        "RoleId": "AROAEXAMPLEEXAMPLE00",
        "Arn": ARN,
        "CreateDate": "2026-01-01T00:00:00Z",
    }
}
STATES = Permission(("s3:GetObject", "s3:PutObject"), "arn:aws:s3:::states/x", allowed=True)
TABLE = Permission(
    ("dynamodb:UpdateItem",), "arn:aws:dynamodb:eu-central-1:123456789012:table/t", allowed=False
)


@pytest.fixture
def iam() -> "IAMClient":
    return boto3.client(
        "iam", region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
    )


@pytest.fixture
def stub(iam: "IAMClient") -> Iterator[Stubber]:
    with Stubber(iam) as made:
        yield made
        made.assert_no_pending_responses()


def asked(permission: Permission, **more: str) -> dict[str, Any]:
    """Request for one permission; its context is that of gromit's own requests."""
    return {
        "PolicySourceArn": ARN,
        "ActionNames": list(permission.actions),
        "ResourceArns": [permission.resource],
        "ContextEntries": ANY,
        **more,
    }


def said(resource: str, marker: str | None = None, **decisions: str) -> dict[str, Any]:
    results = [
        {
            "EvalActionName": action.replace("__", ":"),
            "EvalResourceName": resource,
            "EvalDecision": decision,
            "MatchedStatements": [],
        }
        for action, decision in decisions.items()
    ]
    return {
        "EvaluationResults": results,
        "IsTruncated": marker is not None,
        **({"Marker": marker} if marker else {}),
    }


def test_each_action_on_each_resource_is_judged(iam: "IAMClient", stub: Stubber) -> None:
    stub.add_response("get_role", ROLE, {"RoleName": "gromit-sow"})
    answer = said(STATES.resource, s3__GetObject="allowed", s3__PutObject="implicitDeny")
    stub.add_response("simulate_principal_policy", answer, asked(STATES))
    stub.add_response(
        "simulate_principal_policy",
        said(TABLE.resource, dynamodb__UpdateItem="explicitDeny"),
        asked(TABLE),
    )
    assert simulate(iam, ARN, [STATES, TABLE]) == {
        ("s3:GetObject", STATES.resource): True,
        ("s3:PutObject", STATES.resource): False,
        ("dynamodb:UpdateItem", TABLE.resource): False,
    }


def test_all_pages_of_an_answer_are_read(iam: "IAMClient", stub: Stubber) -> None:
    stub.add_response("get_role", ROLE)
    stub.add_response(
        "simulate_principal_policy",
        said(STATES.resource, "more", s3__GetObject="allowed"),
        asked(STATES),
    )
    last = said(STATES.resource, s3__PutObject="allowed")
    stub.add_response("simulate_principal_policy", last, asked(STATES, Marker="more"))
    assert simulate(iam, "gromit-sow", [STATES]) == {
        (a, STATES.resource): True for a in STATES.actions
    }


def test_a_role_that_does_not_exist_is_none(iam: "IAMClient", stub: Stubber) -> None:
    stub.add_client_error("get_role", "NoSuchEntity", http_status_code=404)
    assert simulate(iam, "gromit-sow", [STATES]) is None


def test_a_caller_that_is_denied_the_simulation_raises(iam: "IAMClient", stub: Stubber) -> None:
    stub.add_response("get_role", ROLE)
    stub.add_client_error(
        "simulate_principal_policy", "AccessDenied", "not authorized", http_status_code=403
    )
    with pytest.raises(Denied, match="simulate the permissions of role gromit-sow"):
        simulate(iam, "gromit-sow", [STATES])
