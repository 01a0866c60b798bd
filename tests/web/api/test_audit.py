"""The audit of serve and of the gateway: who changed what, and who was refused."""

import io
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gromit import log as logs
from gromit.cli import run
from gromit.core.security.roles import Role
from gromit.web.server.line_budget import BURST
from gromit.web.tls import CertificateFiles, certificate_serial
from tests.web.fronting import Front, fronting
from tests.web.serving import Serve, eventually

HERE = "127.0.0.1"


class _Log:
    """Lines that this process logs, as JSON."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def lines(self, *events: str) -> list[dict[str, Any]]:
        lines = map(json.loads, self.stream.getvalue().splitlines())
        return [line for line in lines if line["event"] in events]

    def facts(self, event: str, *keys: str) -> list[tuple[Any, ...]]:
        return [tuple(line.get(key) for key in keys) for line in self.lines(event)]


@pytest.fixture
def log() -> Iterator[_Log]:
    """The log of this process, which shows nothing below errors."""
    found = _Log()
    logs.configure_logging("error", "json")
    logs.keep_audit()
    handler = logging.root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(found.stream)
    yield found
    logging.getLogger(logs.AUDIT).setLevel(logging.NOTSET)
    assert "PRIVATE KEY" not in found.stream.getvalue()
    assert "gromit_" not in found.stream.getvalue()


@pytest.fixture(scope="module")
def running(shared_serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with fronting(shared_serve, tmp_path_factory.mktemp("gateway")) as front:
        yield front


@pytest.fixture
def front(running: Front, serve: Serve) -> Front:
    assert serve.rows == {}
    return running


def _serial(files: CertificateFiles) -> str:
    return certificate_serial(Path(files.cert).read_text())


def _history(serve: Serve, name: str) -> list[Mapping[str, Any]]:
    events: list[Mapping[str, Any]] = serve.get(f"/v1/environments/{name}/events")["events"]
    return events


def test_no_log_level_hides_who_changed_what(serve: Serve, log: _Log) -> None:
    operator, serial = Role.OPERATOR, _serial(serve.certificates.of(Role.OPERATOR))
    for method, path in (
        ("PUT", "/loglevel/error"),
        ("PUT", "/env/audit-probe"),
        ("DELETE", "/env/audit-probe"),
        ("PUT", "/loglevel/info"),
    ):
        body = b"{}" if path.startswith("/env") and method == "PUT" else None
        assert serve.send(method, path, body, operator).status_code < 300
    name = f"operator:{Path(serve.certificates.of(operator).cert).stem}"
    assert log.facts("loglevel.changed", "by", "before", "after", "serial", "client") == [
        (name, "error", "error", serial, HERE),
        (name, "error", "info", serial, HERE),
    ]
    assert log.facts("environment.changed", "env", "kind", "by", "serial", "client") == [
        ("audit-probe", "replaced", name, serial, HERE),
        ("audit-probe", "deleted", name, serial, HERE),
    ]
    assert [(e["kind"], e["origin"]) for e in _history(serve, "audit-probe")] == [
        ("created", f"certificate {serial}"),
        ("replaced", f"certificate {serial}"),
        ("deleted", f"certificate {serial}"),
    ]


@pytest.mark.parametrize("command", ["serve", "gateway"])
def test_both_servers_keep_the_audit(command: str, tmp_path: Path) -> None:
    conf = tmp_path / "conf.yaml"
    conf.write_text("log: {level: error}")
    audit = logging.getLogger(logs.AUDIT)
    assert not audit.isEnabledFor(logging.INFO)
    try:
        assert run([command, "--conf", str(conf)]) == 2  # settings are missing
        assert audit.isEnabledFor(logging.INFO)
    finally:
        audit.setLevel(logging.NOTSET)


def test_each_refusal_names_the_certificate(serve: Serve, log: _Log) -> None:
    # New certificates, whose budgets of lines no other test has used.
    (looking, viewer), (acting, operator) = map(
        serve.certificates.issue, (Role.VIEWER, Role.OPERATOR)
    )
    serve.build("tyk", "master", "sha")
    assert serve.send("DELETE", "/env/master", who=looking).status_code == 403
    assert serve.send("PUT", "/loglevel/error", who=looking).status_code == 403
    assert serve.send("DELETE", "/env/master", who=acting).status_code == 409
    assert serve.send("PUT", "/env/%20", {}, who=acting).status_code == 400
    assert serve.send("PUT", "/env/x", b"x" * 70_000, who=acting).status_code == 413
    assert serve.send("GET", "/env/nowhere", who=acting).status_code == 404
    nameless = serve.certificates.without_role()
    assert serve.send("GET", "/env/master", who=nameless).status_code == 403
    found = log.facts("request.refused", "method", "path", "status", "serial", "client")
    assert found == [
        ("DELETE", "/env/master", 403, viewer, HERE),
        ("PUT", "/loglevel/error", 403, viewer, HERE),
        ("DELETE", "/env/master", 409, operator, HERE),
        ("PUT", "/env/%20", 400, operator, HERE),
        ("PUT", "/env/x", 413, operator, HERE),
        ("GET", "/env/master", 403, certificate_serial(nameless.cert), HERE),
    ]


def test_a_stolen_certificate_that_is_tried_out_fills_no_log(serve: Serve, log: _Log) -> None:
    stolen, serial = serve.certificates.issue(Role.VIEWER)
    for _ in range(5 * BURST):
        assert serve.send("DELETE", "/env/app-test", who=stolen).status_code == 403

    def left() -> list[Any]:
        return [line for line in log.lines("lines.left_out") if serial in line["client"]]

    def all_counted() -> bool:
        counted: int = sum(line["count"] for line in left())
        return counted + len(log.lines("request.refused")) == 5 * BURST

    eventually(all_counted)
    left_out = left()
    assert {(line["of"], line["client"]) for line in left_out} == {
        ("request.refused", f"{HERE} {serial}")
    }
    assert len(log.lines("request.refused")) + len(left_out) < 2 * BURST


def test_a_revoked_certificate_leaves_a_line(serve: Serve, log: _Log) -> None:
    stolen, serial = serve.certificates.issue(Role.OPERATOR)
    assert serve.send("GET", "/healthcheck", who=stolen).status_code == 200
    serve.certificates.pki.revoke(serial)
    assert serve.send("PUT", "/loglevel/error", who=stolen).status_code == 403
    assert log.facts("request.refused", "status", "serial") == [(403, serial)]


def test_what_comes_through_the_gateway_names_its_token(
    front: Front, serve: Serve, log: _Log
) -> None:
    token = front.token("tyk")
    entry = next(e for e, _ in front.tokens.list() if e.grant.repositories == ("tyk",))
    assert front.build(token, "tyk", "app-test", "sha-1").status_code == 200
    assert front.delete(token, "app-test").status_code == 202
    assert front.delete(token, "app-none").status_code == 404
    assert [
        (e["kind"], e["actor"].split("-")[0], e["origin"]) for e in _history(serve, "app-test")
    ] == [
        ("created", "gateway:gateway", f"token {entry.id}"),
        ("deleted", "gateway:gateway", f"token {entry.id}"),
    ]
    gateway = _serial(serve.certificates.of(Role.GATEWAY))
    facts = ("serial", "requester", "client")
    assert log.facts("environment.changed", *facts) == [(gateway, entry.id, HERE)] * 2
    assert log.facts("request.refused", "path", *facts) == [
        ("/env/app-none", gateway, entry.id, HERE)
    ]
    keys = ("token", "repository", "environment", "version", "status")
    # A gateway logs a request after its response.
    eventually(lambda: len(log.lines("gateway.request")) == 3)
    assert log.facts("gateway.request", *keys) == [
        (entry.id, "tyk", "app-test", "sha-1", 200),
        (entry.id, "tyk", "app-test", None, 202),
        (entry.id, "tyk", "app-none", None, 404),
    ]


def test_a_client_without_a_token_fills_no_log_of_the_gateway(front: Front, log: _Log) -> None:
    for number in range(5 * BURST):
        assert front.build(f"wrong-{number}", "tyk", "app-test", "sha").status_code == 401

    def all_counted() -> bool:
        counted: int = sum(line["count"] for line in log.lines("lines.left_out"))
        return counted + len(log.lines("gateway.request")) == 5 * BURST

    eventually(all_counted)
    assert all(line["status"] == 401 for line in log.lines("gateway.request"))
    assert len(log.lines("gateway.request", "lines.left_out")) < 2 * BURST


FORGED = {
    "X-Gromit-Requester": "TykTechnologies/tyk",
    "X-Gromit-Run": "77 attempt 2",
    "X-Gromit-Client": "203.0.113.9",
}


@pytest.mark.parametrize(
    ("who", "believed"), [(Role.GATEWAY, True), (Role.OPERATOR, False)], ids=str
)
def test_only_the_gateway_is_believed_who_asked(
    serve: Serve, log: _Log, who: Role, *, believed: bool
) -> None:
    body = {"repo": "tyk", "ref": "app-test", "sha": "sha"}
    assert serve.send("POST", "/newbuild", body, who, headers=FORGED).status_code == 200
    serial = _serial(serve.certificates.of(who))
    origin = "TykTechnologies/tyk run 77 attempt 2" if believed else f"certificate {serial}"
    assert [e["origin"] for e in _history(serve, "app-test")] == [origin]
    expected = tuple(FORGED.values()) if believed else (None, None, HERE)
    assert log.facts("environment.changed", "requester", "run", "client") == [expected]


def test_hostile_words_of_a_broken_gateway_are_bounded_and_plain(serve: Serve, log: _Log) -> None:
    body = {"repo": "tyk", "ref": "app-test", "sha": "sha"}
    hostile = {"X-Gromit-Requester": "a\x9b31m" + "b" * 900, "X-Gromit-Run": "7\u00ad7"}
    headers = {name: value.encode("latin-1") for name, value in hostile.items()}
    assert serve.send("POST", "/newbuild", body, Role.GATEWAY, headers=headers).status_code == 200
    (event,) = _history(serve, "app-test")
    assert event["origin"].startswith("a\\x9b31mbbb")
    assert event["origin"].endswith("run 7\\xad7")
    assert len(event["origin"]) < 300
