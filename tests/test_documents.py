"""Tests of reading YAML and of explaining what a model refuses."""

import sys

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from gromit.documents import (
    InvalidField,
    InvalidYaml,
    first_invalid_field,
    invalid_fields,
    parse_yaml,
)


class _Model(BaseModel):
    size: int
    name: str = "x"

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        if value == "bad":
            raise ValueError("NAME is bad")
        return value


def _refuse(value: object) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        _Model.model_validate(value)
    return caught.value


def test_a_document_keeps_its_types() -> None:
    assert parse_yaml(b"a: [1, true, text]") == {"a": [1, True, "text"]}


@pytest.mark.parametrize(
    ("data", "line", "reason"),
    [
        (b"a: 1\nb: [", 2, "expected the node content"),
        (b"a: \xff", None, "not YAML in UTF-8"),
        (b"a: \x00", None, "not YAML in UTF-8"),
        (b"a: 2026-13-45", None, "date or number"),
        pytest.param(b"[" * 3000, 1, "nested too deeply", id="deep and cut short"),
        pytest.param(b"[" * 200 + b"]" * 200, 1, "nested too deeply", id="deep"),
        pytest.param(b"a:\n  " + b"- " * 200 + b"1", 2, "nested too deeply", id="deep blocks"),
    ],
)
def test_a_fault_has_a_reason_and_a_line_if_known(
    data: bytes, line: int | None, reason: str
) -> None:
    with pytest.raises(InvalidYaml, match=reason) as caught:
        parse_yaml(data)
    assert caught.value.line == line


@pytest.mark.parametrize("unique_keys", [False, True])
def test_depth_does_not_hang_on_the_recursion_limit(*, unique_keys: bool) -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(50_000)
    try:
        with pytest.raises(InvalidYaml, match="nested too deeply"):
            parse_yaml(b"[" * 3000, unique_keys=unique_keys)
    finally:
        sys.setrecursionlimit(limit)
    assert parse_yaml(b"[" * 90 + b"]" * 90, unique_keys=unique_keys)


def test_a_reason_does_not_quote_the_document() -> None:
    with pytest.raises(InvalidYaml) as caught:
        parse_yaml(b'key: "secret-text\n')
    assert "secret-text" not in str(caught.value)


def test_duplicate_keys_are_refused_if_asked_for() -> None:
    assert parse_yaml(b"a: 1\na: 2") == {"a": 2}
    with pytest.raises(InvalidYaml, match="line 2: duplicate key a"):
        parse_yaml(b"a: 1\na: 2", unique_keys=True)


def test_the_first_invalid_field_is_named_with_its_kind() -> None:
    error = _refuse({})
    assert first_invalid_field(error) == InvalidField("size", "missing", "field required")


def test_a_reason_of_ours_keeps_its_case_and_hides_the_value() -> None:
    fields = invalid_fields(_refuse({"size": "s3cret", "name": "bad"}))
    assert [(f.path, f.reason) for f in fields][1] == ("name", "NAME is bad")
    assert "s3cret" not in fields[0].reason
