"""The command `gromit` of the bastion, with scripts in place of the machine's programs."""

import json
import os
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from tests.platform.infra import TERRAFORM
from tests.platform.roots import Engine, Root

SCRIPT = TERRAFORM / "infra" / "files" / "gromit.sh"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/gromit:1.0.0"


class Machine:
    """Programs of a bastion; each records its words."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.settings = folder / "gromit.env"
        self.settings.write_text("AWS_REGION=eu-central-1\nGROMIT_IMAGE_PARAMETER=/gromit/image\n")
        self.put("id", "echo 0")
        self.put("mountpoint", "exit 0")
        self.put("aws", f"echo {IMAGE}")
        for name in ("docker", "sudo"):
            self.put(name, "exit 0")

    def put(self, name: str, does: str) -> None:
        program = self._folder / name
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >"{program}.words"\n{does}\n')
        program.chmod(0o755)

    def words(self, name: str) -> list[str]:
        """Return the words of the last call; none if it was not called."""
        path = self._folder / f"{name}.words"
        return path.read_text().splitlines() if path.exists() else []

    def gromit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", str(SCRIPT), *arguments],
            env={
                "PATH": f"{self._folder}:{os.environ['PATH']}",
                "GROMIT_SETTINGS": str(self.settings),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_image_of_the_control_plane_runs_with_both_volumes(machine: Machine) -> None:
    done = machine.gromit("suspend", "/config", "--reason", "two words")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.words("aws")[:6] == [
        "ssm",
        "get-parameter",
        "--region",
        "eu-central-1",
        "--name",
        "/gromit/image",
    ]
    words = machine.words("docker")
    assert words[:3] == ["run", "--rm", "--interactive"]
    assert "--tty" not in words
    assert words[-5:] == [IMAGE, "suspend", "/config", "--reason", "two words"]
    volumes = [after for word, after in pairwise(words) if word == "--volume"]
    assert volumes == ["/config:/config", "/certs:/certs"]
    assert words[words.index("--env-file") + 1] == str(machine.settings)


@pytest.mark.parametrize("missing", ["/config", "/certs"])
def test_nothing_runs_while_a_volume_is_not_mounted(machine: Machine, missing: str) -> None:
    machine.put("mountpoint", f'[ "$2" != {missing} ]')
    done = machine.gromit("root", "init", "/config")
    assert (done.returncode, machine.words("docker")) == (78, [])
    assert f"the volume {missing} is not mounted" in done.stderr


def test_an_unknown_image_is_an_error(machine: Machine) -> None:
    machine.put("aws", "echo no permission >&2; exit 254")
    done = machine.gromit("env", "list")
    assert (done.returncode, machine.words("docker")) == (254, [])
    assert "no permission" in done.stderr


def test_an_ordinary_user_becomes_root_with_the_same_words(machine: Machine) -> None:
    machine.put("id", "echo 1000")
    assert machine.gromit("env", "list").returncode == 0
    assert machine.words("sudo")[-2:] == ["env", "list"]
    assert machine.words("docker") == []


def test_the_failure_of_gromit_is_the_exit_code(machine: Machine) -> None:
    machine.put("docker", "exit 4")
    assert machine.gromit("doctor", "aws").returncode == 4


@pytest.mark.terraform
@pytest.mark.parametrize("more", [{}, {"GROMIT_TABLENAME": "Table-2", "GROMIT_INSTALLATION": "x"}])
def test_the_settings_name_a_table_and_an_installation_that_are_not_the_usual_ones(
    embedded: Engine, tmp_path: Path, more: dict[str, str]
) -> None:
    given = {
        "volumes": {},
        "region": "r",
        "parameter": "/p",
        "registry": "registry",
        "gromit": "# command\n",
        "settings": more,
    }
    template = SCRIPT.with_name("bastion.sh.tftpl")
    text = f'output "script" {{\n  value = templatefile("{template}", {json.dumps(given)})\n}}\n'
    (tmp_path / "main.tf").write_text(text)
    root = Root(tmp_path, embedded, {})
    root.run("init", "-input=false")
    root.apply()
    script = root.output("script")
    settings = script.partition("cat >/etc/gromit.env <<'END'\n")[2].partition("\nEND\n")[0]
    found = dict(line.split("=", 1) for line in settings.splitlines())
    assert found["GROMIT_CLIENT_KEY"] == "/certs/pki/operator-key.pem"
    usual = {"GROMIT_TABLENAME", "GROMIT_INSTALLATION"}
    assert {name: found[name] for name in usual & found.keys()} == more
