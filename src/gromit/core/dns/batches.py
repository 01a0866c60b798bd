"""Batches of zone changes that Route53 accepts.

Limits of one request, from AWS's page of Route53 quotas: 1,000 `ResourceRecord` elements and 32,000
characters in `Value` elements; an UPSERT counts twice. Route53 applies a batch as a whole or not at
all, so changes that depend on each other go into one batch.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby

from gromit.core.dns.ownership import OWNER_LABEL
from gromit.core.dns.plan import RecordSet, ZoneChanges

ELEMENTS_MAX = 1000
CHARACTERS_MAX = 32_000
_OWNER_DELETE = 1


class Action(StrEnum):
    """Action on a record, as Route53 calls it."""

    DELETE = "DELETE"
    CREATE = "CREATE"
    UPSERT = "UPSERT"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one record."""

    action: Action
    record: RecordSet
    replaced: RecordSet | None = None
    """Record that an UPSERT replaces, if it may replace no other.

    Route53 has no such condition. So this UPSERT becomes a DELETE of exactly this record and a
    CREATE, in one batch.
    """

    @property
    def elements(self) -> int:
        """Number of `ResourceRecord` elements, as the limit counts them."""
        return len(self._values)

    @property
    def characters(self) -> int:
        """Number of characters in `Value` elements, as the limit counts them."""
        return sum(map(len, self._values))

    @property
    def _values(self) -> list[str]:
        values = list(self.record.values)
        if self.replaced is not None:
            return [*values, *self.replaced.values]
        return values * 2 if self.action is Action.UPSERT else values


@dataclass(frozen=True, slots=True)
class EnvironmentChanges:
    """Changes of one environment in one batch.

    If the changes exceed one batch, there are several of these, in later batches. The ownership
    record is created in the first or deleted in the last. If one of them is refused, the rest must
    not be sent.
    """

    environment: str
    """Domain of the environment, `<env>.<domain>`."""
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class PackedBatches:
    """Batches, to be sent in this order, and the changes that exceed a batch."""

    batches: tuple[tuple[EnvironmentChanges, ...], ...]
    oversize: tuple[Change, ...] = ()


def pack_batches(changes: ZoneChanges) -> PackedBatches:
    """Pack changes into few batches (first fit), the deletes of an environment first."""
    bins: list[_Bin] = []
    oversize: list[Change] = []
    for environment, its_changes in _by_environment(changes):
        lost = [c for c in its_changes if not _fits([c])]
        group = [c for c in its_changes if c not in lost]
        # A record that cannot be deleted stays ours, so its ownership record stays as well.
        if any(c.action is Action.DELETE for c in lost):
            group = [c for c in group if _rank(c)[0] != _OWNER_DELETE]
        oversize += lost
        first = 0
        for part in _parts(environment, group):
            first = _put(part, bins, first) + 1
    return PackedBatches(tuple(tuple(b.parts) for b in bins), tuple(oversize))


@dataclass(slots=True)
class _Bin:
    parts: list[EnvironmentChanges] = field(default_factory=list)
    elements: int = 0
    characters: int = 0

    def takes(self, part: EnvironmentChanges) -> bool:
        elements, characters = _load(part.changes)
        return (
            self.elements + elements <= ELEMENTS_MAX
            and self.characters + characters <= CHARACTERS_MAX
        )

    def add(self, part: EnvironmentChanges) -> None:
        elements, characters = _load(part.changes)
        self.parts.append(part)
        self.elements += elements
        self.characters += characters


def _put(part: EnvironmentChanges, bins: list[_Bin], first: int) -> int:
    """Put a part into the first bin with room, from number `first` on. Return the bin's number."""
    for number in range(first, len(bins)):
        if bins[number].takes(part):
            bins[number].add(part)
            return number
    bins.append(_Bin())
    bins[-1].add(part)
    return len(bins) - 1


def _parts(environment: str, group: Iterable[Change]) -> Iterator[EnvironmentChanges]:
    current: list[Change] = []
    for change in group:
        if not _fits([*current, change]):
            yield EnvironmentChanges(environment, tuple(current))
            current = []
        current.append(change)
    if current:
        yield EnvironmentChanges(environment, tuple(current))


def _load(changes: Collection[Change]) -> tuple[int, int]:
    return sum(c.elements for c in changes), sum(c.characters for c in changes)


def _fits(changes: Collection[Change]) -> bool:
    elements, characters = _load(changes)
    return elements <= ELEMENTS_MAX and characters <= CHARACTERS_MAX


def _by_environment(changes: ZoneChanges) -> Iterator[tuple[str, list[Change]]]:
    replaced = {(r.name, r.type): r for r in changes.replaced}
    all_changes = [
        *(Change(Action.DELETE, r) for r, _ in changes.deletes),
        *(Change(Action.CREATE, r) for r, _ in changes.creates),
        *(Change(Action.UPSERT, r, replaced.get((r.name, r.type))) for r, _ in changes.upserts),
    ]
    for environment, group in groupby(sorted(all_changes, key=_environment), key=_environment):
        yield environment, sorted(group, key=_rank)


def _environment(change: Change) -> str:
    return change.record.name.partition(".")[2]


def _rank(change: Change) -> tuple[int, str]:
    """Rank of a change within its environment.

    Deletes come first, the ownership record last of them. Then the ownership record is created,
    before the address records that it covers.
    """
    owner = change.record.name.startswith(f"{OWNER_LABEL}.")
    match change.action:
        case Action.DELETE:
            return (_OWNER_DELETE if owner else 0), change.record.name
        case Action.CREATE | Action.UPSERT:
            return (2 if owner else 3), change.record.name
