"""People who log in at the gateway: name, role, and repositories.

The gateway vouches for a person, and serve checks what it says. A person's role is one of three:
the roles of the control plane's own parts are for certificates only.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from gromit.core.names import parse_repository
from gromit.core.security.roles import Role
from gromit.core.text import is_plain
from gromit.errors import InvalidInput, TrustError

PEOPLES_ROLES = (Role.VIEWER, Role.DEVELOPER, Role.OPERATOR)
"""Roles that a person may have, the lowest first."""
NAME_MAX = 200
"""Characters of a person's name; an address has up to 254, but rarely more than 60."""
REPOSITORIES_MAX = 100
"""Repositories that a person may have by name."""


@dataclass(frozen=True, slots=True)
class Person:
    """Person who is logged in."""

    name: str
    """As histories and logs show it, for example an address."""
    role: Role
    repositories: frozenset[str] | None = frozenset()
    """Repositories whose environments the person may delete; None: all."""

    @classmethod
    def checked(
        cls, name: str, role: str, repositories: Collection[str] | None = frozenset()
    ) -> Self:
        """Return a person of these facts. Raises `TrustError` if one of them is not usable."""
        if not 1 <= len(name) <= NAME_MAX or name != name.strip() or not is_plain(name):
            raise TrustError(
                "the name of a person is missing, too long, or not printable",
                hint=f"a name has 1 to {NAME_MAX} printable characters, and no space at its ends",
            )
        if role not in PEOPLES_ROLES:
            raise TrustError(
                f"{role[:NAME_MAX]!r} is not a role of a person",
                hint=f"roles of people are {', '.join(PEOPLES_ROLES)}",
            )
        return cls(name, Role(role), _repositories(repositories))

    def has_role_up_to(self, highest: Role | None) -> bool:
        """Whether the role is not above `highest`; None: no role is allowed."""
        order = PEOPLES_ROLES.index
        return highest is not None and order(self.role) <= order(highest)


def _repositories(names: Collection[str] | None) -> frozenset[str] | None:
    if names is None:
        return None
    if len(names) > REPOSITORIES_MAX:
        raise TrustError(
            f"a person has {len(names)} repositories, and {REPOSITORIES_MAX} are possible",
            hint="give all repositories instead of their names",
        )
    try:
        return frozenset(map(parse_repository, names))
    except InvalidInput as error:
        raise TrustError(error.message, hint=error.hint) from None
