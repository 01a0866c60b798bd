"""Programs: their files, and the shipped catalogue's use of them."""

from pathlib import Path

import pytest

from gromit.adapters.catalogue import file as catalogue_file
from gromit.adapters.catalogue.programs import load_program, program_names
from gromit.core.stack.programs import missing_secrets, unequal_secrets
from gromit.errors import ConfigError


def test_every_program_loads_with_secrets_of_its_own_variables() -> None:
    seen: set[str] = set()
    for name in program_names():
        program = load_program(name)
        assert program.name == name
        for secret in program.secrets:
            assert secret.variable not in seen
            assert secret.peer is None or secret.peer in program_names()
            seen.add(secret.variable)


def test_secrets_of_one_group_are_made_in_the_same_way() -> None:
    made: dict[str, set[str]] = {}
    for name in program_names():
        for secret in load_program(name).secrets:
            made.setdefault(secret.group, set()).add(secret.made)
    assert {group: len(ways) for group, ways in made.items()} == dict.fromkeys(made, 1)


def test_every_shipped_component_names_its_program_and_every_group_its_secret() -> None:
    catalogue = catalogue_file.load_catalogue()
    uses = catalogue.program_uses
    assert {use.component for use in uses} == catalogue.components.keys()
    assert {use.program.name for use in uses} == set(program_names())
    assert missing_secrets(uses) == ()
    assert unequal_secrets(uses) == ()
    assert catalogue.used_secrets == dict(sorted(catalogue.secrets.items()))
    groups = {s.group: s.made for use in uses for s in use.program.secrets}
    assert {name: secret.made for name, secret in catalogue.secrets.items()} == groups


def test_an_unknown_program_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("components: [{name: x, repository: x, program: tyk-gatway}]")
    with pytest.raises(ConfigError) as caught:
        catalogue_file.load_catalogue(path)
    assert "component x: program: there is no program tyk-gatway" in caught.value.message
    assert "tyk-gateway" in caught.value.message
