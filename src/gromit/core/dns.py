"""chitragupta's decisions: which public records there should be, and what has to change."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublicTask:
    """A running task of a public component."""

    environment: str
    component: str
    address: str
    """Its public IPv4 address."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a look at the running public tasks gave."""

    tasks: tuple[PublicTask, ...]
    complete: bool
    """False if a part of the listing failed or was cut short: nothing may be deleted because of it."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One record set: all values of a name and type."""

    name: str
    """Fully qualified, lower case, without the last dot."""
    type: str
    ttl: int
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What to write, and why: for each record `(record, reason)`."""

    upserts: tuple[tuple[Record, str], ...] = ()
    deletes: tuple[tuple[Record, str], ...] = ()
    left_alone: tuple[tuple[Record, str], ...] = ()
