"""Ownership records: the installation that they name, and the names that are not its own.

The values of an ownership record are one mark, and one exception for each foreign name:

    "heritage=gromit,environment=app-test,installation=team-a"
    "foreign=tyk"

A mark without an installation is every installation's: older releases wrote it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

OWNER_LABEL = "_gromit"
OWNER_TTL = 300

_MARK = re.compile(r'"heritage=gromit,environment=([a-z0-9-]+)(?:,installation=([a-z0-9-]+))?"')
_FOREIGN = re.compile(r'"foreign=([a-z0-9-]+)"')


@dataclass(frozen=True, slots=True)
class NameOwner:
    """Installation that publishes names in a domain."""

    domain: str
    """Lower case, without the trailing dot."""
    installation: str = ""
    """Name of the installation; empty if it has none."""


@dataclass(frozen=True, slots=True)
class OwnershipMark:
    """Content of an ownership record."""

    environment: str
    installation: str = ""
    """Empty in a mark without an installation."""
    foreign: frozenset[str] = frozenset()
    """First labels of names that had a record of others when the mark was written."""

    @property
    def values(self) -> frozenset[str]:
        """Values of the record, as Route53 stores them."""
        named = f",installation={self.installation}" if self.installation else ""
        mark = f'"heritage=gromit,environment={self.environment}{named}"'
        return frozenset({mark, *(f'"foreign={label}"' for label in self.foreign)})

    def excludes(self, installation: str) -> bool:
        """Whether the mark is of another installation than this one."""
        return self.installation not in {"", installation}


def parse_mark(values: Iterable[str]) -> OwnershipMark | None:
    """Return the mark in the values of a TXT record; None if it is not a mark of gromit."""
    marks: list[re.Match[str]] = []
    foreign: set[str] = set()
    for value in values:
        if found := _FOREIGN.fullmatch(value):
            foreign.add(found[1])
        elif found := _MARK.fullmatch(value):
            marks.append(found)
        else:
            return None
    if len(marks) != 1:
        return None
    return OwnershipMark(marks[0][1], marks[0][2] or "", frozenset(foreign))
