"""Variables of a simulated container: its plain ones, and the secrets that ECS reads for it.

If a secret cannot be read, the reason is AWS's text. No reason contains a value.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends

_ASM = "unable to retrieve secret from asm: service call has been retried 1 time(s)"
_SSM = "unable to retrieve secrets from ssm: service call has been retried 1 time(s)"
_ARN_PARTS = 7
"""Elements of the ARN of a secret: the seventh is its name."""


class SecretUnavailable(Exception):
    """A secret of a container cannot be read; the message is AWS's reason."""


def container_variables(container: Mapping[str, Any], account: str, region: str) -> dict[str, str]:
    """Return the variables with which a container starts.

    Raises `SecretUnavailable` for a secret without a value. A secret wins over a plain variable of
    the same name.
    """
    plain = {v["name"]: v["value"] for v in container.get("environment") or []}
    secrets = {
        secret["name"]: _secret(secret["valueFrom"], account, region)
        for secret in container.get("secrets") or []
    }
    return {**plain, **secrets}


def _secret(source: str, account: str, region: str) -> str:
    """Return the value of a secret by its ARN, or by the name of a parameter."""
    read: Callable[[str, str, str], str] = _parameter
    if source.startswith("arn:") and source.split(":")[2] == "secretsmanager":
        read = _managed_secret
    return read(source, account, region)


def _managed_secret(source: str, account: str, region: str) -> str:
    """Return a secret of Secrets Manager; its ARN may end with `:KEY:STAGE:VERSION`."""
    words = source.split(":")
    arn = ":".join(words[:_ARN_PARTS])
    key, stage, version = [*words[_ARN_PARTS:], "", "", ""][:3]
    backend = secretsmanager_backends[account][region]
    try:
        found = backend.get_secret_value(arn, version or None, stage or "AWSCURRENT")
    except JsonRESTError as error:
        problem = f"{error.error_type}: {error.message}"
        raise SecretUnavailable(
            f"{_ASM}: failed to fetch secret {source} from secrets manager: {problem}"
        ) from error
    value = str(found.get("SecretString", ""))
    return _member(value, key, source) if key else value


def _member(value: str, key: str, source: str) -> str:
    """Return one value of a secret that is a JSON object."""
    try:
        return str(json.loads(value)[key])
    except (ValueError, LookupError, TypeError) as error:
        problem = f"retrieved secret from Secrets Manager did not contain json key {key}"
        raise SecretUnavailable(f"{_ASM}: {source}: {problem}") from error


def _parameter(source: str, account: str, region: str) -> str:
    """Return a parameter of the Parameter Store by its ARN or name."""
    name = source.partition(":parameter")[2] or source
    backend = ssm_backends[account][region]
    found = backend.get_parameter(name) or backend.get_parameter(name.lstrip("/"))
    if found is None:
        raise SecretUnavailable(f"{_SSM}: invalid parameters: {name}")
    return str(found.response_object(decrypt=True)["Value"])
