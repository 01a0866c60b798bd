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


@dataclass(frozen=True, slots=True)
class Extent:
    """Extent of a run."""

    is_small: bool
    """Only to show that the laws can be measured: sizes are small, and times say little."""
    folder: Path
    """An empty folder of the law's own."""
    say: Say
    """Receives progress lines."""

    def sizes(self, *all_sizes: int) -> tuple[int, ...]:
        """Return the sizes to measure at; a small run takes a tenth of each, at least 1."""
        return tuple(max(1, size // 10) for size in all_sizes) if self.is_small else all_sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One figure, and its limit."""

    what: str
    unit: str
    limit: float
    """Largest value that reaches the goal."""
    measured: float
    is_count: bool = False
    """Whether the figure is exact on any machine."""

    @property
    def is_reached(self) -> bool:
        """Whether the figure is within its limit."""
        return self.measured <= self.limit


@dataclass(frozen=True, slots=True)
class Curve:
    """Costs at some sizes."""

    size: str
    """Name of the size, with its unit."""
    cost: str
    """Name of the cost, with its unit."""
    points: tuple[tuple[float, float], ...]

    @property
    def exponent(self) -> float:
        """Return the exponent of growth: 0 is flat, 1 is in proportion to the size."""
        pairs = [(math.log(size), math.log(cost)) for size, cost in self.points if cost > 0]
        if len({x for x, _ in pairs}) < 2:
            return 0.0
        mean_x = sum(x for x, _ in pairs) / len(pairs)
        mean_y = sum(y for _, y in pairs) / len(pairs)
        spread = sum((x - mean_x) ** 2 for x, _ in pairs)
        return sum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread


@dataclass(frozen=True, slots=True)
class Measured:
    """Result of a law."""

    goals: tuple[Goal, ...]
    curve: Curve


@dataclass(frozen=True, slots=True)
class Law:
    """A claim, and how it is measured."""

    claim: str
    """One sentence."""
    measure: Callable[[Extent], Measured]


@dataclass(frozen=True, slots=True)
class LawResult:
    """A law with what was measured."""

    name: str
    claim: str
    measured: Measured


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
