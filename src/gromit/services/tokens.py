"""Tokens of repositories: create, list, revoke and recognise them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from gromit.core.security import tokens
from gromit.core.security.tokens import Grant, TokenEntry
from gromit.core.time import Millis
from gromit.errors import InvalidInput, NotFound
from gromit.log import get_logger
from gromit.ports.tokens import TokenStore

log = get_logger(__name__)

LONGEST_LIFE = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class TokenInputs:
    """Sources of time and randomness."""

    now_ms: Callable[[], Millis]
    secret: Callable[[], bytes]
    new_id: Callable[[], str]


class Tokens:
    """Tokens in one store."""

    def __init__(self, store: TokenStore, sources: TokenInputs) -> None:
        self._store = store
        self._sources = sources

    def new(
        self, grant: Grant, *, label: str = "", life: timedelta | None = None
    ) -> tuple[str, TokenEntry]:
        """Create a token. Return it with its stored entry.

        Only the caller has the token: it cannot be shown again. Raises `InvalidInput`.
        """
        if life is not None and not timedelta(0) < life <= LONGEST_LIFE:
            raise InvalidInput(
                "the lifetime of a token is too long or too short",
                hint=f"use a lifetime between a second and {LONGEST_LIFE.days} days",
            )
        token, now = tokens.format_token(self._sources.secret()), self._sources.now_ms()
        with self._store.changing() as entries:
            entry = TokenEntry(
                id=self._free_id(entries),
                hash=tokens.hash_token(token),
                grant=grant,
                created_ms=now,
                expires_ms=None if life is None else Millis(now + int(life.total_seconds() * 1000)),
                label=tokens.check_label(label),
            )
            self._store.write((*entries, entry))
        log.info(
            "token.made",
            token=entry.id,
            repositories=list(grant.repositories),
            verbs=[str(verb) for verb in grant.verbs],
        )
        return token, entry

    def list(self) -> list[tuple[TokenEntry, bool]]:
        """List all tokens, each with whether it is still valid."""
        now = self._sources.now_ms()
        with self._store.changing() as entries:
            return [(entry, not entry.expired(now)) for entry in entries]

    def revoke(self, token_id: str) -> TokenEntry:
        """Delete a token: it is refused from the next request on. Raises `NotFound`."""
        with self._store.changing() as entries:
            gone = next((entry for entry in entries if entry.id == token_id), None)
            if gone is None:
                raise NotFound(
                    f"there is no token {token_id!r}", hint="run `gromit token list` to see the ids"
                )
            self._store.write([entry for entry in entries if entry is not gone])
        log.info("token.revoked", token=gone.id)
        return gone

    def recognise(self, authorization: str) -> TokenEntry | None:
        """Find the valid token in an Authorization header; None if it is unknown or has expired.

        Raises `ConfigError` if the tokens cannot be read.
        """
        token = tokens.bearer_token(authorization)
        if token is None:
            return None
        return tokens.find_entry(self._store.entries(), token, self._sources.now_ms())

    def _free_id(self, entries: Sequence[TokenEntry]) -> str:
        taken = {entry.id for entry in entries}
        while (made := self._sources.new_id()) in taken:
            pass
        return made
