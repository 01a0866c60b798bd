"""Flat rows of gromit v1: names, faults, and refusals with a way out."""

from typing import Any

import pytest

from gromit.core.environments.environment import parse_environment
from gromit.core.environments.v1_rows import (
    is_v1_tombstone,
    v1_fault,
    v1_names,
    v1_refusal,
)
from gromit.core.names import (
    environment_name,
    is_environment_name,
    mapped_name,
    parse_ref,
    reaping_name,
)
from gromit.errors import Conflict

REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "convertible": ({"name": "app", "state": "new", "tyk": "x"}, "run `gromit migrate --apply`"),
    "renamed": ({"name": "TT-1_x", "state": "processed"}, "run `gromit migrate --apply` once"),
    "null": ({"name": "app", "state": "new", "tyk": None}, "run `gromit migrate --apply` once"),
    "deleted": ({"name": "release-3", "state": "deleted"}, "`--keep release-3` creates it again"),
    "state": ({"name": "app", "state": "sown"}, "`--reap app` destroys it"),
    "no state": ({"name": "app"}, "`gromit migrate --apply --keep app`"),
    "version": ({"name": "app", "state": "new", "tyk": 7}, "`gromit migrate --apply --keep app`"),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_names_the_row_and_what_helps(kind: str) -> None:
    row, remedy = REFUSALS[kind]
    refusal = v1_refusal(row)
    assert refusal.message.startswith(f"the row of {row['name']} is from gromit v1")
    assert remedy in str(refusal.hint)
    if fault := v1_fault(row):
        assert fault in refusal.message
    with pytest.raises(Conflict, match="from gromit v1"):
        parse_environment(row)


@pytest.mark.parametrize("kind", REFUSALS)
def test_only_a_deleted_row_without_a_fault_is_a_tombstone(kind: str) -> None:
    assert is_v1_tombstone(REFUSALS[kind][0]) is (kind == "deleted")


def test_a_name_that_gives_none_is_a_fault() -> None:
    assert mapped_name("___") is None
    assert v1_fault({"name": "___", "state": "new"}) == "no environment can have its name"
    assert is_environment_name(reaping_name("___"))


@pytest.mark.parametrize(
    ("ref", "names"),
    [
        ("app-test", ()),
        ("feature/app-test", ()),
        ("TT-1234_fix", ("TT-1234_fix",)),
        ("refs/heads/topic/TT-1234_fix", ("TT-1234_fix",)),
        ("release-3.1.0", ("release-3.1.0",)),
        ("Release-3.1", ("Release-3.1", "Release-31")),
    ],
)
def test_a_branch_may_have_had_other_names_in_gromit_v1(ref: str, names: tuple[str, ...]) -> None:
    assert v1_names(parse_ref(ref)) == names


@pytest.mark.parametrize("name", ["TT-1234_fix", "App-Test", "a.b", "noprocess"])
def test_a_mapped_name_is_that_of_the_branch(name: str) -> None:
    assert mapped_name(name) == environment_name(name)
    assert reaping_name(name) not in {name, environment_name(name)}
