"""People of a local cloud, who are made up, and the files and settings of their logins.

This module is quick to import.
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gromit.adapters.private_files import write_atomically
from gromit.core.security.roles import Role
from gromit.errors import ConfigError, InvalidInput

ROLES = (Role.VIEWER, Role.DEVELOPER, Role.OPERATOR)
"""Roles of people."""
DEFAULT = {"alice": "developer", "bob": "viewer", "olga": "operator"}
"""People of a cloud, unless it gets others."""
COMMAND_CLIENT = "gromit-command"
GATEWAY_CLIENT = "gromit"
_BYTES = 32
_NAME = re.compile("[a-z][a-z0-9.-]{0,39}")
_SHAPE = "write NAME=ROLE, for example carol=developer; roles are viewer, developer and operator"


def parse_people(texts: Sequence[str]) -> dict[str, str]:
    """Return roles by name of texts `NAME=ROLE`. Raises `InvalidInput`."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, role = text.partition("=")
        if not equals or role not in ROLES:
            raise InvalidInput(f"--person {text!r} is not a person", hint=_SHAPE)
        if not _NAME.fullmatch(name):
            raise InvalidInput(f"--person {name!r} is not a name", hint=_SHAPE)
        if name in found:
            raise InvalidInput(f"--person names {name} twice", hint=_SHAPE)
        found[name] = role
    return found


def describe_people(people: Mapping[str, str]) -> str:
    """Return the people and their roles as text."""
    return ", ".join(f"{name} ({role})" for name, role in people.items())


@dataclass(frozen=True, slots=True)
class LoginSecrets:
    """Secrets of a cloud's logins."""

    client: str
    """Secret of the gateway's client at the provider."""
    key: str
    """Key that signs sessions."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the secrets in a file. Raises `ConfigError`."""
        try:
            tree = json.loads(path.read_text())
            return cls(str(tree["client"]), str(tree["key"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"cannot read {path}: {error}",
                hint="Remove it, and bring the cloud up again with --login.",
            ) from error

    @classmethod
    def make(cls, path: Path) -> None:
        """Write new secrets to a file that only this user can read, unless there are some."""
        if not path.exists():
            tree = {"client": secrets.token_hex(_BYTES), "key": secrets.token_hex(_BYTES)}
            write_atomically(path, json.dumps(tree).encode() + b"\n")


def gateway_login(issuer: str, found: LoginSecrets) -> dict[str, str]:
    """Return the variables with which a gateway lets these people log in."""
    return {
        "GROMIT_GATEWAY_LOGIN_ISSUER": issuer,
        "GROMIT_GATEWAY_LOGIN_CLIENT_ID": GATEWAY_CLIENT,
        "GROMIT_GATEWAY_LOGIN_CLIENT_SECRET": found.client,
        "GROMIT_GATEWAY_LOGIN_COMMAND_CLIENT_ID": COMMAND_CLIENT,
        "GROMIT_GATEWAY_LOGIN_KEYS": found.key,
        **{f"GROMIT_GATEWAY_LOGIN_{role.upper()}S": f"groups={role}" for role in ROLES},
        "GROMIT_GATEWAY_LOGIN_REPOSITORIES": "*",
    }
