"""Check of a whole catalogue of small made-up programs."""

import json
from typing import Any

import pytest

from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.checks.check import CatalogueReport, ProgramFacts, check_catalogue
from gromit.core.stack.checks.faults import CatalogueFault, FaultKind
from gromit.core.stack.checks.keys import parse_keys
from gromit.core.stack.config_templates import sample_variables
from gromit.core.stack.health import HealthCheck
from gromit.core.stack.hooks import Hook, HookKind
from gromit.core.stack.programs import KeyNeed, PeerNeed, Program, ProgramSecret
from gromit.core.stack.secrets import NamedSecret, SecretOrigin


def _secret(variable: str, key: str | None = None) -> ProgramSecret:
    return ProgramSecret(
        variable=variable,
        key=key,
        group="api",
        made=SecretOrigin.RANDOM,
        without="it does not start",
    )


GATE = Program(
    name="gate",
    secrets=(_secret("A_GW_SECRET", "secret"),),
    listens="port",
    health={"path": "hello"},
    requires=(KeyNeed(any_of=("port", "url"), without="it does not start"),),
    needs=(
        PeerNeed(any_of=("store",), unless=("store.host",), without="it knows no keys"),
        PeerNeed(any_of=("board",), when="managed", without="it waits"),
        PeerNeed(any_of=("pump",), when="record", without="records stay", certain=False),
    ),
)
BOARD = Program(name="board", secrets=(_secret("A_DB_SECRET"),))
FACTS = ProgramFacts(
    programs={"gate": GATE, "board": BOARD, "store": Program(name="store")},
    keys={
        "gate": parse_keys(
            ".\tobject\n"
            "port\tint\tA_GW_PORT\n"
            "managed\tbool\tA_GW_MANAGED\n"
            "record\tbool\n"
            "secret\ttext\tA_GW_SECRET\n"
            "url\ttext\n"
            "hello\ttext\n"
            "store\tobject\n"
            "store.host\thost\tA_GW_STORE_HOST\n"
            "store.password\ttext"
        )
    },
)
GOOD: dict[str, Any] = {"port": 8181, "store": {"host": "{{ peers.store }}"}}
STORE = Component(name="store", program="store", image="store:1", port=6379)


def _gate(config: object = GOOD, **fields: Any) -> Component:
    text = config if isinstance(config, str) else json.dumps(config)
    given: dict[str, Any] = {
        "name": "gate",
        "program": "gate",
        "repository": "gate",
        "port": 8181,
        "command": ("--conf=/conf/gate.conf",),
        "config_path": "/conf",
        "templates": {"gate.conf": text},
        "secrets": {"A_GW_SECRET": "api"},
    }
    return Component(**given | fields)


def _report(*components: Component) -> CatalogueReport:
    catalogue = Catalogue({component.name: component for component in components})
    return check_catalogue(catalogue, sample_variables(catalogue), FACTS)


def _faults(*components: Component) -> list[CatalogueFault]:
    return list(_report(*components).faults)


def _only(*components: Component) -> CatalogueFault:
    (fault,) = _faults(*components)
    return fault


def test_a_catalogue_in_order_has_no_fault() -> None:
    assert _report(_gate(), STORE) == CatalogueReport(files=1, faults=())


def test_each_template_that_cannot_be_rendered_is_found() -> None:
    templates = {"gate.conf": "{{ peers.missing }}", "other": "{{ nothing }}", "good": "text"}
    found = _faults(_gate(templates=templates), STORE)
    files = [(fault.subject, fault.kind) for fault in found if fault.kind is FaultKind.FILE]
    assert files == [("gate.conf", FaultKind.FILE), ("other", FaultKind.FILE)]
    assert "line 1" in found[0].reason


def test_the_config_file_of_a_program_must_be_json() -> None:
    component = _gate("port = 1", environment={"A_GW_STORE_HOST": "store.sample.internal"})
    assert _only(component, STORE).kind is FaultKind.FILE


