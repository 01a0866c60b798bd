"""Steps that every part of a migration has in common."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """Row or record that is left unchanged, and what a person can do about it."""

    name: str
    why: str
