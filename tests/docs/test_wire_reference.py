"""The pages on names and on the wire match the code."""

import pytest

from gromit.core.environments.environment import WIRE_STATE, Source
from gromit.core.environments.phases import Phase
from gromit.core.names import NAME_MAX, REF_MAX, RESERVED, parse_ref
from gromit.core.security.roles import Role, is_allowed
from gromit.errors import InvalidInput
from gromit.services.reporting import BuildResult
from gromit.web.bodies import DEPTH_MAX, DIGITS_MAX, KEYS_MAX
from gromit.web.server.limits import ClientLimits
from tests.docs.markdown import read, table
from tests.web.api.test_admission_over_tls import EXPECTED

NAMES, WIRE = read("reference/names.md"), read("reference/wire.md")


def _request(method: str, path: str) -> str:
    return f"{method} {path.replace(':path', '')}"


def test_every_example_of_a_name_is_right() -> None:
    examples = table(NAMES, "## Examples")
    assert len(examples) > 10
    assert {ref: parse_ref(ref).environment for ref in examples} == {
        ref: row[0].strip("`") for ref, row in examples.items()
    }


def test_every_ref_that_is_said_to_be_refused_is() -> None:
    for ref in table(NAMES, "## Refused"):
        with pytest.raises(InvalidInput):
            parse_ref(ref)


def test_reserved_names_are_listed() -> None:
    assert table(NAMES, "## Reserved").keys() == RESERVED


def test_the_figures_of_names_are_right() -> None:
    assert f"1 to {NAME_MAX} of the characters" in NAMES
    assert f"more than {REF_MAX} characters" in NAMES


def test_the_table_of_roles_is_the_admission_table() -> None:
    rows = table(WIRE, "## Permissions")
    assert all(row == ["yes"] * len(Role) for name, row in rows.items() if name.startswith("`GET`"))
    changes = {
        _request(method, path): roles
        for (method, path), roles in EXPECTED.items()
        if method != "GET"
    }
    documented = {
        name: {r for r, cell in zip(Role, row, strict=True) if cell == "yes"}
        for name, row in rows.items()
    }
    assert {name: roles for name, roles in documented.items() if "GET" not in name} == changes
    for name, roles in changes.items():
        method, path = name.split()
        assert {r for r in Role if is_allowed(r, method, path)} == roles


def test_every_route_is_listed() -> None:
    routes = {_request(method, path) for method, path in EXPECTED}
    listed = table(WIRE, "## The flat interface").keys() | table(WIRE, "## /v1").keys()
    assert listed == routes


def test_every_state_lists_its_phases() -> None:
    documented = {
        state: {p.strip(" `") for p in row[1].split(",")}
        for state, row in table(WIRE, "## The flat environment").items()
    }
    assert documented == {
        state: {p for p, s in WIRE_STATE.items() if s == state}
        for state in set(WIRE_STATE.values())
    }
    assert set().union(*documented.values()) == set(Phase) - {Phase.GONE}


def test_every_source_of_a_version_is_listed() -> None:
    assert {row[1].strip("`") for row in table(WIRE, "## Which version runs").values()} == set(
        Source
    )


def test_every_outcome_of_a_build_is_listed() -> None:
    assert table(WIRE, "Outcomes of a build:").keys() == set(BuildResult)


def test_the_figures_of_limits_are_right() -> None:
    limits = ClientLimits()
    assert f"more than {limits.body_bytes // 1024} KiB" in WIRE
    assert f"headers of more than {limits.head_bytes // 1024} KiB" in WIRE
    assert f"deeper than {DEPTH_MAX} levels, with more than {KEYS_MAX} keys" in WIRE
    assert f"a number of more than {DIGITS_MAX} digits" in WIRE