def test_another_file_may_be_anything_unless_its_name_says_json() -> None:
    templates = {"gate.conf": json.dumps(GOOD), "notes.txt": "text", "apps.json": "["}
    fault = _only(_gate(templates=templates), STORE)
    assert (fault.kind, fault.subject) == (FaultKind.FILE, "apps.json")


def test_an_internal_name_is_found_in_a_file_of_any_form() -> None:
    templates = {"gate.conf": json.dumps(GOOD), "nginx.conf": "server store.old.internal:6379;"}
    fault = _only(_gate(templates=templates), STORE)
    assert (fault.kind, fault.subject) == (FaultKind.HOST, "nginx.conf")


def test_hosts_of_files_variables_commands_and_hooks_are_found() -> None:
    hook = Hook(command=("sh", "-c", "curl http://d.internal/"))
    templates = {"gate.conf": json.dumps(GOOD), "more.json": '{"x": "http://b.internal:1"}'}
    component = _gate(
        GOOD | {"url": "http://a.internal"},
        environment={"OTHER": "mongodb://c.internal/x"},
        command=("--conf=/conf/gate.conf", "--to=http://e.internal"),
        hooks={HookKind.ON_REAP: hook},
    )
    component_with_more = _gate(
        templates=templates | {"gate.conf": component.templates["gate.conf"]},
        environment=component.environment,
        command=component.command,
        hooks=component.hooks,
    )
    found = _faults(component_with_more, STORE)
    assert {fault.kind for fault in found} == {FaultKind.HOST}
    assert {fault.subject for fault in found} == {
        "gate.conf: url",
        "more.json: x",
        "OTHER",
        "command",
        "on_reap",
    }


def test_a_component_of_an_unknown_program_is_checked_for_hosts_only() -> None:
    own = _gate({"any": {"key": 1}, "at": "redis.sample.internal:1"}, program=None, secrets={})
    assert _only(own).kind is FaultKind.HOST


def test_a_required_secret_without_a_source_is_found() -> None:
    fault = _only(_gate(secrets={}), STORE)
    assert (fault.kind, fault.subject, fault.certain) == (FaultKind.SECRET, "A_GW_SECRET", True)


