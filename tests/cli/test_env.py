"""`gromit env` with a running serve."""

import json
import os
import shlex
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gromit.bootstrap.aws_session import session
from gromit.bootstrap.machine import now_ms, operator
from gromit.bootstrap.worker_backends import owner_watch, state_bucket
from gromit.cli import run
from gromit.config.load import load_settings
from gromit.core.environments.row_writes import Exists, RowWrite
from gromit.core.environments.terraform_locks import Owner
from gromit.core.security.roles import Role
from gromit.core.time import iso
from gromit.web.clients.retries import Retries
from gromit.web.server.limits import Receive, Scope, Send, answer_error
from gromit.web.server.server import Listener, Server
from gromit.web.server.tls import ServerTls
from tests.waiting import PATIENCE_S
from tests.web.serving import (
    DEFAULTS,
    GRACE_S,
    REGION,
    TTL_S,
    Serve,
    any_time,
    certificates,
    emulator,
    eventually,
    serve,
    shared_serve,
)

__all__ = ["any_time", "certificates", "emulator", "serve", "shared_serve"]

IDLE_MS = 14 * 86_400_000


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands in this process, with an operator's certificate."""

    serve: Serve
    captured: pytest.CaptureFixture[str]

    def run(self, *arguments: str, code: int = 0) -> str:
        """Return the output of a command. It must exit with the given code."""
        self.captured.readouterr()
        assert run(["env", *arguments]) == code, self.captured.readouterr().err
        return self.captured.readouterr().out

    def fail(self, *arguments: str, code: int = 1) -> str:
        """Return the errors of a command. It must print no result."""
        self.captured.readouterr()
        assert run(["env", *arguments]) == code
        result = self.captured.readouterr()
        assert result.out == ""
        return result.err

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "-o", "json"))

    def table(self, *arguments: str) -> list[list[str]]:
        """Return the words of each line."""
        return [line.split() for line in self.run(*arguments).splitlines()]


