"""Every command line of gromit v1 that the page lists, with a running serve and emulated AWS."""

import io
import json
import os
import re
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest

from gromit.adapters.config_tree.root import init_root
from gromit.bootstrap.aws_session import session
from gromit.cli import root, run
from gromit.core.security.roles import Role
from tests.commands import run_gromit
from tests.docs.markdown import read, table
from tests.web.serving import DEFAULTS, Serve, certificates, emulator, serve, shared_serve

__all__ = ["certificates", "emulator", "serve", "shared_serve"]

LINES = table(read("reference/gromit-v1.md"), "## Command lines")
SOW = ["sow", "run", "create", "update"]
REAP = ["reap", "del", "delete", "rm", "remove"]
PASSES = [f"{word} ROOT" for word in (*SOW, *REAP)]
DNS_PASSES = [
    "cluster expose -a",
    "cluster expose --all",
    "cluster -c NAME expose",
    "cluster --cluster NAME expose",
    "cluster expose -c NAME",
    "cluster expose --cluster NAME",
]
GETS = ["env -e NAME", "env -eNAME", "env --envname NAME", "env --envname=NAME", "env -m -e NAME"]
PUTS = [
    "env -e NAME new -f FILE",
    "env -e NAME create -f FILE",
    "env -e NAME replace -f FILE",
    "env new -e NAME -f FILE",
    "env create -f FILE -eNAME",
    "env replace --envname NAME --file FILE",
    "env -f FILE -e NAME replace",
    "env -e NAME new",
    "env create -e NAME",
    "env replace -e NAME -f -",
]
DELETES = [
    "env -e NAME del",
    "env -e NAME delete",
    "env -e NAME rm",
    "env del -e NAME",
    "env delete --envname NAME",
    "env rm -eNAME",
]
ALIASES = ["env new NAME -f FILE", "env del NAME", "env rm NAME"]
OTHERS = ["serve", "cluster", "version", "version -f", "version --full"]
HELPS = ["help", "help sow", "help env get"]
GIVEN = {"tyk": "sha-gw", "name": "ignored", "state": "ignored"}


@dataclass(frozen=True, slots=True)
class V1:
    """Runs command lines of gromit v1 in this process."""

    serve: Serve
    captured: pytest.CaptureFixture[str]
    root: Path
    file: Path
    name: str = field(default_factory=lambda: f"app-{secrets.token_hex(3)}")

    def words(self, line: str) -> list[str]:
        """Return the arguments of a command line of the page."""
        values = {"NAME": self.name, "ROOT": str(self.root), "FILE": str(self.file)}
        return [
            re.sub("|".join(values), lambda found: values[found[0]], word) for word in line.split()
        ]

    def run(self, line: str, code: int = 0) -> str:
        """Return the output of a command line, which must exit with the given code."""
        self.captured.readouterr()
        assert run(self.words(line)) == code, self.captured.readouterr().err
        return self.captured.readouterr().out

    def fail(self, line: str) -> str:
        """Return the errors of a command line that prints nothing and exits with 1."""
        self.captured.readouterr()
        assert run(self.words(line)) == 1
        result = self.captured.readouterr()
        assert result.out == ""
        return result.err

    def start(self, line: str) -> str:
        """Return the output of a command line that succeeds in a process of its own."""
        done = run_gromit(*self.words(line), environ=dict(os.environ))
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def errors(self) -> str:
        """Errors printed since the last command line."""
        return self.captured.readouterr().err

    def build(self) -> None:
        self.serve.build("tyk", self.name, "sha-1")

    def cluster(self) -> None:
        """Create the cluster of the environment."""
        tags = [{"key": "env", "value": self.name}, {"key": "managed", "value": "gromit"}]
        ecs = self.serve.emulator.client("ecs")
        ecs.create_cluster(clusterName=self.name, tags=tags)