@pytest.mark.parametrize(
    ("other", "certain"),
    [("other-name", True), ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:x", False)],
)
def test_secrets_that_must_be_equal_name_one_secret(other: str, *, certain: bool) -> None:
    board = Component(name="board", program="board", image="b:1", secrets={"A_DB_SECRET": other})
    fault = _only(_gate(), STORE, board)
    assert (fault.component, fault.subject, fault.certain) == ("board", "A_DB_SECRET", certain)
    assert fault.reason == "must have the same value as gate A_GW_SECRET"


def test_two_names_of_one_secret_are_equal() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x"
    board = Component(name="board", program="board", image="b:1", secrets={"A_DB_SECRET": "other"})
    names = {
        name: NamedSecret(name=name, made=SecretOrigin.BOUGHT, arn=arn) for name in ("api", "other")
    }
    components = {component.name: component for component in (_gate(), STORE, board)}
    catalogue = Catalogue(components, secrets=names)
    assert check_catalogue(catalogue, sample_variables(catalogue), FACTS).faults == ()


def test_a_secret_in_plain_text_is_found_and_never_repeated() -> None:
    in_file = _gate(GOOD | {"secret": "s3cret"})
    in_variable = _gate(environment={"A_GW_SECRET": "s3cret"}, secrets={})
    for component in (in_file, in_variable):
        fault = _only(component, STORE)
        assert fault.kind is FaultKind.SECRET
        assert "plain text" in fault.reason
        assert "s3cret" not in str(fault)


@pytest.mark.parametrize(
    "config",
    [
        {"url": "http://user:s3cret@{{ peers.store }}:6379"},
        {"store": {"host": "{{ peers.store }}", "password": "s3cret"}},
    ],
)
def test_a_password_in_plain_text_is_found_and_never_repeated(config: dict[str, Any]) -> None:
    fault = _only(_gate(GOOD | config), STORE)
    assert (fault.kind, "s3cret" in str(fault)) == (FaultKind.SECRET, False)


def test_a_peer_that_is_not_there_is_found() -> None:
    fault = _only(_gate({"port": 8181}))
    assert (fault.kind, fault.reason) == (
        FaultKind.PEER,
        "no component runs store: it knows no keys",
    )


def test_a_peer_that_a_secret_variable_may_name_is_not_missed() -> None:
    secrets = {"A_GW_SECRET": "api", "A_GW_STORE_HOST": "api"}
    assert _faults(_gate({"port": 8181}, secrets=secrets)) == []


def test_a_missing_peer_is_a_warning_if_people_write_the_config() -> None:
    fault = _only(_gate(templates={}))
    assert (fault.kind, fault.certain) == (FaultKind.PEER, False)


def test_a_required_key_without_a_value_is_found() -> None:
    fault = _only(_gate({"store": GOOD["store"]}), STORE)
    assert (fault.kind, fault.subject) == (FaultKind.KEY, "port")
    assert (fault.reason, fault.remedy) == (
        "has no value: without it, it does not start",
        "set port or url",
    )
    assert _faults(_gate({"store": GOOD["store"]}, environment={"A_GW_PORT": "8181"}), STORE) == []


def test_a_peer_is_needed_only_when_its_key_is_true() -> None:
    assert _faults(_gate(GOOD | {"managed": False}), STORE) == []
    fault = _only(_gate(GOOD | {"managed": True}), STORE)
    assert (fault.kind, fault.subject) == (FaultKind.PEER, "managed")
    assert _only(_gate(environment={"A_GW_MANAGED": "True"}), STORE) == fault
    warned = _only(_gate(GOOD | {"record": True}), STORE)
    assert (warned.subject, warned.certain) == ("record", False)


def test_a_program_must_listen_on_the_port_of_its_component() -> None:
    fault = _only(_gate(GOOD | {"port": 8080}), STORE)
    assert (fault.kind, fault.subject) == (FaultKind.HOST, "port")
    assert _only(_gate(environment={"A_GW_PORT": "8080"}), STORE) == fault
    assert _faults(_gate(GOOD | {"port": 8080}, environment={"A_GW_PORT": "8181"}), STORE) == []


def test_health_is_asked_where_the_program_answers() -> None:
    asked = HealthCheck(path="/hello", ready="/ready")
    public = {"public": True, "health": asked}
    assert _faults(_gate(GOOD | {"hello": "hello"}, **public), STORE) == []
    fault = _only(_gate(GOOD | {"hello": "hi"}, **public), STORE)
    assert (fault.kind, fault.subject) == (FaultKind.KEY, "hello")
    assert _faults(_gate(GOOD | {"hello": "hi"}), STORE) == []


def test_a_written_file_is_checked_in_place_of_the_rendered_one() -> None:
    catalogue = Catalogue({"gate": _gate("{{ nothing }}"), "store": STORE})
    text = json.dumps({"port": 8181, "store": {"host": "store.sample.internal"}})
    written = {"gate": {"gate.conf": text, "more.json": "["}, "store": {"x": "y"}, "gone": {}}
    report = check_catalogue(catalogue, sample_variables(catalogue), FACTS, written)
    assert [(f.kind, f.subject) for f in report.faults] == [(FaultKind.FILE, "more.json")]
    assert report.files == 2


def test_mistakes_come_before_warnings() -> None:
    report = _report(_gate(GOOD | {"record": True, "managde": True}), STORE)
    assert [fault.certain for fault in report.faults] == [True, False]
    assert (report.mistakes, report.warnings) == (1, 1)
