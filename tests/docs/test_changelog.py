"""Changelog fragments: each one has a known type and a text, and towncrier renders all of them."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.markdown import ROOT

FRAGMENTS = ROOT / "changelog.d"
GUIDE = "README.md"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
TYPES = [kind["directory"] for kind in SETTINGS["type"]]
TEXT_MAX = 500

_NAME = re.compile(r"\+([a-z0-9]+(?:-[a-z0-9]+)*)\.([a-z]+)\.md")


def faults(fragment: Path) -> Iterator[str]:
    """Reasons to refuse a fragment."""
    name = _NAME.fullmatch(fragment.name)
    if not name:
        yield f"{fragment.name}: name it +SUBJECT.TYPE.md"
    elif name[2] not in TYPES:
        yield f"{fragment.name}: {name[2]} is not one of {', '.join(TYPES)}"
    text = fragment.read_text(encoding="utf-8")
    if not re.fullmatch(r"[A-Z`].+[.]\n", text):
        yield f"{fragment.name}: write full sentences, in one line"
    if len(text) > TEXT_MAX:
        yield f"{fragment.name}: write at most {TEXT_MAX} characters"


def _fragments() -> list[Path]:
    return sorted(path for path in FRAGMENTS.iterdir() if path.name != GUIDE)


def _towncrier(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "towncrier", "build", "--version", "9.9.9", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of everything that towncrier reads."""
    shutil.copytree(FRAGMENTS, tmp_path / "changelog.d")
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("fragment", _fragments(), ids=lambda path: path.name)
def test_a_fragment_has_a_known_type_and_a_text(fragment: Path) -> None:
    assert list(faults(fragment)) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("env.fixed.md", "It works.\n", "name it"),
        (
            "+env.improved.md",
            "It works.\n",
            "improved is not one of added, changed, fixed, removed, security",
        ),
        ("+env.fixed.md", "it works\n", "full sentences"),
        ("+env.fixed.md", "It works.\n\nIt does.\n", "in one line"),
        ("+env.fixed.md", f"It {'really ' * 100}works.\n", "at most"),
    ],
)
def test_a_bad_fragment_is_refused(tmp_path: Path, name: str, text: str, fault: str) -> None:
    (tmp_path / name).write_text(text)
    assert [found for found in faults(tmp_path / name) if fault in found] != []


def test_the_guide_lists_all_types() -> None:
    assert (
        re.findall(r"^\| `(\w+)` \|", (FRAGMENTS / GUIDE).read_text(encoding="utf-8"), re.MULTILINE)
        == TYPES
    )


def test_a_draft_contains_every_fragment(tree: Path) -> None:
    done = _towncrier(tree, "--draft")
    assert done.returncode == 0, done.stderr
    assert [
        path.name for path in _fragments() if path.read_text(encoding="utf-8") not in done.stdout
    ] == []


def test_a_release_gets_a_section_and_leaves_only_the_guide(tree: Path) -> None:
    (tree / "changelog.d" / "+planted.security.md").write_text("A planted hole is closed.\n")
    done = _towncrier(tree, "--yes", "--date", "2030-01-02")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (tree / "changelog.d").iterdir()] == [GUIDE]
    changelog = (tree / "CHANGELOG.md").read_text(encoding="utf-8")
    _, section = changelog.split("\n## 9.9.9 (2030-01-02)\n")
    assert section.endswith("### Security\n\n- A planted hole is closed.\n")
    assert changelog.index("## Unreleased") < changelog.index("## 9.9.9")


@pytest.mark.parametrize("name", ["+planted.improved.md", "planted.md"])
def test_towncrier_refuses_a_misnamed_fragment(tree: Path, name: str) -> None:
    (tree / "changelog.d" / name).write_text("It works.\n")
    done = _towncrier(tree, "--draft")
    assert done.returncode == 1
    assert "Invalid news fragment name" in done.stderr
