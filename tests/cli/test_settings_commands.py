"""`gromit config`, `catalogue`, `root`, `suspend` and `resume`, as processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Gromit = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def gromit(tmp_path: Path) -> Gromit:
    """Runs gromit with nothing of this machine's configuration; variables come as keywords, the expected exit code as `code`."""

    def run(*arguments: str, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "XDG_"))}
        done = subprocess.run(
            [sys.executable, "-m", "gromit", *arguments],
            env={**kept, "HOME": str(tmp_path), **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == code, done.stderr
        return done

    return run


def _settings(gromit: Gromit, *arguments: str, **variables: str) -> dict[str, Any]:
    rows = json.loads(gromit("config", "show", "-o", "json", *arguments, **variables).stdout)
    return {row["setting"]: row for row in rows}


def test_config_show_tells_each_value_and_where_it_came_from(gromit: Gromit, tmp_path: Path) -> None:
    file = tmp_path / "my.yaml"
    file.write_text("sow: {retry: 1h30m}\nrepos: [a, b]\ntablename: from-file\n")
    found = _settings(gromit, "--conf", str(file), GROMIT_TABLENAME="from-variable", GROMIT_REAP_LIMIT="3")
    told = {
        name: (found[name]["value"], found[name]["origin"])
        for name in ("tablename", "sow.retry", "repos", "reap.limit", "reap.grace")
    }
    assert told == {
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


def test_config_show_masks_secrets_wherever_they_stand(gromit: Gromit) -> None:
    canary = "canary-5b1f"
    pem = f"-----BEGIN PRIVATE KEY-----\n{canary}\n-----END PRIVATE KEY-----"
    variables = {
        "GROMIT_SERVE_KEY": canary,
        "GROMIT_CLIENT_KEY": pem,
        "GROMIT_SERVE_CERT": pem,
        "GROMIT_CLIENT_CERT": f"  {pem}",
        "GROMIT_TERRAFORM_BACKEND": f"secret_key={canary},access_key={canary},token={canary},region=eu-central-1",
    }
    for form in ("table", "json"):
        done = gromit("config", "show", "-o", form, **variables)
        assert canary not in done.stdout + done.stderr
    found = _settings(gromit, **variables)
    assert found["serve.key"]["value"] == found["client.key"]["value"] == "***"
    assert found["serve.cert"]["value"] == "(PEM text)"
    assert found["terraform.backend"]["value"][-1] == "region=eu-central-1"
    assert found["gateway.key"]["value"] is None


def test_catalogue_show_has_every_component(gromit: Gromit) -> None:
    rows = json.loads(gromit("catalogue", "show", "-o", "json").stdout)
    tyk = next(row for row in rows if row["component"] == "tyk")
    assert (tyk["repository"], tyk["port"], tyk["public"], tyk["files"], tyk["default_tag"]) == (
        "tyk",
        8181,
        True,
        ["tyk.conf"],
        "master",
    )
    redis = next(row for row in rows if row["component"] == "redis")
    assert (redis["image"], redis["default_tag"]) == ("redis:7", None)
    assert gromit("catalogue", "show").stdout.splitlines()[0].split()[0] == "COMPONENT"


def test_catalogue_show_tells_of_repositories_without_a_component(gromit: Gromit) -> None:
    done = gromit("catalogue", "show", "-o", "json", GROMIT_REPOS="tyk,raava")
    assert {(row["component"], row["repository"]) for row in json.loads(done.stdout)} == {
        ("tyk", "tyk"),
        ("redis", None),
        (None, "raava"),
    }
    assert "catalogue.repositories_without_component" in done.stderr


def test_catalogue_check_takes_the_file_in_force_or_another(gromit: Gromit, tmp_path: Path) -> None:
    assert gromit("catalogue", "check").stdout == "the catalogue is good: 6 components, 6 config files\n"
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: tyk\ncomponents: [{name: portal, repository: portal, port: 3001, public: true}]")
    good = {"ok": True, "components": 7, "files": 6}
    assert json.loads(gromit("catalogue", "check", str(mine), "-o", "json").stdout) == good
    assert json.loads(gromit("catalogue", "check", "-o", "json", GROMIT_CATALOGUE=str(mine)).stdout) == good


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
    (tmp_path / "templates" / "own" / "a.conf.j2").write_text("{{ peers.nobody }}")
    mine = tmp_path / "mine.yaml"
    mine.write_text("components: [{name: portal, repository: portal, config_path: /conf, templates: own}]")
    done = gromit("catalogue", "check", str(mine), code=2)
    assert "template a.conf of component portal, line 1: 'dict object' has no attribute 'nobody'" in done.stderr


def test_a_root_is_made_suspended_and_resumed(gromit: Gromit, tmp_path: Path) -> None:
    root = str(tmp_path / "config")
    assert gromit("root", "init", root).stdout == f"{root} is a config root now\n"
    assert gromit("root", "init", root).stdout == f"{root} was a config root already\n"
    told = json.loads(gromit("suspend", root, "--reason", "moving mongo", "-o", "json", SUDO_USER="alice").stdout)
    assert told == {**json.loads((tmp_path / "config" / "noprocess").read_text()), "suspended": True}
    assert told["reason"] == "moving mongo"
    assert told["by"].startswith("alice@")
    again = gromit("suspend", root, "--reason", "me too", code=1)
    assert "already suspended by alice@" in again.stderr
    assert f"gromit resume {root}" in again.stderr
    resumed = gromit("resume", "--reason", "mongo has moved", GROMIT_ROOT=root)
    assert "processing goes on; it was suspended by alice@" in resumed.stdout
    assert "mongo has moved" in resumed.stderr
    assert json.loads(gromit("resume", root, "-o", "json").stdout) == {"suspended": False, "was_suspended": False}


def test_what_is_no_root_cannot_be_suspended(gromit: Gromit, tmp_path: Path) -> None:
    for command in (("suspend", "--reason", "x"), ("resume",)):
        done = gromit(command[0], str(tmp_path), *command[1:], code=78)
        assert f"hint: is the volume mounted? A new one is made one by `gromit root init {tmp_path}`" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("reason", [[], ["--reason", " "]])
def test_suspending_needs_a_reason(gromit: Gromit, tmp_path: Path, reason: list[str]) -> None:
    assert "reason" in gromit("suspend", str(tmp_path), *reason, code=2).stderr
