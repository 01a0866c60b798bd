"""`gromit secrets`: values of the secrets of environments."""

import secrets
import string

from gromit.bootstrap.catalogue import configured_catalogue
from gromit.bootstrap.worker_backends import managed_secrets
from gromit.config.schema import Settings
from gromit.services.secret_values import SecretMaker

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 32
"""Characters of a random value: 190 bits, and the length of the keys that programs derive."""


def secret_maker(settings: Settings) -> SecretMaker:
    """Maker of the secrets of the configured catalogue, in Secrets Manager."""
    return SecretMaker(configured_catalogue(settings), managed_secrets(), _random_value)


def _random_value() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
