"""AWS's judgement of rights, by answers as AWS gives them: the emulator has none."""

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


def asked(right: Permission, **more: str) -> dict[str, Any]:
    """What is sent for one right; the context is how gromit's own requests are made."""
    return {
        "PolicySourceArn": ARN,
        "ActionNames": list(right.actions),
        "ResourceArns": [right.resource],
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


def test_an_answer_of_several_pages_is_read_whole(iam: "IAMClient", stub: Stubber) -> None:
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


def test_a_role_that_is_not_there_is_none(iam: "IAMClient", stub: Stubber) -> None:
    stub.add_client_error("get_role", "NoSuchEntity", http_status_code=404)
    assert simulate(iam, "gromit-sow", [STATES]) is None


def test_without_the_right_to_ask_it_says_so(iam: "IAMClient", stub: Stubber) -> None:
    stub.add_response("get_role", ROLE)
    stub.add_client_error(
        "simulate_principal_policy", "AccessDenied", "not authorized", http_status_code=403
    )
    with pytest.raises(Denied, match="ask what role gromit-sow may do"):
        simulate(iam, "gromit-sow", [STATES])
