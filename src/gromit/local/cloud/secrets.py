"""Secrets of the environments in the emulated account: all of the catalogue's, with made-up values.

On AWS, an administrator runs `gromit secrets make`, and gives the licences.
"""

import secrets
from typing import Any

from gromit.adapters.aws.secrets import ManagedSecrets
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.secrets import SecretStatus

_BYTES = 16


def make_secrets(client: Any, catalogue: Catalogue) -> None:
    """Give every named secret of a catalogue a value, unless it has one or an ARN of its own."""
    store = ManagedSecrets(client)
    own = [secret.path for secret in catalogue.secrets.values() if secret.arn is None]
    for name, state in store.states(own).items():
        if state.status in {SecretStatus.MISSING, SecretStatus.EMPTY}:
            store.write(name, secrets.token_hex(_BYTES))
