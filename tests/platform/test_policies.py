"""The evaluator of policies decides as AWS documents it, and ignores nothing."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.platform.policies import Effect, Policies, Request, Trust, UnknownElement, statements

QUEUE = "arn:aws:sqs:eu-central-1:123456789012:orders"


def statement(**changes: Any) -> Mapping[str, Any]:
    return {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE} | changes


def decide(request: Request, *found: Mapping[str, Any]) -> Effect:
    return Policies(identity=found).decide(request)


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({}, True),
        ({"Action": "SQS:sendmessage"}, True),
        ({"Action": "sqs:Send*"}, True),
        ({"Action": ["sqs:Receive*", "*"]}, True),
        ({"Action": "sqs:SendMessag"}, False),
        ({"Action": "sqs.SendMessage"}, False),
        ({"Action": "sqs:SendMessag?"}, True),
        ({"Resource": "*"}, True),
        ({"Resource": "arn:aws:sqs:*:123456789012:ord*"}, True),
        ({"Resource": "arn:aws:sqs:*:*:ORDERS"}, False),
        ({"Resource": "arn:aws:sqs:eu-central-1:123456789012:*rs"}, True),
        ({"Resource": "arn:aws:*:*:*:other"}, False),
    ],
)
def test_actions_and_resources_match_as_in_aws(changes: Mapping[str, Any], allowed: bool) -> None:
    assert (
        decide(Request("sqs:SendMessage", QUEUE), statement(**changes)) is Effect.ALLOWED
    ) is allowed


def test_a_wildcard_in_an_arn_stays_within_its_part() -> None:
    pattern = statement(Resource="arn:aws:sqs:*:123456789012:orders", Action="*")
    assert (
        decide(Request("sqs:SendMessage", "arn:aws:sqs:x:y:123456789012:orders"), pattern)
        is Effect.NOT_ALLOWED
    )


def test_a_refusal_wins_and_silence_is_no_leave() -> None:
    refusal = statement(Effect="Deny", Action="sqs:*")
    assert decide(Request("sqs:SendMessage", QUEUE), statement(), refusal) is Effect.REFUSED
    assert decide(Request("sqs:DeleteQueue", QUEUE), statement()) is Effect.NOT_ALLOWED


def test_everything_but_some_is_understood() -> None:
    found = {"Effect": "Allow", "NotAction": "iam:*", "NotResource": QUEUE}
    assert decide(Request("sqs:SendMessage", QUEUE + "2"), found) is Effect.ALLOWED
    assert decide(Request("sqs:SendMessage", QUEUE), found) is Effect.NOT_ALLOWED
    assert decide(Request("iam:PassRole", QUEUE + "2"), found) is Effect.NOT_ALLOWED


def test_a_boundary_limits_what_identity_policies_allow() -> None:
    found = Policies(identity=(statement(Action="*"),), boundary=(statement(),))
    assert found.allows("sqs:SendMessage", QUEUE)
    assert not found.allows("sqs:DeleteQueue", QUEUE)


def test_a_resources_own_policy_counts_as_well() -> None:
    own = statement(Principal={"AWS": ["arn:aws:iam::123456789012:role/a"]})
    found = Policies(resource=(own,))
    assert (
        found.decide(
            Request("sqs:SendMessage", QUEUE, principal=("AWS", "arn:aws:iam::123456789012:role/a"))
        )
        is Effect.ALLOWED
    )
    assert (
        found.decide(
            Request("sqs:SendMessage", QUEUE, principal=("AWS", "arn:aws:iam::123456789012:role/b"))
        )
        is Effect.NOT_ALLOWED
    )
    assert found.decide(Request("sqs:SendMessage", QUEUE)) is Effect.NOT_ALLOWED


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "holds"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("StringEqualsIgnoreCase", "a", "A", True),
        ("StringNotEquals", ["a", "b"], "a", False),
        ("StringNotEquals", "a", None, True),
        ("StringLike", "a*c", "abbc", True),
        ("StringLike", "a.c", "abc", False),
        ("StringNotLike", "a*", "abc", False),
        ("ArnLike", "arn:aws:sqs:*:*:o*", QUEUE, True),
        ("ArnEquals", "arn:aws:sqs:*:*:p*", QUEUE, False),
        ("ArnNotLike", "arn:aws:sqs:*:*:p*", QUEUE, True),
        ("Bool", "false", "False", True),
        ("Bool", "false", None, False),
        ("Null", "true", None, True),
        ("Null", "true", "a", False),
        ("Null", "false", "a", True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a"], None, True),
        ("ForAnyValue:StringLike", ["a*"], ["b", "ac"], True),
        ("ForAnyValue:StringLike", ["a*"], None, False),
    ],
)
def test_conditions_hold_as_in_aws(operator: str, wanted: Any, given: Any, holds: bool) -> None:
    found = statement(Condition={operator: {"aws:Key": wanted}})
    context = {} if given is None else {"AWS:key": given}
    assert (decide(Request("sqs:SendMessage", QUEUE, context), found) is Effect.ALLOWED) is holds


def test_all_conditions_must_hold() -> None:
    found = statement(Condition={"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}})
    assert (
        decide(Request("sqs:SendMessage", QUEUE, {"a": "1", "b": "2", "c": "true"}), found)
        is Effect.ALLOWED
    )
    assert (
        decide(Request("sqs:SendMessage", QUEUE, {"a": "1", "b": "2"}), found) is Effect.NOT_ALLOWED
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"NotPrincipal": "*"},
        {"Condition": {"NumericLessThan": {"a": "1"}}},
        {"Condition": {"ForSomeValues:StringEquals": {"a": "1"}}},
        {
            "Condition": {
                "StringEquals": {"a": "${aws:username}"},
                "StringLike": {"a": "${aws:username}"},
            }
        },
        {"Resource": "arn:aws:sqs:eu-central-1:123456789012:${aws:username}"},
        {"Resource": "orders"},
        {"Resource": "arn:aws:sqs:*:orders"},
    ],
)
def test_what_it_does_not_know_it_does_not_decide(changes: Mapping[str, Any]) -> None:
    """Also in a statement about another resource, where it would not matter."""
    for action in ("sqs:SendMessage", "iam:PassRole"):
        with pytest.raises(UnknownElement):
            decide(Request(action, QUEUE, {"a": "1"}), statement(**changes))


def test_trust_is_for_the_principal_it_names() -> None:
    github = (
        "Federated",
        "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
    )
    document = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": dict([github]),
        },
    }
    trust = Trust(statements(document))
    assert trust.accepts("sts:AssumeRoleWithWebIdentity", github)
    assert not trust.accepts("sts:AssumeRole", github)
    assert not trust.accepts("sts:AssumeRoleWithWebIdentity", ("Federated", "accounts.google.com"))
    assert not trust.accepts("sts:AssumeRoleWithWebIdentity", ("AWS", github[1]))
