"""Port for tokens of the gateway."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from gromit.core.security.tokens import TokenEntry


class TokenStore(Protocol):
    """Storage of token hashes."""

    def entries(self) -> Sequence[TokenEntry]:
        """Return all current tokens; cheap while nothing changes.

        Raises `ConfigError` if they cannot be read.
        """

    def changing(self) -> AbstractContextManager[Sequence[TokenEntry]]:
        """Yield all tokens under an exclusive lock; none if no token was ever created."""

    def write(self, entries: Sequence[TokenEntry]) -> None:
        """Replace all tokens. Only within `changing`."""
