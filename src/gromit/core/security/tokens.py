"""Tokens of repositories: their grants, and the lookup of a presented token.

A token has 256 random bits. Only its SHA-256 is stored: with 256 bits of entropy a plain hash
cannot be brute-forced, so a slow hash is not needed.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gromit.core.names import parse_repository
from gromit.core.time import Millis
from gromit.errors import InvalidInput

PREFIX = "gromit_"
"""Prefix of a token; logs mask all words with it (`log.mask`)."""
SECRET_BYTES = 32
EVERY = "*"
"""Grants all repositories; a grant must name it explicitly."""
LABEL_MAX = 100
LONGEST = 200
"""Largest length of a presented token, in characters; gromit's are never longer."""


class TokenPermission(StrEnum):
    """Permission of a token."""

    NEWBUILD = "newbuild"
    DELETE = "delete"
    SWEEP = "sweep"
    READ = "read"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Repositories and permissions of a token."""

    repositories: tuple[str, ...]
    """Sorted names, or `*` alone."""
    verbs: tuple[TokenPermission, ...]

    def allows(self, repository: str, verb: TokenPermission) -> bool:
        """Whether the grant includes `verb` for `repository`."""
        return verb in self.verbs and (self.is_for_every or repository in self.repositories)

    @property
    def is_for_every(self) -> bool:
        """Whether it covers all repositories, future ones included."""
        return self.repositories == (EVERY,)

    def only_repository(self) -> str | None:
        """Return the repository if the grant is for exactly one, else None."""
        if len(self.repositories) == 1 and not self.is_for_every:
            return self.repositories[0]
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEntry:
    """Stored part of a token."""

    id: str
    """Id for people and logs; it grants no access."""
    hash: str
    """SHA-256 of the token, in hex."""
    grant: Grant
    created_ms: Millis
    expires_ms: Millis | None = None
    label: str = ""

    def expired(self, now: Millis) -> bool:
        """Whether the token has expired at `now`."""
        return self.expires_ms is not None and now >= self.expires_ms


def make_grant(repositories: Iterable[str], verbs: Iterable[TokenPermission]) -> Grant:
    """Create a grant. Repositories have the form of the wire: `owner/name` or `name`.

    Raises `InvalidInput`.
    """
    named = {EVERY if text == EVERY else parse_repository(text) for text in repositories}
    allowed = tuple(sorted(set(verbs)))
    if not named or not allowed:
        raise InvalidInput(
            "a token needs a repository and a verb", hint="give at least one --repo and one --verb"
        )
    if EVERY in named and len(named) > 1:
        raise InvalidInput(
            "a token is for every repository or for named ones", hint="give either '*' or names"
        )
    return Grant(repositories=tuple(sorted(named)), verbs=allowed)


def check_label(text: str) -> str:
    """Return `text` if it fits into a table. Raises `InvalidInput`."""
    if len(text) > LABEL_MAX or not text.isprintable():
        raise InvalidInput(
            "the label is too long or not printable",
            hint=f"use up to {LABEL_MAX} printable characters",
        )
    return text


def format_token(secret: bytes) -> str:
    """Format 32 random bytes as a token: `gromit_` and 43 letters, digits, `-` and `_`."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a token needs {SECRET_BYTES} bytes")
    return PREFIX + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def hash_token(token: str) -> str:
    """SHA-256 of a token in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def bearer_value(authorization: str) -> str:
    """Value of an Authorization header, bare or after `Bearer`."""
    text = authorization.strip()
    scheme, space, rest = text.partition(" ")
    if space and scheme.lower() == "bearer":
        return rest.strip()
    return text


def bearer_token(authorization: str) -> str | None:
    """Token of an Authorization header, bare or after `Bearer`; None if it cannot be one."""
    token = bearer_value(authorization)
    if token and len(token) <= LONGEST and " " not in token:
        return token
    return None


def find_entry(entries: Iterable[TokenEntry], token: str, now: Millis) -> TokenEntry | None:
    """Find the entry of a presented token; None if there is none, or it has expired."""
    presented = hash_token(token)
    found = None
    # Compare all entries, each in constant time, so that the duration reveals nothing about them.
    for entry in entries:
        if hmac.compare_digest(entry.hash, presented):
            found = entry
    if found is None or found.expired(now):
        return None
    return found
