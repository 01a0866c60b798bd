"""Search of the audit in lines that serve itself has written, over HTTP and by the command."""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gromit import log as logs
from gromit.cli import run
from gromit.core.security.roles import Role
from tests.web.serving import Certificates, Emulator, Serve, serving

Search = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of serve."""
    return tmp_path_factory.mktemp("log") / "serve.log"


@pytest.fixture(scope="module")
def auditing(emulator: Emulator, certificates: Certificates, path: Path) -> Iterator[Serve]:
    """A serve that knows where its log is."""
    with serving(emulator, certificates, GROMIT_SERVE_AUDIT_FILE=str(path)) as serve:
        yield serve


@pytest.fixture
def log(path: Path) -> Iterator[Path]:
    """The log of this process, in a file that is empty at first."""
    logs.configure_logging("error", "json")
    logs.keep_audit()
    handler = logging.root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    with path.open("w", encoding="utf-8", buffering=1) as stream:
        before = handler.setStream(stream)
        yield path
        handler.setStream(before)
    logging.getLogger(logs.AUDIT).setLevel(logging.NOTSET)


@pytest.fixture
def search(auditing: Serve, log: Path) -> Search:
    """Search as an operator."""
    assert log.read_text() == ""
    auditing.clear()

    def ask(**query: object) -> list[dict[str, Any]]:
        answer = auditing.send("GET", "/v1/audit", params=query)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["next"] is None
        entries: list[dict[str, Any]] = found["entries"]
        return entries

    return ask


def _seen(entries: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(e["what"], e["environment"], e["by"].partition(":")[0]) for e in entries]


def test_who_did_what_is_found_also_for_an_environment_that_is_gone(
    auditing: Serve, search: Search
) -> None:
    auditing.build("tyk", "kept", "sha")
    auditing.build("tyk", "removed", "sha")
    auditing.send("DELETE", "/v1/environments/removed", who=Role.OPERATOR)
    auditing.send("POST", "/v1/environments/kept/redeploy", {}, Role.VIEWER)
    auditing.dynamodb.delete_item(
        TableName=auditing.settings.tablename, Key={"name": {"S": "removed"}}
    )
    gone = search(environment="removed")
    assert _seen(gone) == [("created", "removed", "gateway"), ("deleted", "removed", "operator")]
    assert gone[0]["why"] == "tyk reported sha of removed"
    assert gone[1]["serial"]
    assert gone[1]["client"] == "127.0.0.1"
    (refused,) = search(by="viewer:")
    assert _seen([refused]) == [("refused", "kept", "viewer")]
    assert refused["why"] == "POST /v1/environments/kept/redeploy: 403"
    assert len(search()) == 4


def test_changes_of_the_log_level_are_found_and_what_workers_did_on_demand(
    auditing: Serve, search: Search
) -> None:
    auditing.send("PUT", "/loglevel/error", who=Role.OPERATOR)
    auditing.build("tyk", "worked", "sha")
    body = {"kind": "sow", "holder": "w", "nonce": "n"}
    assert auditing.send("POST", "/v1/claims", body, Role.WORKER).status_code == 200
    assert _seen(search())[0] == ("loglevel", None, "operator")
    assert search()[0]["why"] == "from error to error"
    assert "claimed" not in [e["what"] for e in search()]
    assert ("claimed", "worked", "w") in _seen(search(workers="true"))


def test_a_time_limits_the_search(auditing: Serve, search: Search) -> None:
    auditing.build("tyk", "timed", "sha")
    assert search(since="1h", until="30m") == []
    assert search(since="2000-01-01", until="2000-01-02T00:00:00Z") == []
    assert len(search(since="2000-01-01")) == 1


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("since=yesterday", "'yesterday'"),
        ("until=typo", "'typo'"),
        ("cursor=typo", "cursor"),
        ("typo=1", "typo"),
        ("since=1h&until=2h", "until"),
    ],
)
def test_an_impossible_search_is_refused(auditing: Serve, query: str, named: str) -> None:
    answer = auditing.send("GET", f"/v1/audit?{query}", who=Role.OPERATOR)
    assert answer.status_code == 400
    assert named in answer.json()["error"]


def test_a_serve_that_does_not_know_its_log_says_so(serve: Serve) -> None:
    answer = serve.send("GET", "/v1/audit", who=Role.OPERATOR)
    assert answer.status_code == 409
    assert "serve.audit_group" in answer.json()["hint"]


def test_the_command_searches_as_an_operator(
    auditing: Serve,
    search: Search,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command(*arguments: str, role: Role = Role.OPERATOR) -> tuple[int, str]:
        for name, value in auditing.client_settings(role).items():
            monkeypatch.setenv(name, value)
        with monkeypatch.context() as kept:
            kept.setattr(logs, "configure_logging", lambda *_: None)  # the log is serve's
            code = run(["audit", *arguments])
        found = capsys.readouterr()
        return code, found.out + found.err

    assert search() == []
    assert command() == (0, "no entries\n")
    auditing.build("tyk", "asked", "sha")
    code, shown = command("--environment", "asked")
    assert code == 0
    head, row = shown.splitlines()
    assert head.split() == ["AT", "WHO", "WHAT", "ENVIRONMENT", "WHY"]
    assert "created" in row
    assert "gateway:" in row
    code, shown = command("--by", "gateway:", "--since", "1h", "--workers", "-o", "json")
    assert [entry["environment"] for entry in json.loads(shown)] == ["asked"]
    code, shown = command(role=Role.VIEWER)
    assert (code, "may not GET /v1/audit" in shown) == (1, True)
