"""Laws: one claim each about what something costs, with the goals that it is measured against.

Counts are exact, and tests near the code hold them as well. Times depend on the machine, so a goal
in seconds says something only on one that does nothing else.
"""

import importlib
import math
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests import bench

Say = Callable[[str], None]

LINEAR = 1.1
"""Largest exponent of a cost in proportion to the size; times vary."""
FLAT = 0.1
"""Largest exponent of a time that does not depend on the size."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Extent of a run."""

    is_small: bool
    """Only to show that the laws can be measured: sizes are small, and times say little."""
    folder: Path
    """An empty folder of the law's own."""
    say: Say
    """Receives progress lines."""
    is_smallest: bool = False
    """Only to see a law run at all, once and within seconds: one size, the smallest."""

    def sizes(self, *all_sizes: int) -> tuple[int, ...]:
        """Return the sizes to measure at; a small run takes a tenth of each, at least 1."""
        if self.is_smallest:
            return (max(1, all_sizes[0] // 10),)
        return tuple(max(1, size // 10) for size in all_sizes) if self.is_small else all_sizes

    def pick(self, *, whole: float, small: float, smallest: float) -> float:
        """Return the value for this extent."""
        if self.is_smallest:
            return smallest
        return small if self.is_small else whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One figure, and its limit."""

    what: str
    unit: str
    limit: float | None
    """Largest value that reaches the goal; None for a figure without a goal."""
    measured: float
    is_count: bool = False
    """Whether the figure is exact on any machine."""
    is_least: bool = False
    """Whether the limit is the smallest value that reaches the goal."""

    @property
    def is_reached(self) -> bool:
        """Whether the figure is within its limit."""
        if self.limit is None:
            return True
        return self.measured >= self.limit if self.is_least else self.measured <= self.limit


@dataclass(frozen=True, slots=True)
class Curve:
    """Costs at some sizes."""

    size: str
    """Name of the size, with its unit."""
    cost: str
    """Name of the cost, with its unit."""
    points: tuple[tuple[float, float], ...]
    most: float | None = None
    """Largest exponent of growth that reaches the goal; None for a curve without a goal."""
    label: str = ""
    """Name among curves of the same size and cost."""
    is_count: bool = False
    """Whether the costs are exact on any machine."""

    @property
    def exponent(self) -> float:
        """Return the exponent of growth: 0 is flat, 1 is in proportion to the size.

        It is that of all points, or that of the last two if it is larger: a constant part of the
        cost hides the growth of the rest at small sizes.
        """
        return max(_slope(self.points), _slope(self.points[-2:]))

    @property
    def goals(self) -> tuple[Goal, ...]:
        """Return the goal of the exponent; none with a single size, which shows no growth."""
        if self.most is None or len(self.points) < 2:
            return ()
        name = f"{self.cost}, {self.label}" if self.label else self.cost
        return (
            Goal(
                what=f"exponent of growth: {name}, by {self.size}",
                unit="",
                limit=self.most,
                measured=round(self.exponent, 3),
                is_count=self.is_count,
            ),
        )


def _slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the logarithms, fitted by least squares."""
    pairs = [(math.log(size), math.log(cost)) for size, cost in points if cost > 0]
    if len({x for x, _ in pairs}) < 2:
        return 0.0
    mean_x = sum(x for x, _ in pairs) / len(pairs)
    mean_y = sum(y for _, y in pairs) / len(pairs)
    spread = sum((x - mean_x) ** 2 for x, _ in pairs)
    return sum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread


@dataclass(frozen=True, slots=True)
class Table:
    """Figures without goals, such as those of another program."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """Result of a law."""

    goals: tuple[Goal, ...]
    curve: Curve
    more: tuple[Curve, ...] = ()
    """Further curves."""
    tables: tuple[Table, ...] = ()

    @property
    def curves(self) -> tuple[Curve, ...]:
        """Return all curves."""
        return (self.curve, *self.more)

    @property
    def all_goals(self) -> tuple[Goal, ...]:
        """Return the goals, with those of the exponents of growth."""
        return (*self.goals, *(goal for curve in self.curves for goal in curve.goals))


@dataclass(frozen=True, slots=True)
class Law:
    """A claim, and how it is measured."""

    claim: str
    """One sentence."""
    measure: Callable[[Extent], Measured]
    held_by: tuple[str, ...] = ()
    """Modules of the tests that hold its counts, such as `tests/web/api/test_listing_counts.py`."""


@dataclass(frozen=True, slots=True)
class LawResult:
    """A law with what was measured."""

    name: str
    claim: str
    measured: Measured
    held_by: tuple[str, ...] = ()
    is_small: bool = False
    load: float = 0.0
    """Number of processes that ran or waited for a core when it began, over a minute."""
    cores: int = 0


def law_names() -> Sequence[str]:
    """Return the names of all laws: those of the modules that have one."""
    modules = (found.name for found in pkgutil.iter_modules(bench.__path__))
    return sorted(name for name in modules if not name.startswith(("test_", "__")) and _find(name))


def load_law(name: str) -> Law:
    """Return a law; raises `LookupError` for another name."""
    found = _find(name) if name.isidentifier() else None
    if found is None:
        raise LookupError(f"there is no law {name!r}; there are {', '.join(law_names())}")
    return found


def _find(name: str) -> Law | None:
    try:
        module = importlib.import_module(f"{bench.__name__}.{name}")
    except ModuleNotFoundError:
        return None
    found = getattr(module, "LAW", None)
    return found if isinstance(found, Law) else None
