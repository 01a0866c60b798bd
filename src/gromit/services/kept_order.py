"""Order of due work that the last look found, for the claims of the next second.

A look reads all due work, up to a page, because repositories take turns. If runs are short, workers
claim many times a second, and a look for each claim would read the same work again and again.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gromit.core.environments.phases import Work
from gromit.core.environments.wakes import Watcher

KEPT_MS = 1000
"""Time for which an order is used. Work that another process of serve records meanwhile waits."""


@dataclass(slots=True)
class WorkCount:
    """Number of changes that made work, by the watchers that they concern. Thread-safe."""

    _counts: Counter[Watcher] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, wakes: Iterable[Watcher] | None) -> None:
        """Count a change that makes work for these watchers; None stands for all of them."""
        with self._lock:
            self._counts.update(Watcher if wakes is None else wakes)

    def of(self, kind: Work) -> int:
        """Return the number of changes that made work of a kind."""
        with self._lock:
            return self._counts[Watcher(kind)]


@dataclass(slots=True)
class _Order:
    names: dict[str, None]
    """In the order of turns."""
    until_ms: int
    made: int


@dataclass(slots=True)
class KeptOrder:
    """Orders by kind of work. Every method may be called from any thread.

    Each name is given once, so requests at the same time do not race for one environment.
    """

    _orders: dict[Work, _Order] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, kind: Work, names: Sequence[str], now_ms: int, made: int) -> None:
        """Keep the order that a look found; `made` is the number of changes before the look."""
        with self._lock:
            self._orders[kind] = _Order(dict.fromkeys(names), now_ms + KEPT_MS, made)

    def pop(self, kind: Work, now_ms: int, made: int) -> str | None:
        """Return the next name; None if a look is needed, because work was made or time passed."""
        with self._lock:
            order = self._orders.get(kind)
            if order is None or order.made != made or now_ms >= order.until_ms or not order.names:
                self._orders.pop(kind, None)
                return None
            name = next(iter(order.names))
            del order.names[name]
            return name

    def remove(self, name: str) -> None:
        """Remove a name that was given in another way."""
        with self._lock:
            for order in self._orders.values():
                order.names.pop(name, None)

    def forget(self, kind: Work) -> None:
        """Require a look: another process of serve has claimed something meanwhile."""
        with self._lock:
            self._orders.pop(kind, None)
