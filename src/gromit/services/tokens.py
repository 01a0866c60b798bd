"""Tokens of repositories: make one, list them, revoke one, recognise one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from gromit.core.security import tokens
from gromit.core.security.tokens import Grant, TokenEntry
from gromit.core.time import Millis
from gromit.errors import InvalidInput, NotFound
from gromit.ports import TokenStore

log = structlog.get_logger(__name__)

LONGEST_LIFE = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class TokenInputs:
    """Where time and randomness come from."""

    now_ms: Callable[[], Millis]
    secret: Callable[[], bytes]
    new_id: Callable[[], str]


class Tokens:
    """The tokens of one book."""

    def __init__(self, book: TokenStore, sources: TokenInputs) -> None:
        self._book = book
        self._sources = sources

    def new(
        self, grant: Grant, *, label: str = "", life: timedelta | None = None
    ) -> tuple[str, TokenEntry]:
        """A new token, which is in nobody's hands but the caller's, and what is kept of it. Raises `InvalidInput`."""
        if life is not None and not timedelta(0) < life <= LONGEST_LIFE:
            raise InvalidInput(
                "a token cannot live so long or so short",
                hint=f"between a second and {LONGEST_LIFE.days} days",
            )
        token, now = tokens.format_token(self._sources.secret()), self._sources.now_ms()
        with self._book.changing() as entries:
            entry = TokenEntry(
                id=self._free_id(entries),
                hash=tokens.hash_token(token),
                grant=grant,
                created_ms=now,
                expires_ms=None if life is None else Millis(now + int(life.total_seconds() * 1000)),
                label=tokens.check_label(label),
            )
            self._book.write((*entries, entry))
        log.info(
            "token.made",
            token=entry.id,
            repositories=list(grant.repositories),
            verbs=[str(verb) for verb in grant.verbs],
        )
        return token, entry

    def list(self) -> list[tuple[TokenEntry, bool]]:
        """Every token, and whether it still counts."""
        now = self._sources.now_ms()
        with self._book.changing() as entries:
            return [(entry, not entry.expired(now)) for entry in entries]

    def revoke(self, token_id: str) -> TokenEntry:
        """Forget a token: it counts no longer with the next request. Raises `NotFound`."""
        with self._book.changing() as entries:
            gone = next((entry for entry in entries if entry.id == token_id), None)
            if gone is None:
                raise NotFound(
                    f"there is no token {token_id!r}", hint="see `gromit token list` for the ids"
                )
            self._book.write([entry for entry in entries if entry is not gone])
        log.info("token.revoked", token=gone.id)
        return gone

    def recognise(self, authorization: str) -> TokenEntry | None:
        """The token in an Authorization header, if it is known and has not expired. Raises `ConfigError` if nobody can tell."""
        token = tokens.bearer_token(authorization)
        return (
            None
            if token is None
            else tokens.find_entry(self._book.entries(), token, self._sources.now_ms())
        )

    def _free_id(self, entries: Sequence[TokenEntry]) -> str:
        taken = {entry.id for entry in entries}
        while (made := self._sources.new_id()) in taken:
            pass
        return made
