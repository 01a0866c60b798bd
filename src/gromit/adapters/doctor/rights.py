"""AWS's own judgement of what a role may do: iam:SimulatePrincipalPolicy. Nothing that is asked about is done."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gromit.adapters.aws.client import aws_errors
from gromit.core.doctor.rights import Permission
from gromit.core.stack.terraform import STATE_KEY

if TYPE_CHECKING:
    from mypy_boto3_iam.client import IAMClient
    from mypy_boto3_iam.type_defs import ContextEntryTypeDef

CONTEXT: "list[ContextEntryTypeDef]" = [
    {
        "ContextKeyName": "aws:SecureTransport",
        "ContextKeyValues": ["true"],
        "ContextKeyType": "boolean",
    },
    {
        "ContextKeyName": "iam:PassedToService",
        "ContextKeyValues": ["ecs-tasks.amazonaws.com"],
        "ContextKeyType": "string",
    },
    {"ContextKeyName": "s3:prefix", "ContextKeyValues": [STATE_KEY], "ContextKeyType": "string"},
    {
        "ContextKeyName": "aws:RequestTag/env",
        "ContextKeyValues": ["example"],
        "ContextKeyType": "string",
    },
    {
        "ContextKeyName": "aws:TagKeys",
        "ContextKeyValues": ["component"],
        "ContextKeyType": "stringList",
    },
]
"""How gromit's requests are made: without that, policies with conditions would seem to refuse them."""


def simulate(
    iam: "IAMClient", role: str, rights: Iterable[Permission]
) -> Mapping[tuple[str, str], bool] | None:
    """(action, resource) to whether the role (name or ARN) is allowed it; None if there is no such role.

    One call for each resource. Raises `Denied` without the right to ask.
    """
    with aws_errors(f"ask what role {role} may do"):
        try:
            arn = iam.get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]["Arn"]
        except iam.exceptions.NoSuchEntityException:
            return None
        return {pair: allowed for right in rights for pair, allowed in _answers(iam, arn, right)}


def _answers(
    iam: "IAMClient", arn: str, right: Permission
) -> Iterable[tuple[tuple[str, str], bool]]:
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=arn,
        ActionNames=list(right.actions),
        ResourceArns=[right.resource],
        ContextEntries=CONTEXT,
    )
    for page in pages:
        for result in page.get("EvaluationResults", []):
            yield (result["EvalActionName"], right.resource), result["EvalDecision"] == "allowed"
