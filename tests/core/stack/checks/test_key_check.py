"""Check of config files and variables against the keys of a small made-up program."""

import pytest

from gromit.core.stack.catalogue import Component
from gromit.core.stack.checks.faults import CatalogueFault, FaultKind
from gromit.core.stack.checks.key_check import (
    check_document,
    check_variable_names,
    check_variables,
)
from gromit.core.stack.checks.keys import parse_keys
from gromit.core.stack.programs import Program, ProgramSecret
from gromit.core.stack.secrets import SecretOrigin
from gromit.errors import ConfigError

KEYS = parse_keys(
    ".\tobject\n"
    "listen_port\tint\tA_GW_LISTENPORT\n"
    "log_level\ttext:|debug|info\tA_GW_LOGLEVEL\n"
    "storage\tobject\n"
    "storage.host\thost\tA_GW_STORAGE_HOST\n"
    "storage.pool\tuint\tA_GW_STORAGE_POOL\n"
    "tags\ttexts\n"
    "codes\tints\n"
    "rate\tnumber\n"
    "on\tbool\tA_GW_ON\n"
    "labels\tmap\n"
    "more\tany\n"
    "addresses\thosts\tA_GW_ADDRESSES\n"
    "hosts\thostmap\n"
    "plugins\tlist"
)
PUMP_KEYS = parse_keys(
    ".\tobject\n"
    "delay\tint\tA_PMP_DELAY\n"
    "pumps\tobject\n"
    "pumps.<sql>\tobject\n"
    "pumps.<sql>.type\ttext\n"
    "pumps.<sql>.meta\tobject\n"
    "pumps.<sql>.meta.url\ttext\tA_PMP_PUMPS_SQL_META_URL"
)
PROGRAMS = {"gate": KEYS, "pump": PUMP_KEYS}
SECRET = ProgramSecret(
    variable="A_GW_SECRET", group="api", made=SecretOrigin.RANDOM, without="it does not start"
)
GATE = Program(name="gate", secrets=(SECRET,), retired={"listen_port": "port"})
PUMP = Program(name="pump")


def _component(environment: dict[str, str], **secrets: str) -> Component:
    return Component(name="a", image="a:1", environment=environment, secrets=secrets)


def _in_file(document: object, program: str = "gate") -> list[CatalogueFault]:
    keys = PROGRAMS[program]
    return list(check_document("a", "a.conf", document, Program(name=program), keys))


def _subjects(document: object, program: str = "gate") -> list[tuple[str, bool]]:
    return [(f.subject.removeprefix("a.conf: "), f.certain) for f in _in_file(document, program)]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"listen_port": 8181, "log_level": "info", "on": True, "rate": 1.5, "codes": [1]},
        {"LISTEN_PORT": 1, "Log_Level": "DEBUG", "log_format": None} | {"log_format": None},
        {"listen_port": None, "tags": None, "storage": None},
        {"storage": {"host": "h", "pool": 0}, "tags": ["a"], "labels": {"any": {"thing": 1}}},
        {"more": {"a": [1, {"b": 2}]}, "plugins": [1, "a"], "rate": 2, "hosts": {"h": "1"}},
    ],
)
def test_what_a_program_takes_is_no_fault(document: dict[str, object]) -> None:
    document.pop("log_format", None)
    assert _in_file(document) == []


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"listen_port": "8181"}, "must be a whole number, not text"),
        ({"listen_port": 8181.5}, "must be a whole number, not a number"),
        ({"listen_port": True}, "must be a whole number, not true or false"),
        ({"on": "true"}, "must be true or false, not text"),
        ({"on": 1}, "must be true or false, not a number"),
        ({"rate": False}, "must be a number, not true or false"),
        ({"tags": "a"}, "must be a list of texts, not text"),
        ({"tags": [1]}, "must be a list of texts, not a list"),
        ({"codes": [True]}, "must be a list of whole numbers, not a list"),
        ({"labels": []}, "must be an object, not a list"),
        ({"storage": "redis"}, "must be an object, not text"),
        ({"storage": {"pool": -1}}, "must be a whole number that is not negative, not a number"),
        ({"storage": {"host": {}}}, "must be text, not an object"),
        ({"plugins": {}}, "must be a list, not an object"),
        ({"addresses": [1]}, "must be a list of texts, not a list"),
        ({"log_level": "loud"}, "must be one of debug, info"),
    ],
)
def test_a_value_of_a_wrong_kind_is_found(document: object, reason: str) -> None:
    (fault,) = _in_file(document)
    assert (fault.kind, fault.reason, fault.certain) == (FaultKind.KEY, reason, True)


def test_a_file_that_is_no_object_is_found() -> None:
    (fault,) = _in_file([1])
    assert (fault.kind, fault.subject) == (FaultKind.FILE, "a.conf")


def test_an_unknown_key_is_a_warning_unless_it_is_misspelled() -> None:
    document = {"storage": {"anything": {"deeper": 1}, "hots": "h"}, "other": 1}
    found = [("storage.anything", False), ("storage.hots", True), ("other", False)]
    assert _subjects(document) == found
    assert _subjects({"storage": {"poool": 1}}) == [("storage.poool", True)]