@pytest.fixture
def v1(
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Iterator[V1]:
    operator, worker = (serve.certificates.of(role) for role in (Role.OPERATOR, Role.WORKER))
    config, file = tmp_path / "config", tmp_path / "versions"
    config.mkdir()
    init_root(config)
    file.write_text(json.dumps(GIVEN))
    zone = serve.emulator.client("route53").create_hosted_zone(
        Name="dev.example.com", CallerReference=secrets.token_hex(8)
    )
    settings = {
        **serve.emulator.environ,
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "GROMIT_TABLENAME": serve.settings.tablename,
        "GROMIT_SERVE_URL": serve.url,
        "GROMIT_CA": serve.certificates.ca,
        "GROMIT_CLIENT_CERT": operator.cert,
        "GROMIT_CLIENT_KEY": operator.key,
        "GROMIT_WORKER_CERT": worker.cert,
        "GROMIT_WORKER_KEY": worker.key,
        "GROMIT_CLUSTER_ZONEID": zone["HostedZone"]["Id"].rpartition("/")[2],
        "GROMIT_CLUSTER_DOMAIN": "dev.example.com",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdin", _stdin(json.dumps(GIVEN)))
    session.cache_clear()
    yield V1(serve, capsys, config, file)
    session.cache_clear()


class _Bytes(io.BytesIO):
    name = "<stdin>"


def _stdin(text: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(_Bytes(text.encode()))


def test_the_page_lists_exactly_what_is_tested() -> None:
    tested = [*PASSES, *DNS_PASSES, *GETS, *PUTS, *DELETES, *ALIASES, *OTHERS, *HELPS]
    assert sorted(LINES) == sorted(tested)
    assert len(tested) == len(set(tested)) >= 44


# ── sow, reap and the records ─────────────────────────────────────────────────────────────────────


def test_the_words_of_v1_are_our_commands() -> None:
    context = click.Context(root)
    for ours, words in (("sow", SOW), ("reap", REAP)):
        assert {root.get_command(context, word) for word in words} == {
            root.get_command(context, ours)
        }
    assert isinstance(root.get_command(context, "serve"), click.Command)


@pytest.mark.parametrize("line", PASSES)
def test_a_pass_runs(v1: V1, line: str) -> None:
    assert v1.start(line) == "nothing was due\n"


@pytest.mark.parametrize(
    "line",
    ["-l trace sow ROOT", "sow -t --loglevel=debug ROOT", "run ROOT -tl trace", "-t reap ROOT"],
)
def test_options_of_the_log_are_taken_before_and_after_a_pass(v1: V1, line: str) -> None:
    assert v1.start(line) == "nothing was due\n"


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        ("-l trace config show", {"log.level": ("trace", "flag")}),
        ("-ltrace config show", {"log.level": ("trace", "flag")}),
        ("config show -l=trace", {"log.level": ("trace", "flag")}),
        ("config --loglevel TRACE show", {"log.level": ("trace", "flag")}),
        ("config show --loglevel=fatal", {"log.level": ("error", "flag")}),
        (
            "-tl debug config show",
            {"log.level": ("debug", "flag"), "log.format": ("text", "flag")},
        ),
        ("config -l debug show", {"log.level": ("debug", "flag")}),
        ("config show -l panic", {"log.level": ("error", "flag")}),
        ("-t config show", {"log.format": ("text", "flag")}),
        ("config show --textlogs", {"log.format": ("text", "flag")}),
        ("--loglevel= config show", {"log.level": ("info", "default")}),
    ],
)
def test_options_of_the_log_are_settings(
    v1: V1, line: str, settings: dict[str, tuple[str, str]]
) -> None:
    rows = json.loads(v1.run(f"{line} -o json"))
    found = {row["setting"]: (row["value"], row["origin"]) for row in rows}
    assert {name: found[name] for name in settings} == settings


def test_an_unknown_level_is_refused_by_name(v1: V1) -> None:
    assert run(["-l", "loud", "sow", str(v1.root)]) == 2
    assert "log.level from flag: " in v1.errors


@pytest.mark.parametrize("line", DNS_PASSES)
def test_a_pass_over_the_records_runs(v1: V1, line: str) -> None:
    v1.cluster()
    assert v1.start(line) == "nothing to change\n"


def test_a_cluster_that_is_not_there_cannot_be_exposed(v1: V1) -> None:
    for line in ("cluster -c NAME expose", "cluster expose -c=NAME"):
        assert "there is no cluster" in v1.fail(line)
    assert run(["cluster", "-c", "", "expose"]) == 2
    errors = v1.errors
    assert "--all is missing" in errors


def test_a_cluster_alone_lists_clusters(v1: V1) -> None:
    v1.cluster()
    assert v1.name in v1.run("cluster")
    assert v1.run("cluster") == v1.run("cluster list")


# ── environments ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("line", GETS)
def test_an_environment_is_printed_flat(v1: V1, line: str) -> None:
    v1.build()
    assert json.loads(v1.run(line)) == {
        "name": v1.name,
        "state": "new",
        **DEFAULTS,
        "tyk": "sha-1",
    }


@pytest.mark.parametrize("line", PUTS)
@pytest.mark.parametrize("exists", [False, True])
def test_an_environment_is_created_or_replaced(v1: V1, line: str, exists: bool) -> None:
    if exists:
        v1.build()
    printed = json.loads(v1.run(line))
    assert printed == {"name": v1.name, "state": "new", **DEFAULTS, "tyk": "sha-gw"}
    assert printed == v1.serve.get(f"/env/{v1.name}")


@pytest.mark.parametrize("line", DELETES)
def test_an_environment_is_deleted(v1: V1, line: str) -> None:
    v1.build()
    assert v1.run(line) == ""
    assert v1.serve.get(f"/env/{v1.name}")["state"] == "deleted"


def test_the_words_of_v1_work_without_its_options(v1: V1) -> None:
    assert v1.name in v1.run("env new NAME -f FILE")
    assert "exists already" in v1.fail("env new NAME -f FILE")
    assert v1.name in v1.run("env del NAME")
    assert v1.run("env rm NAME")
    assert v1.serve.get(f"/env/{v1.name}")["state"] == "deleted"


def test_options_of_the_log_are_taken_beside_the_name(v1: V1) -> None:
    v1.build()
    for line in ("-l trace env -e NAME", "env -l trace -t -e NAME", "env -e NAME -l error"):
        assert json.loads(v1.run(line))["name"] == v1.name


@pytest.mark.parametrize(
    ("line", "given", "message"),
    [
        ("env -e NAME", "", "could not find env"),
        ("env -e NAME del", "", "could not find env"),
        ("env -e NAME replace", "[", "neither JSON nor YAML"),
        ("env -e NAME replace", '{"unknown": "sha-1"}', "unknown"),
        ("env -e NAME replace -f FILE.missing", "", "No such file"),
        ("env -e=. del", "", "yields no usable environment name"),
    ],
)
def test_every_failure_ends_with_one(
    v1: V1, monkeypatch: pytest.MonkeyPatch, line: str, given: str, message: str
) -> None:
    monkeypatch.setattr(sys, "stdin", _stdin(given))
    assert message in v1.fail(line)


VARIABLES = table(read("reference/gromit-v1.md"), "## Environment variables")


def test_every_variable_of_v1_is_a_setting(v1: V1, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "some-text")
    rows = json.loads(v1.run("config show -o json"))
    found = {row["variable"]: (row["setting"], row["origin"]) for row in rows}
    assert len(VARIABLES) == 13
    for variable, (meaning,) in VARIABLES.items():
        setting, origin = found[variable]
        assert origin == variable
        assert meaning.startswith(f"`{setting}`"), variable


@pytest.mark.parametrize("end", ["", "/"])
def test_certificates_are_given_as_text_or_as_files(
    v1: V1, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    v1.build()
    monkeypatch.setenv("GROMIT_SERVE_URL", f"{v1.serve.url}{end}")
    assert json.loads(v1.run("env -e NAME"))["tyk"] == "sha-1"
    for variable in ("GROMIT_CA", "GROMIT_CLIENT_CERT", "GROMIT_CLIENT_KEY"):
        monkeypatch.setenv(variable, Path(os.environ[variable]).read_text())
    assert json.loads(v1.run("env -e NAME"))["tyk"] == "sha-1"


def test_without_a_serve_it_ends_with_one(v1: V1, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROMIT_SERVE_URL")
    assert "serve.url is not set" in v1.fail("env -e NAME")


# ── help and version ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("line", HELPS)
def test_help_shows_the_usage_of_a_command(v1: V1, line: str) -> None:
    words = line.split()[1:]
    shown = v1.run(line)
    assert shown == v1.run(" ".join([*words, "--help"]))
    assert shown.startswith(f"Usage: {' '.join(['gromit', *words])} ")


def test_help_of_no_command_is_wrong_usage(v1: V1) -> None:
    assert run(["help", "env", "dance"]) == 2
    assert "there is no command 'env dance'" in v1.errors


def test_the_version_is_one_line_and_more_in_full(v1: V1) -> None:
    version = v1.run("version")
    assert version.count("\n") == 1
    assert v1.run("--version") == f"gromit, version {version}"
    assert v1.run("version -f") == v1.run("version --full")
    assert v1.run("version -f").startswith(f"{version}Python 3.")


def _helps(command: click.Command, context: click.Context) -> Iterator[str]:
    yield command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _helps(inner, click.Context(inner, info_name=name, parent=context))


@pytest.mark.parametrize("form", ["--loglevel", "--textlogs", "--envname", "--mtls", "--cluster"])
def test_no_help_shows_the_options_of_v1(form: str) -> None:
    assert [text for text in _helps(root, click.Context(root)) if form in text] == []


def test_no_help_lists_the_words_of_v1() -> None:
    listed: list[Any] = root.list_commands(click.Context(root))
    assert not {*SOW[1:], *REAP[1:], "help", "version"} & set(listed)
