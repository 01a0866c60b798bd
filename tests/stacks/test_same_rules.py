"""Rules that both Python and Terraform hold: names of environments and components, Fargate sizes.

Terraform cannot read Python's definition, and the stack must refuse a wrong value when a person
applies it. So both sides hold each rule, and these tests compare them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from gromit.adapters.catalogue.entry import FARGATE_SIZES
from gromit.core.names import NAME_MAX, is_environment_name
from gromit.core.stack.catalogue import Component
from gromit.errors import ConfigError
from tests.stacks.hcl import Directory, directory, everything

STACK = "src/gromit/stacks/devenv"
COMPONENT = f"{STACK}/modules/component"
PART = "terraform/modules/part"

_SIZE = re.compile(r'"(\d+)" = (?:\[([\d, ]+)\]|range\((\d+), (\d+) \+ 1, (\d+)\))')
_PATTERN = re.compile(r'regex\("(\^[^"]*\$)", ')
_NO_DOUBLE_DASH = re.compile(r'!strcontains\([\w.]+, "--"\)')


def conditions(place: Directory, variable: str) -> list[str]:
    """Return the conditions of a variable's validations."""
    (block,) = (block for block in place.blocks("variable") if block.name == variable)
    return [str(validation["condition"]) for validation in block.body["validation"]]


def hcl_sizes(place: Directory, variable: str) -> Mapping[int, Sequence[int]]:
    """Return CPU units to MiB of memory, from the only condition with such a table."""
    (condition,) = (text for text in conditions(place, variable) if _SIZE.search(text))
    found = _SIZE.findall(condition)
    assert len(found) == condition.count(" = "), f"{condition} has entries in another form"
    return {
        int(cpu): [int(memory) for memory in listed.split(",")]
        if listed
        else range(int(first), int(last) + 1, int(step))
        for cpu, listed, first, last, step in found
    }


def hcl_accepts(place: Directory, variable: str, name: str) -> bool:
    """Whether the only condition of a variable accepts a name."""
    (condition,) = conditions(place, variable)
    (pattern,) = _PATTERN.findall(condition)
    fits = re.search(pattern, name) is not None
    return fits and not (_NO_DOUBLE_DASH.search(condition) and "--" in name)


def is_component_name(name: str) -> bool:
    try:
        Component(name=name, image="redis:7")
    except ConfigError:
        return False
    return True


NAMES = (
    "a",
    "0",
    "a" * NAME_MAX,
    "a" * (NAME_MAX + 1),
    "app-test",
    "1-a",
    "",
    "-a",
    "a-",
    "a--b",
    "App",
    "a.b",
    "a_b",
    "ä",
    "a b",
)
"""Names on both sides of every bound. Reserved names are refused elsewhere."""

RULES: Sequence[tuple[str, str, Callable[[str], bool]]] = (
    (STACK, "name", is_environment_name),
    (STACK, "components", is_component_name),
    (COMPONENT, "env", is_environment_name),
    (COMPONENT, "name", is_component_name),
)
SIZED = ((COMPONENT, "definition"), (PART, "size"))


def differing_names(place: Directory, variable: str, accepts: Callable[[str], bool]) -> list[str]:
    """Return the names that only one of Terraform and Python accepts."""
    return [name for name in NAMES if hcl_accepts(place, variable, name) != accepts(name)]


def differing_sizes(place: Directory, variable: str) -> set[tuple[int, int]]:
    """Return the pairs of CPU and memory that only one of Terraform and Python accepts."""
    return _pairs(hcl_sizes(place, variable)) ^ _pairs(FARGATE_SIZES)


def _pairs(sizes: Mapping[int, Sequence[int]]) -> set[tuple[int, int]]:
    return {(cpu, memory) for cpu, memories in sizes.items() for memory in memories}


@pytest.mark.parametrize(("name", "variable", "accepts"), RULES)
def test_terraform_and_python_accept_the_same_names(
    name: str, variable: str, accepts: Callable[[str], bool]
) -> None:
    assert differing_names(directory(name), variable, accepts) == []


@pytest.mark.parametrize(("name", "variable"), SIZED)
def test_terraform_and_python_know_the_same_sizes_of_fargate(name: str, variable: str) -> None:
    assert differing_sizes(directory(name), variable) == set()


def test_no_other_variable_has_a_table_of_sizes() -> None:
    found = {
        (place.name, block.name)
        for place in everything()
        for block in place.blocks("variable")
        for validation in block.body.get("validation", [])
        if _SIZE.search(str(validation["condition"]))
    }
    assert found == set(SIZED)


def changed(place: Directory, old: str, new: str) -> Directory:
    text = place.texts["variables.tf"]
    assert old in text
    return replace(place, texts={**place.texts, "variables.tf": text.replace(old, new)})


@pytest.mark.parametrize(("name", "variable", "accepts"), RULES)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{0,38}", "{0,37}"),
        ("{0,38}", "{0,39}"),
        ("^[a-z0-9]", "^[a-z]"),
        ("[a-z0-9-]", "[a-z0-9._-]"),
        ("[a-z0-9])?$", "[a-z0-9-])?$"),
        (', "--")', ', "---")'),
    ],
)
def test_a_difference_between_names_is_noticed(
    name: str, variable: str, accepts: Callable[[str], bool], old: str, new: str
) -> None:
    assert differing_names(changed(directory(name), old, new), variable, accepts)


@pytest.mark.parametrize(("name", "variable"), SIZED)
@pytest.mark.parametrize(
    ("old", "new", "pair"),
    [
        ("[512, 1024, 2048]", "[512, 1024]", (256, 2048)),
        ("range(8192, 30720 + 1, 1024)", "range(8192, 31744 + 1, 1024)", (4096, 31744)),
        ('"16384" =', '"16385" =', (16384, 32768)),
    ],
)
def test_a_difference_between_sizes_is_noticed(
    name: str, variable: str, old: str, new: str, pair: tuple[int, int]
) -> None:
    assert pair in differing_sizes(changed(directory(name), old, new), variable)
