"""Writes to a row as values: conditions and changes that a store applies in one step.

Every transition of an environment is such a write (modules `wanted` and `work`). The DynamoDB
adapter compiles it to one conditional UpdateItem, and `apply_write` applies it to a plain mapping.
A contract test verifies that both do the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

Row = Mapping[str, Any]
"""Attribute to value: strings, integers, booleans, and lists or mappings of them."""

Scalar = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Exists:
    """The attribute exists."""

    attribute: str


@dataclass(frozen=True, slots=True)
class NotExists:
    """The attribute does not exist."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Equals:
    """The attribute exists and equals the value."""

    attribute: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class NotEquals:
    """The attribute exists and differs from the value."""

    attribute: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class LessThan:
    """The attribute exists and is less than the number."""

    attribute: str
    value: int


@dataclass(frozen=True, slots=True)
class AtMost:
    """The attribute exists and is at most the number."""

    attribute: str
    value: int


@dataclass(frozen=True, slots=True)
class AttributesEqual:
    """Both attributes exist and are equal."""

    attribute: str
    other: str


@dataclass(frozen=True, slots=True)
class AttributeGreater:
    """Both attributes exist and the first is greater."""

    attribute: str
    other: str


@dataclass(frozen=True, slots=True)
class ShorterThan:
    """The attribute exists and is a list with fewer items."""

    attribute: str
    length: int


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of the conditions holds."""

    conditions: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of the conditions hold."""

    conditions: tuple["Condition", ...]


Condition = (
    Exists
    | NotExists
    | Equals
    | NotEquals
    | LessThan
    | AtMost
    | AttributesEqual
    | AttributeGreater
    | ShorterThan
    | AnyOf
    | AllOf
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowWrite:
    """One conditional change of one row. Each attribute may be in only one of the changes."""

    conditions: tuple[Condition, ...]
    """All must hold; otherwise nothing changes."""
    sets: Mapping[str, Any] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    """Target to source attribute. The source must exist; its value before the write is copied."""
    increments: Mapping[str, int] = field(default_factory=dict)
    """Attribute to the number to add; a missing attribute counts as 0."""
    appends: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Attribute to the items to append to its list; a missing one counts as its default, or empty.
    """
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Attribute to the value that it gets if it does not exist."""
    removes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WriteAccepted:
    """The write was applied."""

    row: Row
    """The row after the write."""
    before: Row | None = field(default=None, compare=False)
    """The row before the write; None if there was none."""


@dataclass(frozen=True, slots=True)
class WriteRefused:
    """A condition did not hold, so nothing changed."""

    row: Row | None
    """The current row; None if there is none."""


WriteResult = WriteAccepted | WriteRefused


def apply_write(write: RowWrite, row: Row | None, key: Mapping[str, str]) -> WriteResult:
    """Apply a write to a row; None is a missing row, of which `key` is the primary key."""
    before: Row = row if row is not None else {}
    if not all(evaluate(c, before) for c in write.conditions):
        return WriteRefused(row)
    after: dict[str, Any] = {**before, **key}
    after.update(write.sets)
    after.update({a: before[b] for a, b in write.copies.items()})
    after.update({a: before.get(a, 0) + n for a, n in write.increments.items()})
    after.update({a: v for a, v in write.defaults.items() if a not in before})
    after.update({a: [*after.get(a, []), *items] for a, items in write.appends.items()})
    for attribute in write.removes:
        after.pop(attribute, None)
    return WriteAccepted(after, row)


def undo_write(accepted: WriteAccepted, counter: str) -> RowWrite:
    """Return the write that restores the row before a write, unless it has changed since.

    `counter` is the attribute that every change increases.
    """
    before, after = accepted.before or {}, accepted.row
    return RowWrite(
        conditions=(Equals(counter, after[counter]),),
        sets={a: v for a, v in before.items() if a not in after or after[a] != v},
        removes=frozenset(after.keys() - before.keys()),
    )


def evaluate(condition: Condition, row: Row) -> bool:  # noqa: PLR0911, C901 - one case for each kind of condition
    """Whether a condition holds for a row."""
    match condition:
        case Exists(a):
            return a in row
        case NotExists(a):
            return a not in row
        case Equals(a, value):
            return a in row and bool(row[a] == value)
        case NotEquals(a, value):
            return a in row and bool(row[a] != value)
        case LessThan(a, value):
            return _is_number(row, a) and bool(row[a] < value)
        case AtMost(a, value):
            return _is_number(row, a) and bool(row[a] <= value)
        case AttributesEqual(a, b):
            return a in row and b in row and bool(row[a] == row[b])
        case AttributeGreater(a, b):
            return a in row and b in row and bool(row[a] > row[b])
        case ShorterThan(a, length):
            return isinstance(row.get(a), list) and len(row[a]) < length
        case AnyOf(conditions):
            return any(evaluate(c, row) for c in conditions)
        case AllOf(conditions):
            return all(evaluate(c, row) for c in conditions)
        case _:
            assert_never(condition)


def _is_number(row: Row, attribute: str) -> bool:
    """Whether a comparison can hold: values of two types compare as neither less nor greater."""
    return type(row.get(attribute)) is int
