"""Files that the page serves: those of others are as released, and there are no more scripts."""

import json
from hashlib import sha256

import pytest

from gromit.web.page.rendering import STATIC, TYPES, static_address, static_file

VENDORED = json.loads((STATIC / "vendored.json").read_bytes())


@pytest.mark.parametrize("name", VENDORED)
def test_a_file_of_others_is_the_one_that_was_released(name: str) -> None:
    entry = VENDORED[name]
    assert sha256((STATIC / name).read_bytes()).hexdigest() == entry["sha256"]
    assert entry["version"]
    assert "purpose" in (STATIC / entry["licence"]).read_text(encoding="utf-8")


def test_there_is_no_other_script() -> None:
    names = {file.name for file in STATIC.iterdir()}
    licences = {entry["licence"] for entry in VENDORED.values()}
    assert names == TYPES.keys() | licences | {"vendored.json"}
    assert {name for name in names if name.endswith(".js")} == set(VENDORED)


def test_the_htmx_of_the_name_is_the_htmx_of_the_file() -> None:
    assert f'version:"{VENDORED["htmx.min.js"]["version"]}"' in static_file("htmx.min.js").decode()


def test_the_address_of_a_file_changes_with_it() -> None:
    digest = sha256(static_file("style.css")).hexdigest()
    assert static_address("style.css") == f"/page/style.css?{digest[:12]}"


def test_the_style_loads_nothing() -> None:
    assert "url(" not in static_file("style.css").decode()
    assert "@import" not in static_file("style.css").decode()