def test_a_key_that_continues_a_known_one_may_be_undocumented() -> None:
    assert _subjects({"listen_ports": 1, "log_levels": 1}) == [
        ("listen_ports", False),
        ("log_levels", False),
    ]


def test_a_misspelled_key_is_named_as_the_program_spells_it() -> None:
    (fault,) = _in_file({"Listen_Prot": 1})
    assert (fault.subject, fault.remedy) == ("a.conf: Listen_Prot", "did you mean listen_port?")


def test_a_section_with_a_free_name_is_known_by_its_type() -> None:
    good = {"pumps": {"mine": {"type": "sql", "meta": {"url": "x"}}, "SQL": {"meta": {}}}}
    assert _subjects(good, "pump") == []
    bad = {"pumps": {"mine": {"type": "SQL", "meta": {"url": 1}}}}
    assert _subjects(bad, "pump") == [("pumps.mine.meta.url", True)]


def test_a_section_of_an_unknown_type_is_a_warning() -> None:
    (fault,) = _in_file({"pumps": {"mine": {"type": "own", "meta": {"x": 1}}}}, "pump")
    assert (fault.subject, fault.remedy, fault.certain) == (
        "a.conf: pumps.mine",
        "documented types are sql",
        False,
    )


@pytest.mark.parametrize(
    ("name", "text", "fits"),
    [
        ("A_GW_LISTENPORT", "8181", True),
        ("A_GW_LISTENPORT", "http", False),
        ("A_GW_STORAGE_POOL", "-1", False),
        ("A_GW_STORAGE_POOL", "1", True),
        ("A_GW_ON", "True", True),
        ("A_GW_ON", "yes", False),
        ("A_GW_LOGLEVEL", "loud", False),
        ("A_GW_LOGLEVEL", "debug", True),
        ("A_GW_STORAGE_HOST", "anything", True),
        ("A_GW_ADDRESSES", "a:1,b:2", True),
        ("OTHER", "anything", True),
    ],
)
def test_the_text_of_a_variable_fits_its_key(name: str, text: str, *, fits: bool) -> None:
    found = list(check_variables(_component({name: text}), Program(name="gate"), KEYS))
    assert [fault.subject for fault in found] == ([] if fits else [name])
    assert text not in str(found) or fits


def test_a_variable_of_an_undocumented_name_follows_the_rule() -> None:
    assert list(check_variable_names(_component({"A_GW_PLUGINS": "x"}), GATE, PROGRAMS)) == []


def test_an_empty_variable_is_taken_for_an_absent_one() -> None:
    component = _component({"A_GW_LISTENPORT": "", "A_GW_ON": ""})
    assert list(check_variables(component, Program(name="gate"), KEYS)) == []


@pytest.mark.parametrize(
    ("name", "certain", "words"),
    [
        ("A_GW_LISTENPROT", True, "did you mean A_GW_LISTENPORT?"),
        ("A_GW_SOMETHING", False, "documents no such variable"),
        ("A_PMP_DELAY", True, "is a variable of pump; gate does not read it"),
    ],
)
def test_a_variable_that_the_program_does_not_read_is_found(
    name: str, words: str, *, certain: bool
) -> None:
    environment = {name: "x", "PATH": "/", "A_GW_ON": "1"}
    (fault,) = check_variable_names(_component(environment, A_GW_SECRET="x"), GATE, PROGRAMS)
    assert (fault.subject, fault.certain) == (name, certain)
    assert words in f"{fault.reason} {fault.remedy}"


def test_a_variable_of_a_section_with_a_free_name_is_read() -> None:
    good = _component({"A_PMP_PUMPS_MINE_META_URL": "x", "A_PMP_PUMPS_SQL_META_URL": "x"})
    assert list(check_variable_names(good, PUMP, PROGRAMS)) == []
    assert list(
        check_variable_names(_component({"A_PMP_PUMPS_MINE_META_ULR": "x"}), PUMP, PROGRAMS)
    )


def test_a_variable_of_a_secret_is_checked_like_another() -> None:
    component = _component({}, A_GW_SECERT="name")
    (fault,) = check_variable_names(component, GATE, PROGRAMS)
    assert fault.subject == "A_GW_SECERT"


def test_a_program_without_config_keys_reads_no_variable_of_another() -> None:
    component = _component({"A_GW_ON": "1"})
    (fault,) = check_variable_names(component, Program(name="redis"), PROGRAMS)
    assert fault.reason == "is a variable of gate; redis does not read it"


def test_a_deprecated_key_is_a_warning_in_a_file_and_in_a_variable() -> None:
    in_file = list(check_document("a", "a.conf", {"Listen_Port": 1}, GATE, KEYS))
    in_variable = list(check_variables(_component({"A_GW_LISTENPORT": "1"}), GATE, KEYS))
    assert [(f.reason, f.remedy, f.certain) for f in (*in_file, *in_variable)] == [
        ("is deprecated in gate", "use port", False)
    ] * 2


def test_a_list_without_the_document_itself_is_refused() -> None:
    with pytest.raises(ConfigError, match="no line for the document"):
        parse_keys("listen_port\tint")
