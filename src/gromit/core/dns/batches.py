"""Cutting changes of a zone into batches that Route53 accepts.

Limits of one request, from AWS's page of Route53 quotas: 1,000 `ResourceRecord` elements and 32,000 characters in `Value` elements,
where those of an UPSERT count twice. A batch is made wholly or not at all, so what belongs together goes into one batch.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby

from gromit.core.dns.plan import OWNER_LABEL, RecordSet, ZoneChanges

ELEMENTS_MAX = 1000
CHARACTERS_MAX = 32_000
_OWNER_DELETE = 1


class Action(StrEnum):
    """What is done to a record, in Route53's words."""

    DELETE = "DELETE"
    CREATE = "CREATE"
    UPSERT = "UPSERT"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one record."""

    action: Action
    record: RecordSet

    @property
    def elements(self) -> int:
        """How many `ResourceRecord` elements it counts as."""
        return len(self.record.values) * self._weight

    @property
    def characters(self) -> int:
        """How many characters in `Value` elements it counts as."""
        return sum(map(len, self.record.values)) * self._weight

    @property
    def _weight(self) -> int:
        return 2 if self.action is Action.UPSERT else 1


@dataclass(frozen=True, slots=True)
class EnvironmentChanges:
    """Changes of one environment that go into the same batch.

    An environment whose changes fit into no batch has several, in batches that follow each other: the ownership record comes in the
    first or goes in the last. When one of them was refused, the rest must not be sent.
    """

    environment: str
    """Its domain, `<env>.<domain>`."""
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class PackedBatches:
    """Batches, to be sent in this order, and what fits into none."""

    batches: tuple[tuple[EnvironmentChanges, ...], ...]
    oversize: tuple[Change, ...] = ()


def pack_batches(changes: ZoneChanges) -> PackedBatches:
    """Changes in as few batches as first fit finds; deletes stand before all else."""
    bins: list[_Bin] = []
    oversize: list[Change] = []
    for environment, every in _by_environment(changes):
        lost = [c for c in every if not _fits([c])]
        keep_owner = any(c.action is Action.DELETE for c in lost)
        group = [
            c for c in every if c not in lost and not (keep_owner and _rank(c)[0] == _OWNER_DELETE)
        ]
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
    """Put a part into the first bin, from number `first` on, that takes it; gives that bin's number."""
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
    every = [
        *(Change(Action.DELETE, r) for r, _ in changes.deletes),
        *(Change(Action.CREATE, r) for r, _ in changes.creates),
        *(Change(Action.UPSERT, r) for r, _ in changes.upserts),
    ]
    for environment, group in groupby(sorted(every, key=_environment), key=_environment):
        yield environment, sorted(group, key=_rank)


def _environment(change: Change) -> str:
    return change.record.name.partition(".")[2]


def _rank(change: Change) -> tuple[int, str]:
    """Address records go before their ownership record, which comes before the address records that it covers."""
    owner = change.record.name.startswith(f"{OWNER_LABEL}.")
    match change.action:
        case Action.DELETE:
            return _OWNER_DELETE if owner else 0, change.record.name
        case Action.CREATE | Action.UPSERT:
            return 2 if owner else 3, change.record.name
