"""Simulation of a role's permissions with iam:SimulatePrincipalPolicy. No action is carried out."""

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
    {
        "ContextKeyName": "aws:ResourceTag/images",
        "ContextKeyValues": ["environments"],
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
        "ContextKeyValues": ["component", "installation"],
        "ContextKeyType": "stringList",
    },
]
"""Context of gromit's requests. Without it, policies with conditions would deny them."""


def simulate(
    iam: "IAMClient", role: str, permissions: Iterable[Permission]
) -> Mapping[tuple[str, str], bool] | None:
    """Simulate actions of a role (name or ARN): (action, resource) to whether it is allowed.

    None if there is no such role. Makes one call for each permission. Raises `Denied` if the caller
    is not allowed to simulate.
    """
    with aws_errors(f"simulate the permissions of role {role}"):
        try:
            arn = iam.get_role(RoleName=role.rsplit("/", 1)[-1])["Role"]["Arn"]
        except iam.exceptions.NoSuchEntityException:
            return None
        results: dict[tuple[str, str], bool] = {}
        for permission in permissions:
            results.update(_results(iam, arn, permission))
        return results


def _results(
    iam: "IAMClient", arn: str, permission: Permission
) -> Iterable[tuple[tuple[str, str], bool]]:
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=arn,
        ActionNames=list(permission.actions),
        ResourceArns=[permission.resource],
        ContextEntries=CONTEXT,
    )
    for page in pages:
        for result in page.get("EvaluationResults", []):
            allowed = result["EvalDecision"] == "allowed"
            yield (result["EvalActionName"], permission.resource), allowed
