"""Named secrets of the catalogue in the emulated account, with values of this cloud only."""

import secrets
from typing import Any

from botocore.exceptions import ClientError

from gromit.adapters.aws.client import aws_errors, error_code
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.secrets import NamedSecret, SecretOrigin
from gromit.local.cloud.platform import EmulatedAccount

LICENCE = "licence-of-the-local-cloud"
"""Value of every bought secret. Simulated programs accept it, real ones do not."""

_RANDOM_BYTES = 32


def make_secrets(account: EmulatedAccount, catalogue: Catalogue) -> None:
    """Create the named secrets of a catalogue that do not exist yet.

    A secret with an ARN belongs to the user, who creates it in the emulated account.
    """
    manager = account.client("secretsmanager")
    with aws_errors("make the secrets of environments in the local cloud"):
        for secret in catalogue.secrets.values():
            if secret.arn is None:
                _make(manager, secret)


def _make(manager: Any, secret: NamedSecret) -> None:
    try:
        manager.create_secret(Name=secret.path, SecretString=_value(secret))
    except ClientError as error:
        if error_code(error) != "ResourceExistsException":
            raise


def _value(secret: NamedSecret) -> str:
    if secret.made is SecretOrigin.BOUGHT:
        return LICENCE
    return secrets.token_urlsafe(_RANDOM_BYTES)
