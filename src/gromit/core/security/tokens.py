"""Tokens of repositories: what one may do, and how a presented one is found.

A token is 256 random bits and is never kept: only its SHA-256 is. With so much chance in it a plain hash cannot be searched, so no
slow one is needed.
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
"""Logs mask everything that begins like this (`log.mask`)."""
SECRET_BYTES = 32
EVERY = "*"
"""Stands for all repositories; it must be asked for by name."""
LABEL_MAX = 100
LONGEST = 200
"""Characters of a presented token; a longer one is none of ours."""


class TokenPermission(StrEnum):
    """What a token may be good for."""

    NEWBUILD = "newbuild"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a token allows."""

    repositories: tuple[str, ...]
    """Sorted names, or `*` alone."""
    verbs: tuple[TokenPermission, ...]

    def allows(self, repository: str, verb: TokenPermission) -> bool:
        """Whether this may be done for that repository."""
        return verb in self.verbs and (
            self.repositories == (EVERY,) or repository in self.repositories
        )

    @property
    def is_for_every(self) -> bool:
        """Whether it is good for every repository, those to come included."""
        return self.repositories == (EVERY,)

    def only_repository(self) -> str | None:
        """The repository, if it is good for exactly one."""
        return (
            self.repositories[0]
            if len(self.repositories) == 1 and self.repositories != (EVERY,)
            else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenEntry:
    """What is kept of a token."""

    id: str
    """For people and logs; it opens nothing."""
    hash: str
    """SHA-256 of the token, in hex."""
    grant: Grant
    created_ms: Millis
    expires_ms: Millis | None = None
    label: str = ""

    def expired(self, now: Millis) -> bool:
        """Whether it no longer counts."""
        return self.expires_ms is not None and now >= self.expires_ms


def make_grant(repositories: Iterable[str], verbs: Iterable[TokenPermission]) -> Grant:
    """A grant for repositories as they are on the wire (`owner/name` or `name`). Raises `InvalidInput`."""
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
    """`text`, if it can be shown in a table. Raises `InvalidInput`."""
    if len(text) > LABEL_MAX or not text.isprintable():
        raise InvalidInput(
            "the label is too long or not printable",
            hint=f"use up to {LABEL_MAX} printable characters",
        )
    return text


def format_token(secret: bytes) -> str:
    """The token for 32 random bytes: `gromit_` and 43 letters, digits, `-` and `_`."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a token is made of {SECRET_BYTES} bytes")
    return PREFIX + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def hash_token(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def bearer_value(authorization: str) -> str:
    """What an Authorization header holds, bare or after `Bearer`."""
    text = authorization.strip()
    scheme, space, rest = text.partition(" ")
    return rest.strip() if space and scheme.lower() == "bearer" else text


def bearer_token(authorization: str) -> str | None:
    """The token in an Authorization header, bare or after `Bearer`; None if it cannot be one."""
    token = bearer_value(authorization)
    return token if token and len(token) <= LONGEST and " " not in token else None


def find_entry(entries: Iterable[TokenEntry], token: str, now: Millis) -> TokenEntry | None:
    """The entry of a presented token, if there is one that has not expired.

    Every entry is compared, in constant time: how long it takes says nothing about what is there.
    """
    wanted = hash_token(token)
    found = None
    for entry in entries:
        if hmac.compare_digest(entry.hash, wanted):
            found = entry
    return None if found is None or found.expired(now) else found
