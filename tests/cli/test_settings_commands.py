"""`gromit config`, `catalogue`, `root`, `suspend` and `resume`, as processes."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from gromit.cli import root
from tests.commands import run_gromit

Gromit = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def gromit(tmp_path: Path) -> Gromit:
    """Run gromit without this machine's configuration.

    Keywords are variables, but for `code`, the expected exit code.
    """

    def run(*arguments: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "XDG_"))}
        environ = {**kept, "HOME": str(tmp_path), **variables}
        done = run_gromit(*arguments, environ=environ, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        return done

    return run


def _settings(gromit: Gromit, *arguments: str, **variables: str) -> dict[str, Any]:
    rows = json.loads(gromit("config", "show", "-o", "json", *arguments, **variables).stdout)
    return {row["setting"]: row for row in rows}


def test_config_show_shows_each_value_and_its_origin(gromit: Gromit, tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("sow: {retry: 1h30m}\nrepos: [a, b]\ntablename: from-file\n")
    found = _settings(
        gromit, "--conf", str(file), GROMIT_TABLENAME="from-variable", GROMIT_REAP_LIMIT="3"
    )
    origins = {
        name: (found[name]["value"], found[name]["origin"])
        for name in ("tablename", "sow.retry", "repos", "reap.limit", "reap.grace")
    }
    assert origins == {
        "tablename": ("from-variable", "GROMIT_TABLENAME"),
        "sow.retry": ("1h30m", str(file)),
        "repos": (["a", "b"], str(file)),
        "reap.limit": (3, "GROMIT_REAP_LIMIT"),
        "reap.grace": ("1h", "default"),
    }


def test_config_show_prints_a_table_for_people(gromit: Gromit) -> None:
    lines = gromit("config", "show").stdout.splitlines()
    assert lines[0].split() == ["SETTING", "VALUE", "ORIGIN", "DESCRIPTION"]
    assert lines[1].split()[:3] == ["tablename", "DeveloperEnvironments", "default"]


def test_config_show_masks_secrets_wherever_they_are(gromit: Gromit) -> None:
    canary = "canary-5b1f"
    pem = f"-----BEGIN PRIVATE KEY-----\n{canary}\n-----END PRIVATE KEY-----"
    variables = {
        "GROMIT_SERVE_KEY": canary,
        "GROMIT_CLIENT_KEY": pem,
        "GROMIT_SERVE_CERT": pem,
        "GROMIT_CLIENT_CERT": f"  {pem}",
        "GROMIT_TERRAFORM_BACKEND": f"sse_customer_key={canary},kms_key_id=k,"
        f"secret_key={canary},access_key={canary},"
        f"Token={canary},region=eu-central-1",
    }
    for form in ("table", "json"):
        done = gromit("config", "show", "-o", form, **variables)
        assert canary not in done.stdout + done.stderr
    found = _settings(gromit, **variables)
    assert found["serve.key"]["value"] == found["client.key"]["value"] == "***"
    assert found["serve.cert"]["value"] == "(PEM text)"
    assert found["terraform.backend"]["value"][:2] == ["sse_customer_key=***", "kms_key_id=***"]
    assert found["terraform.backend"]["value"][-1] == "region=eu-central-1"
    assert found["gateway.key"]["value"] is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tablename: mine\nauthtoken: canary-5b1f\nlicenser: {a: {b: c}}\n", "legacy_keys_ignored"),
        ("tablename: mine\nservee: {url: x}\n", "wrong: servee from "),
        ("tablename: mine\nreap: {limit: many}\n", "wrong: reap.limit from "),
        ("tablename: [\n", "wrong: cannot read "),
    ],
)
def test_config_show_works_whatever_the_file_says(
    gromit: Gromit, tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "gromit").mkdir()
    (tmp_path / "gromit" / "config.yaml").write_text(text)
    done = gromit("config", "show", "-o", "json", XDG_CONFIG_HOME=str(tmp_path))
    found = {row["setting"]: row["value"] for row in json.loads(done.stdout)}
    assert found["tablename"] == ("DeveloperEnvironments" if "[" in text else "mine")
    assert found["reap.limit"] == 10
    assert [says in line for line in done.stderr.splitlines()] == [True], done.stderr
    assert "5b1f" not in done.stdout + done.stderr


def test_a_file_of_v1_stops_no_command_and_is_warned_of_once(
    gromit: Gromit, tmp_path: Path
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("authtoken: canary-5b1f\nlicenser: {a: b}\n")
    done = gromit("catalogue", "check", "--conf", str(file))
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["keys"] == ["authtoken", "licenser"]
    file.write_text("authtokn: x\n")
    assert "authtokn" in gromit("catalogue", "check", "--conf", str(file), code=2).stderr


def test_catalogue_show_has_every_component(gromit: Gromit) -> None:
    rows = json.loads(gromit("catalogue", "show", "-o", "json").stdout)
    tyk = next(row for row in rows if row["component"] == "tyk")
    assert (tyk["repository"], tyk["port"], tyk["public"], tyk["files"], tyk["default_tag"]) == (
        "tyk",
        8181,
        True,
        ["policies.json", "tyk.conf"],
        "master",
    )
    assert (tyk["health"]["path"], tyk["health"]["grace"]) == ("/hello", 120)
    redis = next(row for row in rows if row["component"] == "redis")
    assert (redis["image"], redis["default_tag"], redis["health"]) == (
        "public.ecr.aws/docker/library/redis:7",
        None,
        None,
    )
    assert gromit("catalogue", "show").stdout.splitlines()[0].split()[0] == "COMPONENT"


def test_catalogue_show_lists_repositories_without_a_component(gromit: Gromit) -> None:
    done = gromit("catalogue", "show", "-o", "json", GROMIT_REPOS="tyk,raava")
    assert {(row["component"], row["repository"]) for row in json.loads(done.stdout)} == {
        ("tyk", "tyk"),
        ("redis", None),
        (None, "raava"),
    }
    assert "catalogue.repositories_without_component" in done.stderr


def test_catalogue_check_takes_the_file_in_force_or_another(gromit: Gromit, tmp_path: Path) -> None:
    assert (
        gromit("catalogue", "check").stdout
        == "the catalogue is valid: 6 components, 7 config files\n"
    )
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "extends: tyk\ncomponents: [{name: portal, repository: portal, port: 3001, public: true}]"
    )
    good = {"ok": True, "components": 7, "files": 7, "findings": []}
    assert json.loads(gromit("catalogue", "check", str(mine), "-o", "json").stdout) == good
    assert (
        json.loads(gromit("catalogue", "check", "-o", "json", GROMIT_CATALOGUE=str(mine)).stdout)
        == good
    )


def test_catalogue_check_names_what_is_wrong(gromit: Gromit, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("components: [{name: portal, repository: portal, prot: 3001}]")
    done = gromit("catalogue", "check", str(mine), code=2)
    assert done.stderr.splitlines() == [
        f"gromit: {mine}: component portal: prot: there is no such key",
        "  hint: did you mean port?",
    ]


def test_catalogue_check_renders_the_templates(gromit: Gromit, tmp_path: Path) -> None:
    (tmp_path / "templates" / "own").mkdir(parents=True)
    (tmp_path / "templates" / "own" / "a.conf.j2").write_text("{{ peers.missing }}")
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "components: [{name: portal, repository: portal, config_path: /conf, templates: own}]"
    )
    done = gromit("catalogue", "check", str(mine), code=2)
    assert (
        "template a.conf of component portal, line 1: 'dict object' has no attribute 'missing'"
        in done.stdout
    )


def test_catalogue_check_lists_mistakes_and_warnings(gromit: Gromit, tmp_path: Path) -> None:
    (tmp_path / "templates" / "own").mkdir(parents=True)
    template = tmp_path / "templates" / "own" / "gate.conf.j2"
    template.write_text(
        '{"listen_prot": 1, "storage": {"host": "redis"}, "enable_analytics": true}'
    )
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "secrets: {api: {made: random}}\n"
        "components: [{name: gate, program: tyk-gateway, repository: gate, config_path: /conf,"
        " templates: own, secrets: {TYK_GW_SECRET: api}}]"
    )
    done = gromit("catalogue", "check", str(mine), code=2)
    assert done.stdout.splitlines() == [
        "mistake: component gate: gate.conf: listen_prot: tyk-gateway documents no such key",
        "  hint: did you mean listen_port?",
        (
            "mistake: component gate: gate.conf: storage.host:"
            " redis is not a full name, and no environment resolves it"
        ),
        (
            "  hint: use the name of a peer, {{ peers.NAME }},"
            " or of the platform, {{ platform.mongo }}"
        ),
        (
            "warning: component gate: enable_analytics:"
            " no component runs tyk-pump: its records stay in Redis until they expire"
        ),
        "  hint: add a component with `program: tyk-pump`, or switch enable_analytics off",
        "the catalogue is wrong: 1 component, 1 config file, 2 mistakes, 1 warning",
    ]
    template.write_text('{"storage": {"host": "cache.example.org"}}')
    assert "1 warning" in gromit("catalogue", "check", str(mine)).stdout
    strict = gromit("catalogue", "check", str(mine), "--strict", "-o", "json", code=2)
    answer = json.loads(strict.stdout)
    assert (answer["ok"], [found["kind"] for found in answer["findings"]]) == (False, ["host"])


def test_catalogue_check_knows_the_configured_domain(gromit: Gromit, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "components: [{name: portal, image: 'portal:1', port: 80, public: true,"
        " environment: {SELF: 'http://portal.sample.own.test/',"
        " OTHER: 'http://a.sample.own.test/', MONGO: 'mongodb://mongo.own.test/'}}]"
    )
    done = gromit("catalogue", "check", str(mine), code=2, GROMIT_CLUSTER_DOMAIN="own.test")
    assert done.stdout.splitlines()[0] == (
        "mistake: component portal: OTHER: "
        "no component of the environment has the name a.sample.own.test"
    )
    assert "3 warnings" in gromit("catalogue", "check", str(mine)).stdout


def test_catalogue_check_takes_the_files_of_an_environment(gromit: Gromit, tmp_path: Path) -> None:
    folder = tmp_path / "app-test" / "tyk-sink"
    folder.mkdir(parents=True)
    (folder / "tyk_sink.conf").write_text('{"listen_port": 9092}')
    done = gromit("catalogue", "check", "--env", "app-test", code=2, GROMIT_ROOT=str(tmp_path))
    assert "mistake: component tyk-sink: listen_port: is not the port" in done.stdout
    missing = gromit("catalogue", "check", "--env", "other", code=1, GROMIT_ROOT=str(tmp_path))
    assert "there is no folder other in the config root" in missing.stderr


def test_a_root_is_made_suspended_and_resumed(gromit: Gromit, tmp_path: Path) -> None:
    root = str(tmp_path / "config")
    assert gromit("root", "init", root).stdout == f"{root} is now a config root\n"
    assert gromit("root", "init", root).stdout == f"{root} is already a config root\n"
    answer = json.loads(
        gromit("suspend", root, "--reason", "moving mongo", "-o", "json", SUDO_USER="alice").stdout
    )
    assert answer == {
        **json.loads((tmp_path / "config" / "noprocess").read_text()),
        "suspended": True,
    }
    assert answer["reason"] == "moving mongo"
    assert answer["by"].startswith("alice@")
    again = gromit("suspend", root, "--reason", "me too", code=1)
    assert "already suspended by alice@" in again.stderr
    assert f"gromit resume {root}" in again.stderr
    resumed = gromit("resume", "--reason", "mongo has moved", GROMIT_ROOT=root)
    assert "processing is resumed; it was suspended by alice@" in resumed.stdout
    assert re.search(r"^resumed by \S+@\S+: mongo has moved$", resumed.stdout, re.MULTILINE)
    again = json.loads(gromit("resume", root, "-o", "json").stdout)
    assert (again["suspended"], again["was_suspended"], again["ended"]) == (False, False, None)
    assert gromit("resume", root).stdout == "processing was not suspended\n"


def test_what_is_resumed_is_reported_to_programs_too(gromit: Gromit, tmp_path: Path) -> None:
    root = str(tmp_path / "config")
    gromit("root", "init", root)
    gromit("suspend", root, "--reason", "moving mongo")
    answer = json.loads(
        gromit("resume", root, "--reason", "it has moved", "-o", "json", SUDO_USER="bob").stdout
    )
    assert answer["ended"]["reason"] == "moving mongo"
    assert answer["by"].startswith("bob@")
    assert (answer["suspended"], answer["was_suspended"], answer["reason"]) == (
        False,
        True,
        "it has moved",
    )
    assert not (tmp_path / "config" / "noprocess").exists()


def _with_level(level: str, command: click.Command, path: tuple[str, ...]) -> Iterator[str]:
    if getattr(command, "level", "") == level:
        yield " ".join(path)
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _with_level(level, inner, (*path, name))


def test_short_commands_are_quiet_unless_logs_are_asked_for(gromit: Gromit, tmp_path: Path) -> None:
    root = str(tmp_path / "config")
    gromit("root", "init", root)
    assert gromit("suspend", root, "--reason", "x").stderr == ""
    assert gromit("resume", root).stderr == ""
    assert gromit("pki", "init", "--name", "test").stderr == ""
    assert '"processing.suspended"' in gromit("suspend", root, "--reason", "x", "-v").stderr
    assert '"processing.resumed"' in gromit("resume", root, GROMIT_LOG_LEVEL="info").stderr
    assert (
        '"processing.suspended"'
        in gromit("suspend", root, "--reason", "x", "--set", "log.level=info").stderr
    )


def test_commands_that_work_log_what_they_do() -> None:
    working = {
        "serve",
        "gateway",
        "sow",
        "reap",
        "chitragupta",
        "cluster expose",
        "doctor aws",
        "doctor environments",
        "pki ensure",
    }
    assert set(_with_level("info", root, ())) == working


def test_a_flag_beats_the_environment_before_and_after_the_command(gromit: Gromit) -> None:
    given = ("--set", "reap.grace=0", "--set", "repos=a,b")
    for arguments in (
        (*given, "config", "show"),
        ("config", "show", *given),
        (*given[:2], "config", "show", *given[2:]),
    ):
        done = gromit(*arguments, "-o", "json", GROMIT_REAP_GRACE="7m")
        found = {row["setting"]: (row["value"], row["origin"]) for row in json.loads(done.stdout)}
        assert found["reap.grace"] == ("0s", "flag")
        assert found["repos"] == (["a", "b"], "flag")


def test_the_flag_after_the_command_beats_the_one_before(gromit: Gromit) -> None:
    done = gromit("--set", "reap.limit=1", "config", "show", "--set", "reap.limit=2", "-o", "json")
    assert (
        next(row["value"] for row in json.loads(done.stdout) if row["setting"] == "reap.limit") == 2
    )


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("reap.grce=0", "there is no setting 'reap.grce'; `gromit config show` lists all"),
        ("reap=0", "there is no setting 'reap'"),
        ("canary-5b1f", "not KEY=VALUE, like reap.grace=0"),
        ("client.key=canary-5b1f", "client.key is secret"),
        ("reap.limit=many", "reap.limit from flag: "),
    ],
)
def test_a_flag_that_cannot_be_meant_is_a_wrong_use(gromit: Gromit, given: str, says: str) -> None:
    for arguments in (("--set", given, "config", "show"), ("config", "show", "--set", given)):
        done = gromit(*arguments, code=2)
        assert says in done.stderr
        assert "5b1f" not in done.stdout + done.stderr
    assert "GROMIT_CLIENT_KEY" in gromit("config", "show", "--set", "client.key=x", code=2).stderr


def test_what_is_no_root_cannot_be_suspended(gromit: Gromit, tmp_path: Path) -> None:
    for command in (("suspend", "--reason", "x"), ("resume",)):
        done = gromit(command[0], str(tmp_path), *command[1:], code=78)
        assert "run this where the config volume is mounted, and check the path" in done.stderr
        # A marked folder that no worker sees would stop nothing.
        assert "root init" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("reason", [[], ["--reason", " "]])
def test_suspending_needs_a_reason(gromit: Gromit, tmp_path: Path, reason: list[str]) -> None:
    assert "reason" in gromit("suspend", str(tmp_path), *reason, code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["env", "get"], "missing argument 'NAME'", "env get "),
        (
            ["env", "list", "--nope"],
            "no such option '--nope'. Did you mean '--phase'?",
            "env list ",
        ),
        (["nope"], "no such command 'nope'", ""),
        (
            ["config", "show", "-o", "xml"],
            "invalid value for '-o' / '--output': 'xml' is not one of 'table', 'json'",
            "config show ",
        ),
    ],
)
def test_wrong_usage_is_reported_as_all_other_errors(
    gromit: Gromit, arguments: list[str], message: str, hint: str
) -> None:
    error = gromit(*arguments, code=2).stderr.splitlines()
    assert error == [f"gromit: {message}", f"  hint: run `gromit {hint}--help` for usage"]


def test_a_group_without_a_command_says_what_it_has(gromit: Gromit) -> None:
    assert gromit("config", code=2).stderr.startswith("Usage: gromit config ")
