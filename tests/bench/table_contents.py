"""Contents of a simulated table: rows by name, and its two indexes in their order.

A row keeps its size and its JSON text, so that a scan costs next to nothing.
"""

import json
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gromit.core.environments.attributes import INDEX_PROJECTION, LIFE_PROJECTION, Attribute
from gromit.core.names import LIFE_INDEX, WORK_INDEX
from tests.bench.table_expressions import Condition, Item, Values, number

PAGE_BYTES = 1 << 20
KEY = str(Attribute.NAME)


def item_bytes(value: Any) -> int:
    """Return the size of a value as DynamoDB counts it, nearly: names and texts, 3 for an entry."""
    match value:
        case dict():
            return sum(len(key) + item_bytes(inner) for key, inner in value.items())
        case list():
            return sum(3 + item_bytes(inner) for inner in value)
        case _:
            return len(str(value))


class _Stored:
    """A row, its size, and its text once it was asked for."""

    __slots__ = ("_text", "item", "size")

    def __init__(self, item: Item, size: int | None = None) -> None:
        self.item = item
        self.size = item_bytes(item) if size is None else size
        self._text: str | None = None

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = json.dumps(self.item)
        return self._text


@dataclass(slots=True)
class _Index:
    """Entries by the value of the first key, in order of the second, which is a number."""

    key: str
    sorted_by: str
    carried: frozenset[str]
    entries: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def add(self, name: str, item: Item) -> None:
        if entry := self._entry(name, item):
            insort(self.entries.setdefault(entry[0], []), entry[1])

    def remove(self, name: str, item: Item) -> None:
        if entry := self._entry(name, item):
            entries = self.entries[entry[0]]
            del entries[bisect_left(entries, entry[1])]

    def shown(self, item: Item) -> Item:
        return {key: value for key, value in item.items() if key in self.carried}

    def _entry(self, name: str, item: Item) -> tuple[str, tuple[int, str]] | None:
        key, value = item.get(self.key), item.get(self.sorted_by)
        if not key or "S" not in key or not value or "N" not in value:
            return None
        return key["S"], (number(value), name)


def _index(key: Attribute, sorted_by: Attribute, projection: Iterable[str]) -> _Index:
    return _Index(key, sorted_by, frozenset({KEY, key, sorted_by, *projection}))


@dataclass(slots=True)
class TableContents:
    """Rows of one table."""

    _rows: dict[str, _Stored] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)
    """In order, which is the order of scans."""
    _indexes: Mapping[str, _Index] = field(
        default_factory=lambda: {
            WORK_INDEX: _index(Attribute.WORK, Attribute.DUE, INDEX_PROJECTION),
            LIFE_INDEX: _index(Attribute.LIFE, Attribute.LOOK_AT, LIFE_PROJECTION),
        }
    )

    def fill(self, row: Item, names: Iterable[str]) -> None:
        """Add rows that are like one another, quickly."""
        size = item_bytes(row)
        for name in names:
            self._add(name, _Stored({**row, KEY: {"S": name}}, size))

    def read(self, name: str) -> Item | None:
        """Return a row; None if there is none."""
        stored = self._rows.get(name)
        return stored.item if stored else None

    def read_text(self, name: str) -> str | None:
        """Return the JSON text of a row; None if there is none."""
        stored = self._rows.get(name)
        return stored.text if stored else None

    def put(self, name: str, item: Item) -> None:
        """Replace a row."""
        self.delete(name, keeps_place=True)
        self._add(name, _Stored(item))

    def delete(self, name: str, *, keeps_place: bool = False) -> None:
        """Delete a row, if there is one."""
        stored = self._rows.pop(name, None)
        if stored is None:
            return
        if not keeps_place:
            del self._names[bisect_left(self._names, name)]
        for index in self._indexes.values():
            index.remove(name, stored.item)

    def scan(self, after: str | None, limit: int | None) -> tuple[list[str], str | None]:
        """Return the texts of a page of rows, and the name after which the next page begins."""
        begin = bisect_right(self._names, after) if after else 0
        names = self._names[begin : begin + limit] if limit else self._names[begin:]
        texts: list[str] = []
        size = 0
        for name in names:
            stored = self._rows[name]
            size += stored.size
            if texts and size > PAGE_BYTES:
                break
            texts.append(stored.text)
        end = begin + len(texts)
        return texts, self._names[end - 1] if 0 < end < len(self._names) else None

    def query(
        self,
        index_name: str,
        condition: Condition,
        values: Values,
        after: Item | None,
        limit: int | None,
    ) -> tuple[list[Item], Item | None]:
        """Return a page of entries of an index, and the key after which the next page begins."""
        index = self._indexes[index_name]
        found: list[Item] = []
        size = 0
        for item in self._after(index, values, after):
            if not condition(item, values):
                continue
            if len(found) == limit or (found and size > PAGE_BYTES):
                last = found[-1]
                return found, {key: last[key] for key in (KEY, index.key, index.sorted_by)}
            found.append(index.shown(item))
            size += item_bytes(found[-1])
        return found, None

    def _after(self, index: _Index, values: Values, after: Item | None) -> Iterator[Item]:
        """Yield the rows behind a key whose first key is one of the values."""
        keys = {value["S"] for value in values.values() if "S" in value}
        for key in keys & index.entries.keys():
            entries = index.entries[key]
            begin = 0
            if after:
                begin = bisect_right(entries, (number(after[index.sorted_by]), after[KEY]["S"]))
            for place in range(begin, len(entries)):
                yield self._rows[entries[place][1]].item

    def _add(self, name: str, stored: _Stored) -> None:
        place = bisect_left(self._names, name)
        if self._names[place : place + 1] != [name]:
            self._names.insert(place, name)
        self._rows[name] = stored
        for index in self._indexes.values():
            index.add(name, stored.item)
