"""Config keys of programs: the lists in the package."""

import pytest

from gromit.adapters.catalogue.program_keys import KEYS, load_program_keys
from gromit.adapters.catalogue.programs import load_program, program_names
from gromit.core.stack.checks.keys import ValueKind

PROGRAMS = ("tyk-dashboard", "tyk-gateway", "tyk-identity-broker", "tyk-pump", "tyk-sink")


def test_every_program_with_a_config_file_has_a_list_of_keys() -> None:
    assert tuple(load_program_keys()) == PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_list_names_each_key_and_each_variable_once(program: str) -> None:
    lines = (KEYS / f"{program}.tsv").read_text(encoding="utf-8").splitlines()
    paths = [line.split("\t")[0].lower() for line in lines]
    variables = [line.split("\t")[2] for line in lines if line.count("\t") == 2]
    assert len(set(paths)) == len(paths)
    assert len(set(variables)) == len(variables)
    assert set(load_program_keys()[program].variables) == set(variables)


@pytest.mark.parametrize(
    ("program", "variable", "path", "kind"),
    [
        ("tyk-gateway", "TYK_GW_LISTENPORT", "listen_port", ValueKind.INT),
        ("tyk-gateway", "TYK_GW_STORAGE_ADDRS", "storage.addrs", ValueKind.HOSTS),
        ("tyk-dashboard", "TYK_DB_TYKAPI_PORT", "tyk_api_config.Port", ValueKind.TEXT),
        ("tyk-dashboard", "TYK_DB_REDISHOST", "redis_host", ValueKind.HOST),
        ("tyk-sink", "TYK_MDCB_HTTPPORT", "http_port", ValueKind.INT),
        (
            "tyk-identity-broker",
            "TYK_IB_BACKEND_IDENTITYBACKENDSETTINGS_HOSTS",
            "BackEnd.IdentityBackendSettings.Hosts",
            ValueKind.HOST_MAP,
        ),
    ],
)
def test_a_variable_belongs_to_its_key(
    program: str, variable: str, path: str, kind: ValueKind
) -> None:
    key = load_program_keys()[program].variables[variable]
    assert (key.path, key.kind) == (path, kind)


def test_pumps_have_free_names_and_documented_types() -> None:
    pumps = load_program_keys()["tyk-pump"].root.below["pumps"]
    assert {"mongo-pump-aggregate", "mongo-pump-selective", "csv", "sql"} <= pumps.sections.keys()


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_facts_about_a_program_name_its_keys_and_other_programs(program: str) -> None:
    facts = load_program(program)
    lines = (KEYS / f"{program}.tsv").read_text(encoding="utf-8").splitlines()
    known = {line.split("\t")[0] for line in lines}
    named = {facts.listens, *facts.health.values(), *facts.retired, *facts.retired.values()}
    named |= {key for need in facts.needs for key in (need.when, *need.unless)}
    assert named - {None} <= known
    named |= {key for need in facts.requires for key in need.any_of}
    others = {name for need in facts.needs for name in need.any_of}
    assert others <= set(program_names())


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_secret_has_the_variable_of_its_key(program: str) -> None:
    keys = load_program_keys()[program].variables
    secrets = [secret for secret in load_program(program).secrets if secret.key is not None]
    assert {s.variable: keys[s.variable].path for s in secrets} == {
        s.variable: s.key for s in secrets
    }
