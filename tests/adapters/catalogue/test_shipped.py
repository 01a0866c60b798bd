"""Public components of the shipped catalogue, read without the rest of it."""

from pathlib import Path

import pytest

from gromit.adapters.catalogue import shipped
from gromit.adapters.catalogue.file import load_catalogue
from gromit.adapters.catalogue.shipped import shipped_public_components

HEALTH = """
components:
  - {name: one, image: "redis:7", port: 80, public: true, health: {path: /, grace: 5}}
  - name: two
    image: redis:7
    port: 81
    public: true
    health: {path: /a, key: state, ready: /b, degraded_by: fail}
  - {name: three, image: "redis:7", port: 82, public: true}
  - {name: four, image: "redis:7", port: 83}
"""


def test_they_are_those_of_the_whole_catalogue() -> None:
    found = shipped_public_components()
    assert found == load_catalogue().public
    assert found.names
    assert found.checks


def test_all_keys_of_a_health_check_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tyk.yaml"
    path.write_text(HEALTH)
    monkeypatch.setattr(shipped, "SHIPPED", path)
    found = shipped_public_components()
    assert found == load_catalogue(path).public
    assert found.names == {"one", "two", "three"}
    assert found.checks.keys() == {"one", "two"}
