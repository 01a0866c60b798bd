"""File with the hashes and grants of tokens.

It grants no access, but is private all the same.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gromit.adapters.private_files import (
    WatchedFile,
    file_lock,
    private_file_errors,
    write_atomically,
)
from gromit.core.security.tokens import TokenEntry, TokenPermission, make_grant
from gromit.core.time import iso, parse_iso
from gromit.errors import ConfigError, InvalidInput


class TokenFile:
    """Implementation of `TokenStore` in one file."""

    def __init__(self, path: Path, *, may_be_absent: bool = False) -> None:
        """Use the file `path`. If it is missing, fail unless `may_be_absent`."""
        self._path = path
        self._may_be_absent = may_be_absent
        self._watched = WatchedFile(
            path,
            self._parse,
            hint="create the first token with `gromit token new`, or set GROMIT_GATEWAY_TOKENS",
        )

    def entries(self) -> Sequence[TokenEntry]:
        """All tokens; the file is read again when it has changed. Raises `ConfigError`."""
        if self._may_be_absent:
            return self._stored()
        return self._watched.value()

    @contextmanager
    def changing(self) -> Iterator[Sequence[TokenEntry]]:
        """Lock the file and return all tokens; none if there is no file yet."""
        with file_lock(self._path.with_name(f".{self._path.name}.lock")):
            yield self._stored()

    def write(self, entries: Sequence[TokenEntry]) -> None:
        """Replace all tokens."""
        text = json.dumps({"tokens": [_json_of(entry) for entry in entries]}, indent=1)
        write_atomically(self._path, text.encode())

    def _stored(self) -> Sequence[TokenEntry]:
        with private_file_errors(f"read {self._path}"):
            exists = self._path.exists()
        return self._watched.value() if exists else ()

    def _parse(self, text: str) -> tuple[TokenEntry, ...]:
        try:
            return tuple(_entry(line) for line in json.loads(text)["tokens"])
        except (ValueError, KeyError, TypeError, AttributeError, InvalidInput) as error:
            hint = "restore it from a backup, or create the tokens again"
            raise ConfigError(f"{self._path} cannot be understood: {error!r}", hint=hint) from None


def _json_of(entry: TokenEntry) -> Mapping[str, Any]:
    return {
        "id": entry.id,
        "sha256": entry.hash,
        "repositories": list(entry.grant.repositories),
        "verbs": [str(verb) for verb in entry.grant.verbs],
        "created": iso(entry.created_ms),
        "expires": None if entry.expires_ms is None else iso(entry.expires_ms),
        "label": entry.label,
    }


def _entry(line: Mapping[str, Any]) -> TokenEntry:
    digest = str(line["sha256"])
    if len(bytes.fromhex(digest)) != 32:
        raise ValueError("a hash is not a SHA-256")
    return TokenEntry(
        id=str(line["id"]),
        hash=digest.lower(),
        grant=make_grant(
            [str(text) for text in line["repositories"]],
            [TokenPermission(text) for text in line["verbs"]],
        ),
        created_ms=parse_iso(line["created"]),
        expires_ms=None if line["expires"] is None else parse_iso(line["expires"]),
        label=str(line["label"]),
    )
