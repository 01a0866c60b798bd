"""Suite: a weakened guard makes a test fail.

Each guard of the list is weakened in a copy of the tree, never in the tree itself, and the tests
that hold it run there. A guard whose text is not found any more is a violation as well, so that the
list stays true.
"""

import ast
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.prove.guard_list import GUARDS, Guard
from tests.prove.suite import Effort, Proof, Suite, Violation

ROOT = Path(__file__).parents[2]
SOURCE = Path("src/gromit")
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", ".coverage*", ".terraform"
)
_QUICK = ("core/", "services/")
"""Tests that a quick run may choose: they start in a second."""
_SLOW = frozenset({"core/environments/test_worker_protocol.py", "services/test_registry.py"})
"""Tests that search for minutes, and are no part of a quick search."""
_PASSED, _FAILED, _ENDLESS = 0, 1, -1
_LONGEST_S = 600
"""Longest time of one file of tests. A single test has the limit of all tests."""


@dataclass(frozen=True, slots=True)
class TreeCopy:
    """A copy of the tree, in which guards are weakened one after the other."""

    root: Path

    @classmethod
    def make(cls, folder: Path) -> "TreeCopy":
        """Copy the tree."""
        root = folder / "tree"
        shutil.copytree(ROOT, root, ignore=_LEFT_OUT, symlinks=True)
        return cls(root)

    @contextmanager
    def weakened(self, guard: Guard) -> Iterator[None]:
        """Replace the guard by its weaker form during the block."""
        path = self.root / place(guard)
        text, times = path.read_text(encoding="utf-8"), path.stat()
        path.write_text(weakened(text, guard), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")
            # Python knows compiled code by this time.
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def run(self, tests: Sequence[str]) -> tuple[int, str]:
        """Run tests until the first failure; return pytest's exit code and its last lines.

        The code is `_ENDLESS` if they do not end in time.
        """
        environ = {**os.environ, "PYTHONPATH": str(self.root / "src")}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        options = [
            "-q",
            "-x",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
        ]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *options, *(f"tests/{test}" for test in tests)],
                cwd=self.root,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
                timeout=_LONGEST_S * len(tests),
            )
        except subprocess.TimeoutExpired as error:
            return _ENDLESS, str(error)
        return done.returncode, "\n".join((done.stdout + done.stderr).splitlines()[-15:])


def place(guard: Guard) -> Path:
    """Return the path of a guard's file in the tree."""
    return Path(guard.path) if guard.path.startswith("hooks/") else SOURCE / guard.path


def weakened(text: str, guard: Guard) -> str:
    """Return a file's text with the guard in its weaker form."""
    return text.replace(guard.text, guard.weaker)


def faults(guard: Guard, root: Path = ROOT) -> Iterator[str]:
    """Yield what is wrong with an entry of the list."""
    path = root / place(guard)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if (found := text.count(guard.text)) != 1:
        yield f"the guard's text is found {found} times in {guard.path}: {guard.text!r}"
    elif weakened(text, guard) == text:
        yield "the weaker form is the same"
    else:
        try:
            ast.parse(weakened(text, guard))
        except SyntaxError as error:
            yield f"the weaker form is no Python: {error}"
    for test in guard.tests:
        if not (root / "tests" / test).is_file():
            yield f"there is no {test}"
    if not guard.tests:
        yield "no test is named"


def search(effort: Effort) -> Proof:
    """Check the list, and weaken its guards; a quick search weakens only one."""
    wrong = [Violation(_case(g), fault) for g in GUARDS for fault in faults(g)]
    if wrong:
        return Proof(len(GUARDS), tuple(wrong))
    chosen = _chosen(effort)
    copy = TreeCopy.make(effort.folder)
    tests = sorted({test for guard in chosen for test in guard.tests})
    effort.say(f"running {len(tests)} tests on the tree as it is")
    code, tail = copy.run(tests)
    if code != _PASSED:
        return Proof(len(GUARDS), (Violation("the tree as it is", tail),))
    violations: list[Violation] = []
    for number, guard in enumerate(chosen, 1):
        effort.say(f"{number} of {len(chosen)}: {_case(guard)}")
        violations += _weaken(copy, guard)
    note = f"{len(chosen)} of {len(GUARDS)} guards weakened, {len(chosen) - len(violations)} caught"
    return Proof(len(chosen), tuple(violations), (note,))


def _chosen(effort: Effort) -> Sequence[Guard]:
    if not effort.is_quick:
        return GUARDS
    cheap = [g for g in GUARDS if all(t.startswith(_QUICK) and t not in _SLOW for t in g.tests)]
    return random.Random(effort.seed).sample(cheap, 1)


def _weaken(copy: TreeCopy, guard: Guard) -> Iterator[Violation]:
    with copy.weakened(guard):
        code, tail = copy.run(guard.tests)
    if code == _PASSED:
        yield Violation(_case(guard), f"no test fails without it: {' '.join(guard.tests)}")
    elif code != _FAILED:
        yield Violation(_case(guard), f"its tests could not run (exit code {code}):\n{tail}")


def _case(guard: Guard) -> str:
    return f"{guard.name}: {guard.path}: {guard.text!r} becomes {guard.weaker!r}"


SUITE = Suite("Each guard is held by a test: without the guard, the test fails.", search)
