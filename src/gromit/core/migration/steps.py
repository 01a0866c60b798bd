"""Steps that every part of a migration has in common."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MigrationResult:
    """Result for one row, record, state or file."""

    what: str
    name: str
    action: str
    why: str


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """Row, record or state that is left unchanged, and what a person can do about it."""

    name: str
    why: str
