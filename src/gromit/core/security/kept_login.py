"""A login of the command line, as its file keeps it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from gromit.core.time import Millis

EARLY_MS = 30_000
"""Time before its end at which a token is renewed, so that no request carries an old one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLogin:
    """Token of a gateway, and how to get the next one."""

    gateway: str
    """URL of the gateway."""
    name: str
    """The person, as the gateway names it."""
    token: str
    expires_ms: Millis
    client_id: str
    token_endpoint: str
    refresh_token: str | None = None
    """Secret of the provider that renews the login; None if it gave none."""
    revocation_endpoint: str | None = None

    def is_fresh(self, now: Millis) -> bool:
        """Whether the token is valid for a request that is sent now."""
        return now < self.expires_ms - EARLY_MS

    def to_row(self) -> Mapping[str, Any]:
        """Return all facts, for a file."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the login of such facts. Raises `KeyError`, `TypeError` or `ValueError`."""
        refresh, revocation = row["refresh_token"], row["revocation_endpoint"]
        return cls(
            gateway=str(row["gateway"]),
            name=str(row["name"]),
            token=str(row["token"]),
            expires_ms=Millis(int(row["expires_ms"])),
            client_id=str(row["client_id"]),
            token_endpoint=str(row["token_endpoint"]),
            refresh_token=None if refresh is None else str(refresh),
            revocation_endpoint=None if revocation is None else str(revocation),
        )
