"""Secrets of environments in Secrets Manager. No value is ever read."""

from collections.abc import Collection, Mapping
from typing import Any

from botocore.exceptions import ClientError

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.core.stack.secrets import MISSING_SECRET, SecretState, SecretStatus, is_secret_arn
from gromit.errors import Conflict, Denied

_CURRENT = "AWSCURRENT"
_ARN_PARTS = 7
"""Elements of the ARN of a secret. ECS takes more: a key of its JSON, a stage and a version."""
_UNKNOWN = SecretState(SecretStatus.UNKNOWN)


class ManagedSecrets:
    """The ports `SecretDirectory` and `SecretWriter`."""

    def __init__(self, client: Any) -> None:
        """Use a client of Secrets Manager."""
        self._client = client

    def states(self, ids: Collection[str]) -> Mapping[str, SecretState]:
        """Describe each secret.

        A secret with an ARN of its own may be out of reach and is unknown then. Raises `Denied` for
        one of gromit's own names.
        """
        return {secret_id: self._state(secret_id) for secret_id in ids}

    def write(self, name: str, value: str) -> None:
        """Create a secret, or give it another value.

        Raises `Conflict` if it is scheduled for deletion, and `Denied`, `Temporary` or
        `BackendError`.
        """
        state = self._state(name)
        if state.status is SecretStatus.DELETED:
            raise Conflict(
                f"secret {name} is scheduled for deletion",
                hint=f"restore it first: `aws secretsmanager restore-secret --secret-id {name}`",
            )
        with aws_errors(f"write the secret {name}"):
            if state.status is SecretStatus.MISSING:
                self._client.create_secret(
                    Name=name, SecretString=value, Description="secret of gromit's environments"
                )
            else:
                self._client.put_secret_value(SecretId=name, SecretString=value)

    def _state(self, secret_id: str) -> SecretState:
        is_arn = is_secret_arn(secret_id)
        if is_arn and secret_id.split(":")[2] != "secretsmanager":
            return _UNKNOWN
        try:
            with aws_errors(f"describe the secret {secret_id}"):
                return self._describe(secret_id)
        except Denied:
            if is_arn:
                return _UNKNOWN
            raise

    def _describe(self, secret_id: str) -> SecretState:
        whole = ":".join(secret_id.split(":")[:_ARN_PARTS])
        try:
            found = self._client.describe_secret(SecretId=whole)
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return MISSING_SECRET
            raise
        return _to_state(found)


def _to_state(found: Mapping[str, Any]) -> SecretState:
    versions = found.get("VersionIdsToStages") or {}
    current = next((version for version, stages in versions.items() if _CURRENT in stages), "")
    if found.get("DeletedDate"):
        return SecretState(SecretStatus.DELETED, found["ARN"], current)
    status = SecretStatus.SET if current else SecretStatus.EMPTY
    return SecretState(status, found["ARN"], current)
