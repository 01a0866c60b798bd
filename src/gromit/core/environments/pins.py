"""Pins: versions that a rollback has brought back, until a newer build arrives.

A pin of a repository has the version that was rolled back from. The greatest reported sequence
stays as it is, so a build that is not newer is refused as always. A build without a sequence counts
as newer, unless its version is the one that was rolled back from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from gromit.core.environments.attributes import PIN, PIN_NOTE, REF, VERSION, Attribute
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import (
    AnyOf,
    Condition,
    Equals,
    NotEquals,
    NotExists,
    Row,
    RowWrite,
)
from gromit.core.time import iso


@dataclass(frozen=True, slots=True)
class Pin:
    """Version that runs in place of a newer one."""

    left: str
    """Version of the newest build, which was rolled back from."""
    to: str
    by: str
    at: int
    """Instant in milliseconds."""

    def text(self, repository: str) -> str:
        """Return why the version runs, in words."""
        return (
            f"rolled back from {self.left} by {self.by} at {iso(self.at)};"
            f" until a newer build of {repository}"
        )

    def to_attributes(self, repository: str) -> dict[str, Any]:
        """Return the attributes of the row."""
        note = {key: value for key, value in asdict(self).items() if key != "left"}
        return {PIN + repository: self.left, PIN_NOTE + repository: note}

    @classmethod
    def from_row(cls, row: Row, repository: str) -> Self | None:
        """Return the pin of a repository; None without one.

        An older serve that changes the version leaves the attributes; then they say nothing.
        """
        left, note = row.get(PIN + repository), row.get(PIN_NOTE + repository)
        if left is None or note is None or row.get(VERSION + repository) != note["to"]:
            return None
        return cls(left, note["to"], note["by"], note["at"])


def pins_from_row(row: Row, repositories: Iterable[str]) -> Mapping[str, Pin]:
    """Return the pin of each of some repositories that has one."""
    pins = {repository: Pin.from_row(row, repository) for repository in repositories}
    return {repository: pin for repository, pin in pins.items() if pin is not None}


def pin_attributes(repository: str) -> frozenset[str]:
    """Return the attributes that a change of the version removes."""
    return frozenset({PIN + repository, PIN_NOTE + repository})


def unpinned(write: RowWrite, *repositories: str) -> RowWrite:
    """Return a write that also ends the pins of repositories."""
    removed = frozenset[str]().union(*map(pin_attributes, repositories))
    return replace(write, removes=write.removes | removed)


def not_left(repository: str, version: str) -> Condition:
    """Return the condition that a build's version was not rolled back from, or it revives."""
    return AnyOf(
        (
            NotExists(PIN + repository),
            NotEquals(PIN + repository, version),
            Equals(Attribute.WANT, Want.GONE),
        )
    )


def is_left(row: Row, repository: str, version: str, ref: str) -> bool:
    """Whether a build is the one that was rolled back from, so that it must not come back."""
    is_up = row.get(Attribute.WANT) == Want.UP and Attribute.GONE_AT not in row
    is_same = row.get(PIN + repository) == version and row.get(REF + repository) in {None, ref}
    return is_up and is_same and row.get(VERSION + repository) != version
