"""Rows as this process last saw them: guesses that save a read before a write.

A guess may be old, because another process of serve writes the table as well. So whatever follows
from it is written only if the revision of the row is still the one of the guess.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.row_writes import Row

ROWS = 512
"""Rows that are kept, the ones seen last. One takes some 5 KB."""


@dataclass(frozen=True, slots=True)
class KnownRows:
    """The rows seen last, without their histories. Every method may be called from any thread."""

    _rows: OrderedDict[str, Row] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, name: str, row: Row | None) -> None:
        """Keep a row that was just read or written; None forgets it."""
        with self._lock:
            self._rows.pop(name, None)
            if row is None:
                return
            self._rows[name] = {a: v for a, v in row.items() if a != Attribute.EVENTS}
            if len(self._rows) > ROWS:
                self._rows.popitem(last=False)

    def guess(self, name: str) -> Row | None:
        """Return a row as it was; None if it is not known."""
        with self._lock:
            return self._rows.get(name)