@pytest.fixture
def shell(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Shell:
    settings = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        **serve.client_settings(Role.OPERATOR),
        "GROMIT_LOG_LEVEL": "error",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return Shell(serve, capsys)


def _file(folder: Path, text: str) -> str:
    path = folder / "versions"
    path.write_text(text, encoding="utf-8")
    return str(path)


# ── list, get, history ────────────────────────────────────────────────────────────────────────────


def test_list_shows_environments_by_name(shell: Shell) -> None:
    assert shell.run("list") == "no environments\n"
    assert shell.json("list") == []
    shell.serve.build("tyk", "zebra", "sha-z")
    shell.serve.clock.advance(ms=1)
    shell.serve.build("tyk", "ape", "sha-a")
    shell.serve.outcome(shell.serve.claim("sow"), "fail", message="no such image")
    changed, expires = iso(shell.serve.clock.now), iso(shell.serve.clock.now + IDLE_MS)
    assert shell.table("list") == [
        ["NAME", "PHASE", "VERSIONS", "PROTECTED", "CHANGED", "EXPIRES", "ERROR"],
        ["ape", "pending", "tyk=sha-a", "no", changed, expires, "-"],
        ["zebra", "failed", "tyk=sha-z", "no", changed, expires, "no", "such", "image"],
    ]
    assert shell.json("list") == [
        shell.serve.get("/v1/environments/ape"),
        shell.serve.get("/v1/environments/zebra"),
    ]


def test_list_has_a_line_for_a_row_that_cannot_be_read(shell: Shell) -> None:
    shell.serve.build("tyk", "good", "sha-1")
    shell.serve.build("tyk", "odd", "sha-1")
    shell.serve.damage("odd")
    line = shell.run("list").splitlines()[2]
    assert line.split()[:4] == ["odd", "unreadable", "-", "-"]
    assert line.endswith("the row of odd cannot be read: `events` is 'x', not a list")
    assert [(e["name"], e["phase"]) for e in shell.json("list", "--phase", "ready")] == [
        ("odd", "unreadable")
    ]


def test_a_suspension_is_shown_to_all_who_wait(shell: Shell) -> None:
    shell.serve.build("tyk", "app-1", "sha-1")
    shell.serve.build("tyk", "app-2", "sha-1")
    shell.captured.readouterr()
    assert run(["suspend", "--env", "app-1", "--reason", "upgrading mongo", "--until", "2h"]) == 0
    said = shell.captured.readouterr().out
    assert said.startswith("environment app-1 is suspended by operator:")
    text = said.removeprefix("environment app-1 is suspended ").strip()
    assert text.endswith(": upgrading mongo")
    assert "until" in text
    assert f"suspended  {text}" in shell.run("get", "app-1")
    assert "suspended" not in shell.run("get", "app-2")
    assert [row[1:3] for row in shell.table("list")[1:]] == [
        ["pending", "(suspended)"],
        ["pending", "tyk=sha-1"],
    ]
    assert f"app-1: pending, suspended {text}" in shell.fail("wait", "app-1", "--timeout", "1s")
    assert run(["suspend", "list"]) == 0
    assert "environment  app-1   serve" in shell.captured.readouterr().out
    assert run(["resume", "--env", "app-1", "--reason", "done", "-o", "json"]) == 0
    receipt = json.loads(shell.captured.readouterr().out)
    assert (receipt["was_suspended"], receipt["suspended"]) == (True, False)
    assert "suspended" not in shell.run("get", "app-1")
    assert run(["suspend", "--reason", "all of it"]) == 0
    assert run(["resume"]) == 0
    assert "processing is resumed; it was suspended by" in shell.captured.readouterr().out
    assert run(["resume"]) == 0
    assert shell.captured.readouterr().out == "processing was not suspended\n"


def test_what_sleeps_is_marked_and_the_command_that_wakes_it_is_named(shell: Shell) -> None:
    shell.serve.build("tyk", "tired", "sha-1")
    shell.serve.outcome(shell.serve.claim("sow"), "done")
    is_there = (Exists("name"),)
    asleep = RowWrite(conditions=is_there, sets={"parked": True, "asleep": True})
    shell.serve.app.state.deps.environments.ledger.store.write("tired", asleep)
    assert "parked (asleep)" in shell.run("list")
    assert "`gromit env wake tired`, wakes it" in shell.run("get", "tired")
    assert shell.json("wake", "tired")["asleep"] is False
    assert "asleep" not in shell.serve.rows["tired"]


def test_list_filters(shell: Shell) -> None:
    for repository, name in (("tyk", "a-1"), ("tyk-pump", "a-2"), ("tyk", "b-1")):
        shell.serve.build(repository, name, "sha")
    shell.serve.send("DELETE", "/env/b-1")

    def names(*arguments: str) -> list[str]:
        return [e["name"] for e in shell.json("list", *arguments)]

    assert names() == ["a-1", "a-2", "b-1"]
    assert names("--prefix", "a") == ["a-1", "a-2"]
    assert names("--repo", "tyk") == ["a-1", "b-1"]
    assert names("--phase", "deleting,reaping") == ["b-1"]
    assert names("--phase", "all", "--repo", "tyk-pump") == ["a-2"]
    assert "there is no phase 'happy'" in shell.fail("list", "--phase", "happy", code=2)


def test_get_shows_phase_urls_and_why_each_version(shell: Shell) -> None:
    shell.serve.push("tyk-sink", "f-1")
    shell.serve.build("tyk", "refs/heads/x/f-1", "sha-gw")
    shell.serve.send("PATCH", "/env/f-1", {"tyk-pump": "sha-p"})
    lines = shell.run("get", "f-1").splitlines()
    now = iso(shell.serve.clock.now)
    assert lines.pop(8).startswith("expires    " + iso(shell.serve.clock.now + IDLE_MS) + ": 14d")
    assert lines.pop(8).startswith("queue ")
    assert [line.split() for line in lines[:8]] == [
        ["name", "f-1"], ["phase", "pending"], ["protected", "no"],
        ["generation", "2"], ["observed", "0"], ["created", now], ["changed", now], ["due", now],
    ]  # fmt: skip
    assert [line.split(maxsplit=2) for line in lines[9:15]] == [
        ["REPOSITORY", "VERSION", "WHY"],
        ["tyk", "sha-gw", "built from branch x/f-1"],
        ["tyk-analytics", "master", "default branch (tyk-analytics has no branch or image f-1)"],
        [
            "tyk-identity-broker",
            "master",
            "default branch (tyk-identity-broker has no branch or image f-1)",
        ],
        ["tyk-pump", "sha-p", "set without a branch"],
        ["tyk-sink", "f-1", "the registry has an image of the branch"],
    ]
    assert lines[15:] == []  # nothing was made yet, so there is no URL
    assert shell.json("get", "f-1") == shell.serve.get("/v1/environments/f-1")


def test_get_shows_what_was_made_beside_what_is_desired(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha-1")
    made = [
        {
            "name": "tyk",
            "repository": "tyk",
            "version": "sha-1",
            "digest": f"sha256:{'0' * 64}",
            "revision": "4d5e6f",
            "port": 8181,
        },
        {"name": "redis", "version": "7"},
    ]
    shell.serve.outcome(shell.serve.claim("sow"), "done", made=made, recipe="another")
    shell.serve.build("tyk", "app-test", "sha-2")
    lines = shell.run("get", "app-test").splitlines()
    url = "http://tyk.app-test.dev.example.com:8181"
    assert [line.split()[:3] for line in lines if "sha-" in line] == [["tyk", "sha-2", "sha-1"]]
    assert [line.split() for line in lines[-3:]] == [
        ["COMPONENT", "IMAGE", "COMMIT", "URL", "DNS", "HEALTH"],
        ["redis", "-", "-", "-", "-", "-"],
        ["tyk", "0" * 12, "4d5e6f", url, "unknown", "unknown"],
    ]
    (outdated,) = [line for line in lines if line.startswith("outdated")]
    assert "`gromit env redeploy app-test` applies it" in outdated


def test_get_shows_who_works_on_it_and_what_went_wrong(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.outcome(
        shell.serve.claim("sow"),
        "fail",
        error_kind="rollout",
        message="[red]tyk[/red] does not start",
    )
    assert "rollout, build: [red]tyk[/red] does not start" in shell.run("get", "app-test")
    shell.serve.clock.advance(s=3600)
    shell.serve.claim("sow", holder="sower-7")
    assert f"sower-7 until {iso(shell.serve.clock.now + 90_000)}" in shell.run("get", "app-test")


@pytest.mark.parametrize(
    "name", ["refs/heads/x/v3.1.0", "x/v3.1.0", "V3.1.0", "refs%2Fheads%2Fv3.1.0", "v310"]
)
def test_an_environment_may_be_named_by_its_branch(shell: Shell, name: str) -> None:
    shell.serve.build("tyk", "x/v3.1.0", "sha")
    assert shell.json("get", name)["name"] == "v310"
    assert shell.json("history", name)[0]["kind"] == "created"
    assert shell.json("set", name, "tyk=sha-2")["versions"]["tyk"]["version"] == "sha-2"
    assert shell.json("protect", name)["protected"] is True
    assert shell.json("unprotect", name)["protected"] is False
    assert shell.json("delete", name)["phase"] == "deleting"


@pytest.mark.parametrize(
    "name", ["app-test?x=1", "app-test#x", "app-test;x", "app-test x", "other/../app-test?"]
)
def test_a_name_with_odd_characters_never_means_another_environment(
    shell: Shell, name: str
) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    before = shell.serve.rows
    assert "could not find env app-test" in shell.fail("delete", name)
    assert "could not find env app-test" in shell.fail("set", name, "tyk=x")
    assert "could not find env app-test" in shell.fail("redeploy", name)
    assert shell.serve.rows == before


def test_extend_shows_the_new_deadline(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    until = iso(shell.serve.clock.now + 30 * 86_400_000)
    assert f"expires    {until}: extended" in shell.run("extend", "app-test", "30d")
    assert shell.json("extend", "app-test", "1d")["expires"] == until
    assert "'x' is not a duration" in shell.fail("extend", "app-test", "x", code=2)
    assert "gromit env protect app-test" in shell.fail("extend", "app-test", "91d", code=2)
    assert "expires    never: it is protected" in shell.run("protect", "app-test")


COMMANDS: list[Sequence[str]] = [
    ("get", "NAME"), ("history", "NAME"), ("watch", "NAME"), ("set", "NAME", "tyk=x"),
    ("delete", "NAME"), ("protect", "NAME"),
    ("unprotect", "NAME"), ("redeploy", "NAME"), ("retry", "NAME"),
    ("extend", "NAME", "3d"), ("rollback", "NAME"), ("diff", "NAME", "2h"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=[c[0] for c in COMMANDS])
def test_what_does_not_exist_is_said_and_is_a_failure(shell: Shell, command: Sequence[str]) -> None:
    complaint = shell.fail(*(a.replace("NAME", "nowhere") for a in command))
    assert complaint.startswith("gromit: could not find env nowhere\n")


@pytest.mark.parametrize("command", COMMANDS, ids=[c[0] for c in COMMANDS])
def test_what_can_be_no_name_is_a_wrong_use(shell: Shell, command: Sequence[str]) -> None:
    assert "no usable environment name" in shell.fail(
        *(a.replace("NAME", "x/_") for a in command), code=2
    )


def test_history_shows_the_oldest_first(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.clock.advance(s=5)
    shell.run("redeploy", "app-test", "tyk")
    rows = shell.json("history", "app-test")
    assert [(e["kind"], e["text"]) for e in rows] == [
        ("created", "tyk reported sha of app-test"),
        ("redeploy", "tyk"),
    ]
    assert (
        shell.json("redeploy", "app-test")["generation"] + 1
        == shell.json("redeploy", "app-test")["generation"]
    )
    table = shell.table("history", "app-test")
    assert table[0] == ["AT", "KIND", "ACTOR", "TEXT"]
    assert table[2][:2] == [iso(shell.serve.clock.now), "redeploy"]
    assert table[2][2].startswith("operator:")


def test_history_folds_equal_failures(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    for _ in range(3):
        shell.serve.clock.advance(s=86_400)
        shell.serve.outcome(shell.serve.claim("sow"), "fail")
    times = [event["at"] for event in shell.json("history", "app-test")]
    assert len(times) == 4
    (line,) = [row for row in shell.run("history", "app-test").splitlines() if "failed" in row]
    assert line.startswith(f"{times[-1]}  failed x3  w1")
    assert line.endswith(f"terraform: no such image (since {times[1]})")


def test_rollback_and_diff_show_what_ran_before(shell: Shell) -> None:
    serve = shell.serve
    for sha in ("sha-old", "sha-new"):
        serve.push("tyk", sha)
        serve.build("tyk", "app-test", sha)
        made = [{"name": "tyk", "version": sha, "repository": "tyk"}]
        assert serve.outcome(serve.claim("sow"), "done", made=made).status_code == 200
        serve.clock.advance(s=60)
    table = shell.table("diff", "app-test", "1m30s")
    assert table[1] == ["tyk", "sha-new", "sha-old"]
    assert "both run the same" in shell.run("diff", "app-test", "app-test")
    shown = shell.run("rollback", "app-test")
    assert "rolled back from sha-new by operator:" in shown
    assert "; until a newer build of tyk" in shown
    assert "has run no earlier versions" in shell.fail("rollback", "app-test")
    complaint = shell.fail("rollback", "app-test", "zzz", "--component", "tyk", code=2)
    assert "the last versions are tyk=sha-new, tyk=sha-old" in complaint


# ── create, replace, set ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text", ['{"tyk": "sha-1", "tyk-pump": "sha-2"}', "tyk: sha-1\ntyk-pump: sha-2\n"]
)
def test_create_reads_json_and_yaml(shell: Shell, tmp_path: Path, text: str) -> None:
    made = shell.json("create", "app-test", "-f", _file(tmp_path, text))
    assert made == shell.serve.get("/v1/environments/app-test")
    assert shell.serve.get("/env/app-test") == {
        "name": "app-test", "state": "new", **DEFAULTS, "tyk": "sha-1", "tyk-pump": "sha-2",
    }  # fmt: skip


def test_create_gives_the_others_the_tag_of_the_branch_as_it_is_written(
    shell: Shell, tmp_path: Path
) -> None:
    shell.serve.push("tyk-sink", "v9.9")
    made = shell.json("create", "x/v9.9", "-f", _file(tmp_path, "tyk: sha"))
    assert (made["name"], made["versions"]["tyk-sink"]["version"]) == ("v99", "v9.9")


def test_create_does_not_touch_what_exists(shell: Shell, tmp_path: Path) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    before = shell.serve.rows
    assert "app-test exists already" in shell.fail(
        "create", "app-test", "-f", _file(tmp_path, "tyk: x")
    )
    assert shell.serve.rows == before


def test_create_takes_the_place_of_what_is_gone(shell: Shell, tmp_path: Path) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.send("DELETE", "/env/app-test")
    shell.serve.clock.advance(s=GRACE_S)
    shell.serve.work_off("reap")
    assert shell.json("create", "app-test", "-f", _file(tmp_path, "tyk: x"))["phase"] == "pending"


def test_replace_reads_standard_input(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    with Path(_file(tmp_path, '{"tyk-pump": "sha-p"}')).open(encoding="utf-8") as source:
        monkeypatch.setattr("sys.stdin", source)
        shown = shell.json("replace", "app-test", "-f", "-")
    assert {r: v["version"] for r, v in shown["versions"].items()} == {
        **DEFAULTS,
        "tyk-pump": "sha-p",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- tyk\n", "is not a mapping"),
        ("", "is not a mapping"),
        ("tyk: [", "neither JSON nor YAML"),
        ("tyk: 12", "version of tyk is not text, but int\n  hint: put it in quotes"),
        ("tyk: 1.10", "version of tyk is not text, but float"),
        ("tyk: 2026-01-31", "version of tyk is not text, but date"),
        ("tyk: 2026-13-45", "a date or number in it is impossible"),
        ("tyk: yes", "version of tyk is not text, but bool"),
        ("tyk:", "version of tyk is empty\n  hint: put it in quotes"),
        ("tyk: [sha]", "version of tyk is not text, but list"),
        ("2026-01-31: sha", "the repository datetime.date(2026, 1, 31) is not text"),
        ("redis: x", "'redis' is not part of any environment"),
        ("tyk: a b", "'a b' is not an image tag"),
    ],
)
def test_a_file_that_cannot_be_meant_changes_nothing(
    shell: Shell, tmp_path: Path, text: str, says: str
) -> None:
    for command in ("create", "replace"):
        assert says in shell.fail(command, "app-test", "-f", _file(tmp_path, text), code=2)
    assert shell.serve.rows == {}


def test_a_file_in_another_encoding_is_a_wrong_use(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "versions"
    file.write_bytes('tyk: "sh\xe4"\n'.encode("latin-1"))
    for command in ("create", "replace"):
        assert "is neither JSON nor YAML in UTF-8" in shell.fail(
            command, "app-test", "-f", str(file), code=2
        )
    assert shell.serve.rows == {}


def test_a_file_that_is_not_there_is_a_wrong_use(shell: Shell) -> None:
    assert "No such file" in shell.fail("create", "app-test", "-f", "/nonexistent/versions", code=2)


def test_versions_are_given_as_words_or_in_a_file(shell: Shell, tmp_path: Path) -> None:
    made = shell.json("create", "app-test", "tyk=sha-1", "tyk-pump=sha-2")
    assert (made["versions"]["tyk"]["version"], made["phase"]) == ("sha-1", "pending")
    assert made["versions"]["tyk-pump"]["version"] == "sha-2"
    assert made["versions"]["tyk-sink"]["version"] == "master"
    shown = shell.json("replace", "app-test", "tyk=sha-3")
    assert shown["versions"]["tyk"]["version"] == "sha-3"
    assert shown["versions"]["tyk-pump"]["version"] == "master"
    before = shell.serve.rows
    for command in ("create", "replace"):
        assert "no version is given" in shell.fail(command, "app-test", code=2)
        assert "is not REPO=VERSION" in shell.fail(command, "app-test", "tyk", code=2)
        both = (command, "app-test", "tyk=x", "-f", _file(tmp_path, "tyk: x"))
        assert "versions are given twice" in shell.fail(*both, code=2)
        assert "a repository is given twice" in shell.fail(
            command, "app-test", "tyk=x", "tyk=y", code=2
        )
    assert shell.serve.rows == before


def test_a_copy_has_the_versions_of_the_other_and_follows_its_own_branch(shell: Shell) -> None:
    shell.serve.push("tyk-sink", "copied")
    shell.serve.build("tyk", "copied", "sha-1")
    made = shell.json("create", "copy", "--from", "copied", "tyk-pump=sha-2")
    shown = {r: (v["version"], v["source"]) for r, v in made["versions"].items()}
    assert (shown["tyk"], shown["tyk-pump"], shown["tyk-sink"]) == (
        ("sha-1", "reported"),
        ("sha-2", "reported"),
        ("copied", "reported"),
    )
    assert shown["tyk-analytics"] == ("master", "default")
    shell.serve.build("tyk", "copied", "sha-3")
    assert shell.json("get", "copy")["versions"]["tyk"]["version"] == "sha-1"
    shell.serve.build("tyk", "copy", "sha-4")
    assert shell.json("get", "copy")["versions"]["tyk"]["version"] == "sha-4"
    assert "copy exists already" in shell.fail("create", "copy", "--from", "copied")


def test_what_is_gone_is_not_copied(shell: Shell) -> None:
    shell.serve.build("tyk", "over", "sha-1")
    shell.serve.send("DELETE", "/env/over")
    shell.serve.clock.advance(s=GRACE_S)
    shell.serve.work_off("reap")
    assert "over is gone" in shell.fail("create", "copy", "--from", "over")


def test_set_changes_some_versions(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    shown = shell.json("set", "app-test", "tyk-pump=sha-p", "TykTechnologies/tyk-sink=sha-s")
    assert {r: v["version"] for r, v in shown["versions"].items()} == {
        **DEFAULTS, "tyk": "sha", "tyk-pump": "sha-p", "tyk-sink": "sha-s",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("versions", "says"),
    [
        (["tyk"], "'tyk' is not REPO=VERSION"),
        (["tyk="], "'tyk=' is not REPO=VERSION"),
        (["=sha"], "repo is empty"),
        (["tyk=a", "tyk=b"], "is given twice"),
        (["tyk=a", "TykTechnologies/tyk=b"], "repository tyk appears twice"),
        (["tyk=a=b"], "'a=b' is not an image tag"),
        ([], "missing argument"),
    ],
)
def test_versions_that_cannot_be_meant_are_not_set(
    shell: Shell, versions: list[str], says: str
) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    before = shell.serve.rows
    assert says in shell.fail("set", "app-test", *versions, code=2)
    assert shell.serve.rows == before


# ── delete, protect, redeploy ─────────────────────────────────────────────────────────────────────


def test_delete_shows_what_becomes_of_it(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    assert ["phase", "deleting"] in shell.table("delete", "app-test")
    assert ["due", iso(shell.serve.clock.now + GRACE_S * 1000)] in shell.table("get", "app-test")


def test_retry_makes_a_failed_deletion_due_at_once(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    shell.run("delete", "app-test")
    assert "its grace period is not over" in shell.fail("retry", "app-test")
    shell.serve.clock.advance(s=GRACE_S)
    shell.serve.outcome(
        shell.serve.claim("reap"), "fail", error_kind="terraform", message="still in use"
    )
    assert run(["env", "delete", "app-test"]) == 0
    complaint = shell.captured.readouterr().err
    assert "destroying app-test failed: still in use" in complaint
    assert "gromit env retry app-test" in complaint
    assert shell.json("retry", "app-test")["due"] == iso(shell.serve.clock.now)
    assert shell.serve.work_off("reap") == "app-test"
    assert "could not find env app-test" in shell.fail("retry", "app-test")


def test_protection_is_in_the_way_of_deletion(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    assert ["protected", "yes"] in shell.table("protect", "app-test")
    complaint = shell.fail("delete", "app-test")
    assert "app-test is protected" in complaint
    assert "gromit env unprotect app-test" in complaint
    assert ["protected", "no"] in shell.table("unprotect", "app-test")
    assert shell.json("delete", "app-test")["want"] == "gone"
    shell.serve.clock.advance(s=GRACE_S)
    shell.serve.work_off("reap")
    assert shell.json("delete", "app-test")["phase"] == "gone"  # as after a lost response


def test_redeploy_rolls_one_component_or_all_over(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.work_off("sow")
    assert shell.json("redeploy", "app-test", "redis")["phase"] == "pending"
    assert set(shell.serve.claim("sow")["redeploys"]) == {"redis"}
    shell.run("redeploy", "app-test")
    assert shell.serve.get("/v1/environments/app-test/events")["events"][-1]["text"].startswith(
        "redis, tyk, "
    )
    assert "there is no component 'nope'" in shell.fail("redeploy", "app-test", "nope", code=2)


def test_a_viewer_may_look_but_not_change(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    identity = shell.serve.certificates.of(Role.VIEWER)
    monkeypatch.setenv("GROMIT_CLIENT_CERT", identity.cert)
    monkeypatch.setenv("GROMIT_CLIENT_KEY", identity.key)
    assert shell.json("get", "app-test")["name"] == "app-test"
    assert "role viewer may not DELETE /v1/environments/" in shell.fail("delete", "app-test")


def test_settings_that_are_missing_are_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROMIT_SERVE_URL")
    assert "serve.url is not set\n  hint: set GROMIT_SERVE_URL" in shell.fail("list", code=2)


# ── watch, wait ───────────────────────────────────────────────────────────────────────────────────


class Later:
    """Run a function as soon as a command watches the changes of serve."""

    def __init__(self, serve: Serve, *steps: Any) -> None:
        self._serve, self._steps = serve, steps
        self.thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.thread.join(PATIENCE_S)
        assert not self.thread.is_alive()

    def _run(self) -> None:
        eventually(lambda: self._serve.app.state.deps.changes._watchers)
        for step in self._steps:
            step()


def test_wait_ends_when_a_worker_has_made_it_ready(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    with Later(shell.serve, lambda: shell.serve.work_off("sow")):
        assert ["phase", "ready"] in shell.table("wait", "app-test", "--timeout", "120")


def test_logs_shows_what_components_wrote(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.write_output("app-test", "t1", "one", "two")
    all_of_them = shell.run("logs", "app-test").splitlines()
    assert [line.split()[1:] for line in all_of_them] == [["tyk", "one"], ["tyk", "two"]]
    of_tyk = shell.run("logs", "app-test", "tyk", "--since", "3650d").splitlines()
    assert [line.split()[1:] for line in of_tyk] == [["one"], ["two"]]
    assert [line["text"] for line in shell.json("logs", "app-test", "-n", "1")] == ["two"]
    assert shell.run("logs", "app-test", "tyk", "--previous") == ""
    assert "no component 'typo'" in shell.fail("logs", "app-test", "typo", code=2)
    assert "--previous" in shell.fail("logs", "app-test", "--previous", "--follow", code=2)


def _made(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "version": "sha", "port": 8080} for name in names]


def test_open_prints_the_url_and_opens_it_in_a_browser(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {shlex.quote(str(opened))}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{shlex.quote(str(browser))} %s")
    monkeypatch.setattr(webbrowser, "_tryorder", None)
    shell.serve.build("tyk", "app-test", "sha")
    assert "app-test has no URL: it is pending" in shell.fail("open", "app-test")
    shell.serve.outcome(shell.serve.claim("sow"), "done", made=_made("tyk"))
    url = shell.serve.get("/v1/environments/app-test")["urls"]["tyk"]
    assert shell.run("open", "app-test") == f"{url}\n"
    assert opened.read_text() == url
    found = shell.json("open", "app-test", "tyk", "--no-browser")
    assert found == {"component": "tyk", "url": url}
    assert "no URL of 'typo'" in shell.fail("open", "app-test", "typo", code=2)


def test_open_asks_which_of_several_and_uses_the_proxy_of_a_local_cloud(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.outcome(shell.serve.claim("sow"), "done", made=_made("tyk", "tyk-analytics"))
    assert "name one of tyk, tyk-analytics" in shell.fail("open", "app-test", code=2)
    monkeypatch.setenv("GROMIT_CLIENT_NAME_PROXY", "localhost:8090")
    shown = shell.run("open", "app-test", "tyk-analytics", "--no-browser")
    assert shown == "http://tyk-analytics.app-test.localhost:8090/\n"


def test_get_shows_what_a_crashed_task_wrote_last(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.write_output("app-test", "t1", "one", "two")
    stopped = [{"component": "tyk", "task": "t1"}]
    shell.serve.outcome(shell.serve.claim("sow"), "fail", stopped=stopped)
    lines = shell.table("get", "app-test")
    assert ["tyk", "wrote", "one"] in lines
    assert ["tyk", "wrote", "two"] in lines


@pytest.mark.usefixtures("any_time")
def test_logs_shows_what_terraform_did_in_a_run(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    claim = shell.serve.claim("sow")
    shell.serve.write_run("app-test", claim["epoch"], "2 to create", "a: created (1s) [1/2]")
    shell.serve.outcome(claim, "fail")
    lines = shell.run("logs", "app-test", "--run").splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines] == ["2 to create", "a: created (1s) [1/2]"]
    found = shell.json("logs", "app-test", "--run", "1")
    assert [line["text"] for line in found] == ["2 to create", "a: created (1s) [1/2]"]
    assert "no run 2" in shell.fail("logs", "app-test", "--run", "2")
    assert "--run" in shell.fail("logs", "app-test", "tyk", "--run", "1", code=2)
    assert "--run" in shell.fail("logs", "app-test", "--run", "1", "--since", "1h", code=2)


def test_explain_says_why_what_next_and_what_would_change_it(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    lines = shell.run("explain", "app-test").splitlines()
    assert lines[0].startswith("app-test is pending, at 20")
    heads = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert heads == ["why:", "next:", "what would change it:"]
    assert any("place 1 of 1 in the queue" in line for line in lines)
    assert shell.json("explain", "app-test")["phase"] == "pending"
    assert "place 1 of 1 in the queue" in shell.run("get", "app-test")
    assert "app-test: place 1 of 1 in the queue" in shell.fail("wait", "app-test", "--timeout", "0")
    assert "nowhere" in shell.fail("explain", "nowhere")


STEPS = [f"aws_{letter}.this: created (1s)" for letter in "abc"]


def test_wait_shows_each_step_once(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    claims: list[dict[str, Any]] = []
    errors: list[str] = []

    def seen(text: str) -> bool:
        errors.append(shell.captured.readouterr().err)
        return text in "".join(errors)

    def report(number: int) -> None:
        if not claims:
            claims.append(shell.serve.claim("sow"))
        step = {"text": STEPS[number], "done": number + 1, "total": 3}
        for _ in range(2):
            shell.serve.outcome(claims[0], "renew", progress=step)
        eventually(lambda: seen(f"app-test: {STEPS[number]} [{number + 1}/3]"))

    steps = [partial(report, number) for number in range(3)]
    with Later(shell.serve, *steps, lambda: shell.serve.outcome(claims[0], "done")):
        assert run(["env", "wait", "app-test", "--timeout", "120"]) == 0
    lines = "".join(errors).splitlines()
    assert [line for line in lines if "created" in line] == [
        f"app-test: {step} [{number}/3]" for number, step in enumerate(STEPS, 1)
    ]
    assert lines.count("app-test: sowing") == 1


def test_get_list_and_watch_show_progress(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    claim = shell.serve.claim("sow")
    shell.serve.outcome(claim, "renew", progress={"text": "waiting for the services"})
    assert "progress   waiting for the services, at 20" in shell.run("get", "app-test")
    assert ["app-test", "sowing", "tyk=sha"] in [row[:3] for row in shell.table("list")]
    step = {"text": STEPS[0], "done": 1, "total": 3}
    shell.serve.outcome(claim, "renew", progress=step)
    assert f"progress   {STEPS[0]} [1/3], at 20" in shell.run("get", "app-test")
    assert ["app-test", "sowing", "1/3", "tyk=sha"] in [row[:4] for row in shell.table("list")]
    assert shell.json("get", "app-test")["progress"]["done"] == 1

    def leave() -> None:
        shell.serve.outcome(claim, "done")
        shell.serve.send("DELETE", "/env/app-test")
        shell.serve.clock.advance(s=GRACE_S + 1)
        shell.serve.work_off("reap")

    with Later(shell.serve, leave):
        printed = shell.run("watch", "app-test")
    (line,) = [line for line in printed.splitlines() if "progress" in line]
    assert line.endswith(f"  {STEPS[0]} [1/3]")


def test_wait_reports_failures_on_the_way(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")

    def fail() -> None:
        shell.serve.outcome(
            shell.serve.claim("sow"), "fail", error_kind="temporary", message="no such image"
        )

    def seen() -> None:
        eventually(lambda: "failed (no such image)" in all_errors())

    errors: list[str] = []

    def all_errors() -> str:
        errors.append(shell.captured.readouterr().err)
        return "".join(errors)

    def again() -> None:
        shell.serve.build("tyk", "app-test", "sha")
        shell.serve.work_off("sow")

    with Later(shell.serve, fail, seen, again):
        assert run(["env", "wait", "app-test", "--timeout", "120", "-o", "json"]) == 0
    assert json.loads(shell.captured.readouterr().out)["phase"] == "ready"


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("rollout", "fix the build, then re-run its workflow"),
        ("invalid", "fix the build, then re-run its workflow"),
        ("not_found", "ask the operators of gromit"),
        ("denied", "ask the operators of gromit"),
        ("config", "ask the operators of gromit"),
        ("bug", "ask the operators of gromit"),
        ("conflict", "ask the operators of gromit"),
    ],
)
def test_wait_gives_up_at_once_on_what_a_person_has_to_fix(
    shell: Shell, kind: str, hint: str
) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    with Later(
        shell.serve,
        lambda: shell.serve.outcome(
            shell.serve.claim("sow"), "fail", error_kind=kind, message="it is broken"
        ),
    ):
        complaint = shell.fail("wait", "app-test", "--timeout", "1h")
    assert (
        f"app-test failed and will not recover on its own: it is broken\n  hint: {hint}"
        in complaint
    )
    assert "will not recover on its own" in shell.fail("wait", "app-test", "--timeout", "1h")
    assert "is not ready after 0s: it is failed" in shell.fail(
        "wait", "app-test", "--timeout", "0s", "--keep-trying"
    )


def test_wait_does_not_give_up_on_what_is_about_to_be_tried_again(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.outcome(
        shell.serve.claim("sow"), "fail", error_kind="rollout", message="it is broken"
    )
    shell.serve.build("tyk", "app-test", "sha")
    assert "is not ready after 0s: it is pending (it is broken)" in shell.fail(
        "wait", "app-test", "--timeout", "0"
    )
    with Later(shell.serve, lambda: shell.serve.work_off("sow")):
        assert shell.json("wait", "app-test", "--timeout", "120")["phase"] == "ready"


def test_wait_ends_when_it_is_gone(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.work_off("sow")

    def destroy() -> None:
        shell.serve.send("DELETE", "/env/app-test")
        shell.serve.clock.advance(s=GRACE_S)
        shell.serve.work_off("reap")

    with Later(shell.serve, destroy):
        assert (
            shell.json("wait", "app-test", "--for", "gone", "--timeout", "120")["phase"] == "gone"
        )


def test_wait_knows_at_once_what_is_so_already(shell: Shell) -> None:
    assert shell.run("wait", "nowhere", "--for", "gone", "--timeout", "0") == "nowhere is gone\n"
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.work_off("sow")
    assert shell.json("wait", "app-test", "--timeout", "0")["phase"] == "ready"


def test_wait_gives_up_in_time_and_shows_the_phase(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")
    assert "app-test is not ready after 0.2s: it is pending" in shell.fail(
        "wait", "app-test", "--timeout", "0.2s"
    )
    assert "app-test is not gone after 0s: it is pending" in shell.fail(
        "wait", "app-test", "--for", "gone", "--timeout", "0"
    )
    assert "nowhere is not ready after 0s: it is gone" in shell.fail(
        "wait", "nowhere", "--timeout", "0", "--keep-trying"
    )


def test_wait_does_not_wait_for_a_deleted_environment(shell: Shell) -> None:
    reason = "gromit: there is no environment nowhere\n"
    hint = "  hint: check the name, or report a build of the branch; or wait with --keep-trying"
    assert reason + hint in shell.fail("wait", "nowhere", "--timeout", "1h")
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.send("DELETE", "/env/app-test")
    assert "app-test will not become ready: it is deleting" in shell.fail(
        "wait", "app-test", "--timeout", "1h"
    )


def made_without_names(shell: Shell) -> None:
    """Make an environment with one public component, whose name no observation has reported."""
    shell.serve.build("tyk", "app-test", "sha")
    made = [{"name": "tyk", "repository": "tyk", "version": "sha", "port": 8181}]
    shell.serve.outcome(shell.serve.claim("sow"), "done", made=made)


def observe(
    shell: Shell,
    state: str,
    reason: str = "",
    health: str = "pass",
    said: str = "",
    **problems: str,
) -> None:
    """Report the name's state, its health, and problems, as chitragupta does."""
    seen = {
        "name": "app-test",
        "epoch": shell.serve.get("/v1/environments/app-test")["epoch"],
        "problems": [{"component": c, "reason": r} for c, r in problems.items()],
        "names": [{"component": "tyk", "state": state, "reason": reason}],
        "health": [{"component": "tyk", "state": health, "reason": said}] if health else [],
    }
    answer = shell.serve.send("POST", "/v1/observations", {"environments": [seen]}, Role.WORKER)
    assert answer.json() == {"changed": 1}


def test_wait_waits_for_the_names_too_unless_it_should_not(shell: Shell) -> None:
    made_without_names(shell)
    assert (
        "app-test is not ready after 0s: it is ready, without the names of tyk"
        " (unknown, because chitragupta has not reported it yet)"
    ) in shell.fail("wait", "app-test", "--timeout", "0")
    assert shell.json("wait", "app-test", "--timeout", "0", "--no-dns")["phase"] == "ready"
    observe(shell, "missing")
    assert "without the names of tyk (missing)" in shell.fail("wait", "app-test", "--timeout", "0")
    with Later(shell.serve, lambda: observe(shell, "published")):
        assert shell.json("wait", "app-test", "--timeout", "120")["phase"] == "ready"


def test_wait_waits_for_a_good_answer_of_a_program_unless_it_should_not(shell: Shell) -> None:
    made_without_names(shell)
    observe(shell, "published", health="")
    said = shell.fail("wait", "app-test", "--timeout", "0")
    assert "it is ready, without a good answer of tyk yet" in said
    assert shell.json("wait", "app-test", "--timeout", "0", "--no-dns")["phase"] == "ready"
    observe(shell, "published", health="unknown", said="/hello says warn: redis")
    complaint = shell.fail("wait", "app-test", "--timeout", "0")
    assert "without a good answer of tyk (/hello says warn: redis) yet" in complaint
    observe(shell, "published", health="fail", tyk="/hello answers 503")
    said = shell.fail("wait", "app-test", "--timeout", "0")
    assert "it is degraded (tyk: /hello answers 503)" in said
    with Later(shell.serve, lambda: observe(shell, "published")):
        found = shell.json("wait", "app-test", "--timeout", "120")
    assert found["components"]["tyk"]["health"] == {"state": "pass", "reason": None}
    assert [cell.split(":")[0] for cell in shell.table("get", "app-test")[-1]] == [
        "tyk",
        "-",
        "-",
        "http",
        "published",
        "pass",
    ]


def test_a_blocked_name_is_shown_and_ends_a_wait_at_once(shell: Shell) -> None:
    made_without_names(shell)
    observe(shell, "blocked", "a record of type CNAME exists")
    assert "blocked: a record of type CNAME exists" in shell.run("get", "app-test")
    said = shell.fail("wait", "app-test", "--timeout", "1h")
    assert "app-test will not be reachable" in said
    assert "remove the record that has the name, or wait with --no-dns" in said
    assert shell.run("wait", "app-test", "--timeout", "0", "--no-dns")


def test_a_degraded_environment_is_not_ready_and_says_why(shell: Shell) -> None:
    made_without_names(shell)
    observe(shell, "published", tyk="0 of 1 tasks run: exit code 3")
    assert "is degraded (tyk: 0 of 1 tasks run: exit code 3)" in shell.fail(
        "wait", "app-test", "--timeout", "0"
    )
    lines = shell.run("get", "app-test").splitlines()
    (line,) = [line for line in lines if line.startswith("degraded")]
    assert line.endswith(": tyk: 0 of 1 tasks run: exit code 3")
    assert "tyk wrote  `gromit env logs app-test tyk --previous` shows it" in lines
    assert "0 of 1 tasks run" in shell.run("list")
    shell.serve.clock.advance(s=30)
    shell.serve.outcome(
        shell.serve.claim("sow"), "fail", error_kind="rollout", message="it is broken"
    )
    assert "app-test is degraded and will not recover on its own: it is broken" in shell.fail(
        "wait", "app-test", "--timeout", "1h"
    )


@pytest.mark.parametrize("timeout", ["soon", "-1", "", "5x", "1h5"])
def test_wait_wants_a_length_of_time(shell: Shell, timeout: str) -> None:
    assert "is not a duration" in shell.fail("wait", "app-test", "--timeout", timeout, code=2)


def test_watch_shows_events_until_it_is_gone(shell: Shell) -> None:
    shell.serve.build("tyk", "app-test", "sha")

    def live() -> None:
        shell.serve.work_off("sow")
        shell.serve.send("DELETE", "/env/app-test")
        shell.serve.clock.advance(s=GRACE_S)
        shell.serve.work_off("reap")

    with Later(shell.serve, live):
        lines = shell.run("watch", "app-test").splitlines()
    assert [line.split()[1] for line in lines] == ["created", "sown", "deleted", "reaped"]
    lines = shell.run("watch", "app-test", "-o", "json").splitlines()
    assert [json.loads(line)["kind"] for line in lines] == [
        "created", "sown", "deleted", "reaped",
    ]  # fmt: skip


class Restarted:
    """A serve that fails one request for history, right after the request for the environment."""

    def __init__(self) -> None:
        self.refused = 0

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body: Any = {}
        if scope["path"] == "/v1/environments/app-test":
            body = {"name": "app-test", "phase": "gone", "error": None}
        elif scope["path"].endswith("/events") and not self.refused:
            self.refused += 1
            await answer_error(send, 503, "the table is busy")
            return
        elif scope["path"].endswith("/events"):
            body = {
                "events": [
                    {"at": "2026-01-31T08:15:00Z", "kind": "reaped", "actor": "w1", "text": ""}
                ]
            }
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def test_watch_goes_on_when_serve_restarts_between_two_requests(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity, _ = shell.serve.certificates.issue("server", "127.0.0.1")
    app = Restarted()
    server = Server(Listener(app, "127.0.0.1:0", ServerTls(identity)))
    monkeypatch.setattr("gromit.web.clients.serve.RETRIES", Retries(attempts=1))
    with server.running():
        monkeypatch.setenv("GROMIT_SERVE_URL", f"https://{server.address()}")
        assert run(["env", "watch", "app-test"]) == 0
    result = shell.captured.readouterr()
    assert result.out.count("2026-01-31T08:15:00Z  reaped") == 1
    assert "the table is busy; trying again" in result.err
    assert app.refused == 1


# ── unlock ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def bucket(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """State bucket with a person's lock on app-test."""
    for name, value in shell.serve.emulator.environ.items():
        monkeypatch.setenv(name, value)
    session.cache_clear()
    s3 = shell.serve.emulator.client("s3")
    s3.create_bucket(
        Bucket="terraform-state-dev", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    lock = {
        "ID": "lock-1",
        "Operation": "OperationTypeApply",
        "Who": "alice@bastion",
        "Created": "2026-01-31T08:15:00Z",
    }
    s3.put_object(
        Bucket="terraform-state-dev",
        Key="env:/app-test/devenv.tflock",
        Body=json.dumps(lock).encode(),
    )
    yield s3
    for item in s3.list_objects_v2(Bucket="terraform-state-dev").get("Contents", []):
        s3.delete_object(Bucket="terraform-state-dev", Key=item["Key"])
    s3.delete_bucket(Bucket="terraform-state-dev")
    session.cache_clear()


def _locks(s3: Any) -> list[str]:
    return [
        item["Key"] for item in s3.list_objects_v2(Bucket="terraform-state-dev").get("Contents", [])
    ]


def test_unlock_says_whose_lock_it_removes(shell: Shell, bucket: Any) -> None:
    assert run(["env", "unlock", "app-test", "--yes", "-o", "json"]) == 0
    result = shell.captured.readouterr()
    assert json.loads(result.out) == [
        {"name": "app-test", "lock": "lock-1", "removed": True, "by": operator()}
    ]
    assert (
        "its owner: terraform itself or a person holds the lock (alice@bastion, OperationTypeApply)"
        in result.err
    )
    assert "serve: there is no environment app-test" in result.err
    assert "locked since 2026-01-31T08:15:00Z by alice@bastion for OperationTypeApply" in result.err
    assert _locks(bucket) == []
    assert "there is no lock on app-test" in shell.fail("unlock", "app-test", "--yes")


def test_unlock_asks_and_takes_silence_for_a_no(
    shell: Shell, bucket: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Path(_file(tmp_path, "n\n")).open(encoding="utf-8") as answers:
        monkeypatch.setattr("sys.stdin", answers)
        assert "Are you sure that this process has ended?" in shell.fail(
            "unlock", "x/App-Test", code=130
        )
        assert "interrupted" in shell.fail("unlock", "app-test", code=130)
    assert _locks(bucket) == ["env:/app-test/devenv.tflock"]


@dataclass(frozen=True, slots=True)
class Ours:
    """Replace the person's lock with a lock of a worker on this machine."""

    states: Any
    me: Owner

    def take(self, owner: Owner) -> None:
        found = self.states.find_lock("app-test")
        assert self.states.replace_lock(found, owner, "sow") is not None

    @property
    def dead(self) -> Owner:
        """Process that has ended."""
        child = subprocess.Popen([sys.executable, "-c", ""])
        child.wait()
        return replace(self.me, pid=child.pid)


@pytest.fixture
def ours(shell: Shell, bucket: Any) -> Ours:
    settings = load_settings(dict(os.environ)).settings
    return Ours(state_bucket(settings), owner_watch().identify())


def test_unlock_leaves_a_living_owner_alone_unless_forced(
    shell: Shell, bucket: Any, ours: Ours
) -> None:
    ours.take(ours.me)
    complaint = shell.fail("unlock", "app-test", "--yes")
    assert f"its owner: process {os.getpid()} holds it and is alive" in complaint
    assert "gromit: the lock on app-test is in use: its owner lives\n  hint: " in complaint
    assert _locks(bucket) == ["env:/app-test/devenv.tflock"]
    assert shell.json("unlock", "app-test", "--yes", "--force")[0]["removed"] is True
    assert _locks(bucket) == []


def test_unlock_removes_the_lock_of_a_dead_owner_and_logs_who_did(
    shell: Shell, bucket: Any, ours: Ours, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GROMIT_LOG_LEVEL")
    monkeypatch.setenv("GROMIT_LOG_FORMAT", "json")
    shell.serve.build("tyk", "app-test", "sha")
    dead = ours.dead
    ours.take(dead)
    shell.captured.readouterr()
    assert run(["env", "unlock", "app-test", "--yes"]) == 0
    errors = shell.captured.readouterr().err
    assert f"its owner: process {dead.pid} is dead" in errors
    assert "serve: app-test is pending, and no worker has it" in errors
    logged = json.loads(next(line for line in errors.splitlines() if "lock.removed" in line))
    assert (logged["env"], logged["by"], logged["forced"]) == (
        "app-test",
        operator(),
        False,
    )
    assert _locks(bucket) == []


def test_unlock_leaves_a_live_claim_alone_unless_forced(shell: Shell, bucket: Any) -> None:
    shell.serve.clock.advance(ms=max(0, now_ms() - shell.serve.clock.now))
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.claim("sow", holder="sower-7")
    complaint = shell.fail("unlock", "app-test", "--yes")
    assert "serve: app-test is sowing; sower-7 has it until " in complaint
    assert "the lock on app-test is in use: serve shows that sower-7 has it until " in complaint
    assert len(_locks(bucket)) == 1
    shell.run("unlock", "app-test", "--yes", "--force")
    assert _locks(bucket) == []


def test_unlock_takes_no_notice_of_a_claim_that_has_run_out(shell: Shell, bucket: Any) -> None:
    shell.serve.clock.advance(ms=now_ms() - shell.serve.clock.now - TTL_S * 1000 - 5000)
    shell.serve.build("tyk", "app-test", "sha")
    shell.serve.claim("sow", holder="sower-7")
    assert run(["env", "unlock", "app-test", "--yes"]) == 0
    assert "sower-7 had it until" in shell.captured.readouterr().err
    assert _locks(bucket) == []


def test_unlock_works_without_serve_and_says_so(
    shell: Shell, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GROMIT_SERVE_URL")
    assert run(["env", "unlock", "app-test", "--yes"]) == 0
    assert "serve: not reachable: serve.url is not set" in shell.captured.readouterr().err
    assert _locks(bucket) == []
