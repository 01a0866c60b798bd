"""Each key of the shipped config files: another spelling or another type is found."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gromit.adapters.catalogue.file import load_catalogue
from gromit.adapters.catalogue.program_keys import load_program_keys
from gromit.adapters.catalogue.programs import load_program
from gromit.core.stack.catalogue import Component
from gromit.core.stack.checks.documents import main_file
from gromit.core.stack.checks.faults import CatalogueFault
from gromit.core.stack.checks.key_check import check_document
from gromit.core.stack.checks.keys import ValueKind, walk_config
from gromit.core.stack.config_templates import render_files, sample_variables

Path = tuple[str, ...]

CATALOGUE = load_catalogue()
KEYS = load_program_keys()
COMPONENTS = [c for c in CATALOGUE.components.values() if c.program in KEYS]
RENDERED = render_files(CATALOGUE, sample_variables(CATALOGUE))
FREE = {("pumps", "mongoaggregate"), ("pumps", "mongoselective")}
"""Names that the user chooses."""
KINDS = {(*path, "type") for path in FREE}
"""Keys that decide which other keys a section has. A mistake in them is one of the section."""


@pytest.fixture(params=COMPONENTS, ids=lambda c: c.name)
def component(request: pytest.FixtureRequest) -> Component:
    """Each component whose config keys are known."""
    found: Component = request.param
    return found


def _document(component: Component) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(RENDERED[component.name][main_file(component) or ""])
    return document


def _faults(component: Component, document: object) -> list[CatalogueFault]:
    program = load_program(component.program or "")
    keys = KEYS[program.name]
    return list(check_document(component.name, "file", document, program, keys))


def _paths(document: object, above: Path = ()) -> Iterator[Path]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield (*above, name)
            yield from _paths(value, (*above, name))


def _renamed(document: dict[str, Any], path: Path, name: str) -> dict[str, Any]:
    first, *rest = path
    if not rest:
        return {name if key == first else key: value for key, value in document.items()}
    below = _renamed(document[first], tuple(rest), name)
    return {key: below if key == first else value for key, value in document.items()}


def _swapped(name: str) -> str:
    """Swap the first two letters that are different."""
    at = next(at for at in range(len(name)) if name[at].lower() != name[at + 1].lower())
    return name[:at] + name[at + 1] + name[at] + name[at + 2 :]


@pytest.mark.parametrize(
    "change",
    [_swapped, lambda name: name[:-1], lambda name: f"{name}_"],
    ids=["swapped", "shorter", "longer"],
)
def test_each_misspelled_key_is_found(component: Component, change: Any) -> None:
    document = _document(component)
    missed = []
    for path in _paths(document):
        name = change(path[-1])
        if path in FREE or "Hosts" in path[:-1]:
            continue
        expected = path[:-1] if path in KINDS else (*path[:-1], name)
        found = _faults(component, _renamed(document, path, name))
        if [fault.subject for fault in found] != [f"file: {'.'.join(expected)}"]:
            missed.append(path)
    assert missed == []


def test_swapped_letters_are_a_mistake_for_sure(component: Component) -> None:
    document = _document(component)
    for path in _paths(document):
        if path not in FREE | KINDS and "Hosts" not in path[:-1]:
            (fault,) = _faults(component, _renamed(document, path, _swapped(path[-1])))
            assert fault.certain, path


def test_each_value_of_another_type_is_found(component: Component) -> None:
    document = _document(component)
    for value in walk_config(KEYS[component.program or ""], document):
        path = tuple(value.path.split("."))
        if value.key is None or value.key.kind is ValueKind.ANY or path in KINDS:
            continue
        wrong: object = [[]] if isinstance(value.value, str | bool | int) else "text"
        changed = _set(document, path, wrong)
        reasons = [fault.reason for fault in _faults(component, changed)]
        assert any(reason.startswith("must be") for reason in reasons), value.path


def _set(document: dict[str, Any], path: Path, value: object) -> dict[str, Any]:
    first, *rest = path
    below = _set(document[first], tuple(rest), value) if rest else value
    return {**document, first: below}
