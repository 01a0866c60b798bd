"""Paths and Python names of the source tree that the pages mention exist."""

import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.markdown import DOCS, ROOT

SOURCE = ROOT / "src" / "gromit"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
TREE = {path.name for parent in (ROOT, SOURCE) for path in parent.iterdir() if path.is_dir()}
"""Folders that a path in the tree begins with."""

_NAME = re.compile(r"`(gromit(?:\.\w+){2,})(?:\([^`]*\))?`")
"""A dotted name below a package: the labels of containers have two parts only."""
_SPAN = re.compile(r"`([\w.-]+(?:/[\w.-]+)*/?)`")


def paths(text: str) -> Iterator[str]:
    """Yield code spans of a page that are paths, from the repository or from the package."""
    for path in _SPAN.findall(text):
        first, slash, _ = path.partition("/")
        if slash and first in TREE:
            yield path


def is_importable(name: str) -> bool:
    """Whether a dotted name is a module of the package, or something in one."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def exists(path: str) -> bool:
    """Whether the repository or the package has this path. A `/` at its end demands a folder."""
    places = [parent / path for parent in (ROOT, SOURCE)]
    return any(place.is_dir() if path.endswith("/") else place.exists() for place in places)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_of_a_page_exists(page: Path) -> None:
    assert [path for path in paths(page.read_text(encoding="utf-8")) if not exists(path)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_python_name_of_a_page_exists(page: Path) -> None:
    names = _NAME.findall(page.read_text(encoding="utf-8"))
    assert [name for name in names if not is_importable(name)] == []


@pytest.mark.parametrize(
    ("page", "least"), [("docs/explanation/architecture.md", 12), ("CONTRIBUTING.md", 50)]
)
def test_pages_about_the_tree_name_many_paths(page: str, least: int) -> None:
    assert len(set(paths((ROOT / page).read_text(encoding="utf-8")))) >= least


def test_every_folder_of_a_layer_is_in_the_tree_of_the_guide() -> None:
    named = set(paths((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    layers = ("core", "adapters", "web", "local")
    folders = {
        f"src/gromit/{p.relative_to(SOURCE)}/"
        for layer in layers
        for p in (SOURCE / layer).iterdir()
        if p.is_dir()
    }
    assert {f for f in folders if not f.endswith("__pycache__/")} - named == set()


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("gromit.core.stack.config_files.folder_hash", True),
        ("gromit.core.stack.kernel", False),
        ("gromit.core.stack.config_files.planted", False),
    ],
)
def test_a_planted_name_is_found(name: str, *, there: bool) -> None:
    assert is_importable(name) is there


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("| `core/lifecycle.py` | planted |", ["core/lifecycle.py"]),
        ("`src/gromit/kernel/` and `src/gromit/core/`", ["src/gromit/kernel/"]),
        ("`web/protocol.py`, `web/server/protocol.py`, `log.py/`", ["web/protocol.py"]),
        ("`tests/kernel/`", ["tests/kernel/"]),
        ("`ports.py/core`, `/config/x.json`, `feature/app-test`, `refs/heads/a`", []),
    ],
)
def test_a_planted_path_is_found(text: str, wrong: list[str]) -> None:
    assert [path for path in paths(text) if not exists(path)] == wrong
