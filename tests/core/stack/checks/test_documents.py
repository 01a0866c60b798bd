"""Rendered config files as documents."""

import pytest

from gromit.core.stack.catalogue import Component
from gromit.core.stack.checks.documents import (
    ParsedFile,
    check_named_files,
    main_file,
    named_files,
    parse_file,
    value_at,
)


def _component(command: tuple[str, ...], *files: str) -> Component:
    return Component(
        name="a",
        image="a:1",
        command=command,
        config_path="/conf",
        templates=dict.fromkeys(files, "{}"),
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{\n"a": 1\n"b": 2}', "is no JSON: Expecting ',' delimiter in line 3"),
        ("listen_port = 5", "is no JSON: Expecting value in line 1"),
        ('{"a": ' + "1" * 5000 + "}", "is no JSON that a program can read"),
    ],
    ids=["comma", "other", "number"],
)
def test_a_file_that_is_no_json_has_a_fault(text: str, fault: str) -> None:
    assert parse_file(text) == ParsedFile(fault=fault)


def test_a_file_that_has_a_key_twice_has_a_fault_and_a_document() -> None:
    fault = "has the key A twice, and only the last one counts"
    assert parse_file('{"a": 1, "A": 2}') == ParsedFile({"a": 1, "A": 2}, fault)


def test_a_file_with_deep_lists_has_a_fault() -> None:
    assert parse_file("[" * 100_000).fault


def test_a_file_that_is_json_is_a_document() -> None:
    assert parse_file('{"a": [1]}').document == {"a": [1]}


def test_the_main_file_is_the_first_that_the_command_names() -> None:
    component = _component(("-c", "/conf/tib.conf", "-p=/conf/p.json"), "p.json", "tib.conf")
    assert named_files(component) == ("tib.conf", "p.json")
    assert main_file(component) == "tib.conf"


@pytest.mark.parametrize(
    ("component", "main"),
    [
        (_component((), "only.conf"), "only.conf"),
        (_component((), "a.conf", "b.conf"), None),
        (_component(("/conf/apps", "/conf/x/y.conf", "/other/a.conf"), "a.conf", "b.conf"), None),
        (Component(name="a", image="a:1", command=("/conf/a.conf",)), None),
    ],
)
def test_without_a_named_file_the_only_one_is_the_main_file(
    component: Component, main: str | None
) -> None:
    assert main_file(component) == main


def test_a_command_that_names_a_file_that_is_not_rendered_is_found() -> None:
    (fault,) = check_named_files(_component(("--conf=/conf/tyk.conf",), "tyk.json"))
    assert fault.reason == "names /conf/tyk.conf, which no template renders"
    assert check_named_files(_component(("--conf=/conf/tyk.conf",), "tyk.conf")) == ()
    assert check_named_files(_component(("--conf=/conf/people.conf",))) == ()


def test_a_value_is_found_whatever_the_case_of_its_names() -> None:
    document = {"Storage": {"HOST": "h"}, "list": [1]}
    assert value_at(document, "storage.host") == "h"
    assert value_at(document, "storage.port") is None
    assert value_at(document, "list.0") is None
