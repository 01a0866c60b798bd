"""Suites: one claim each, and a search for cases that contradict it."""

import importlib
import pkgutil
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests import prove

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Violation:
    """One case that contradicts a claim."""

    case: str
    """The smallest input that was found, such that a person can repeat it."""
    problem: str


@dataclass(frozen=True, slots=True)
class Proof:
    """Result of a search."""

    cases: int
    violations: tuple[Violation, ...] = ()
    notes: tuple[str, ...] = ()
    """Figures, and what was left out and why."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Extent of a search."""

    is_quick: bool
    """Only a small part, in seconds: `make test` runs it."""
    seed: int
    """Source of all randomness: the same seed repeats the same cases."""
    folder: Path
    """An empty folder of the suite's own."""
    say: Say
    """Receives progress lines."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A claim and its search."""

    claim: str
    """One sentence."""
    search: Callable[[Effort], Proof]
    marks: tuple[str, ...] = ()
    """Marks of pytest for the quick part, for example `terraform`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one suite, with its duration."""

    name: str
    claim: str
    proof: Proof
    seconds: float


def suite_names() -> Sequence[str]:
    """Return the names of all suites."""
    modules = (found.name for found in pkgutil.iter_modules(prove.__path__))
    return sorted(
        name for name in modules if not name.startswith(("test_", "__")) and _find(name) is not None
    )


def load_suite(name: str) -> Suite:
    """Return a suite; raises `LookupError` for another name."""
    suite = _find(name) if name.isidentifier() else None
    if suite is None:
        raise LookupError(f"there is no suite {name}; there are {', '.join(suite_names())}")
    return suite


def run_suite(name: str, suite: Suite, effort: Effort) -> Finding:
    """Run one suite. If its search itself fails, this is a violation, too."""
    started = monotonic()
    try:
        proof = suite.search(effort)
    except Exception as error:  # noqa: BLE001 - the other suites run all the same
        effort.say(traceback.format_exc())
        violation = Violation("the search itself", f"{type(error).__name__}: {error}")
        proof = Proof(0, (violation,))
    if not proof.cases and not proof.violations:
        proof = Proof(0, (Violation("the search itself", "it had no cases"),), proof.notes)
    return Finding(name, suite.claim, proof, round(monotonic() - started, 1))


def _find(name: str) -> Suite | None:
    try:
        module = importlib.import_module(f"{prove.__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name == f"{prove.__name__}.{name}":
            return None
        raise
    suite = getattr(module, "SUITE", None)
    return suite if isinstance(suite, Suite) else None
