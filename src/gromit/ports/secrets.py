"""Ports for secrets of environments. No value is ever read."""

from collections.abc import Collection, Mapping
from typing import Protocol

from gromit.core.stack.secrets import SecretState


class SecretDirectory(Protocol):
    """States of secrets, without their values."""

    def states(self, ids: Collection[str]) -> Mapping[str, SecretState]:
        """Return the state of each secret, by name or ARN.

        One that gromit may not look at, or that is no secret of Secrets Manager, is unknown.
        """


class SecretWriter(SecretDirectory, Protocol):
    """Values of secrets, which can be written."""

    def write(self, name: str, value: str) -> None:
        """Create a secret with a value, or give an existing one a new value."""
