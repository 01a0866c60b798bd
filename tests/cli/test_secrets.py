"""`gromit secrets` as a process, with an emulated Secrets Manager."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.commands import run_gromit
from tests.platform.emulator import Emulator, running_emulator

CATALOGUE = """
secrets: {api: {made: random}, licence: {made: bought}}
components: [{name: tyk, image: "tyk:1", secrets: {API: api, LICENCE: licence}}]
"""
VALUE = "melon77"


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


class Shell:
    """Runs gromit as a process, with its own catalogue and an emulator without secrets."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self.folder = folder
        self.client: Any = emulator.client("secretsmanager")
        for secret in self.client.list_secrets()["SecretList"]:
            self.client.delete_secret(SecretId=secret["Name"], ForceDeleteWithoutRecovery=True)
        (folder / "catalogue.yaml").write_text(CATALOGUE)
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("GROMIT_")},
            **emulator.environ,
            "HOME": str(folder),
            "GROMIT_CATALOGUE": str(folder / "catalogue.yaml"),
        }

    def run(
        self, *arguments: str, code: int = 0, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        done = run_gromit("secrets", *arguments, environ=self.environ, stdin=stdin, cwd=self.folder)
        assert done.returncode == code, done.stderr
        assert VALUE not in done.stdout + done.stderr
        return done

    def on_a_terminal(self, *arguments: str, typed: str) -> str:
        """Run a command on a terminal of its own, type a line, and return what it shows."""
        own, its = pty.openpty()
        command = [sys.executable, "-m", "gromit", "secrets", *arguments]
        with subprocess.Popen(
            command,
            env=self.environ,
            cwd=self.folder,
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,  # without the terminal at which the tests were started
        ) as process:
            os.close(its)
            shown = b""
            while b"Value of" not in shown:
                shown += os.read(own, 4096)
            os.write(own, f"{typed}\n".encode())
            while part := _read(own):
                shown += part
            assert process.wait() == 0, shown
        os.close(own)
        return shown.decode()

    def statuses(self) -> Mapping[str, str]:
        rows = json.loads(self.run("list", "-o", "json").stdout)
        return {row["name"]: row["status"] for row in rows}

    def value(self, name: str) -> str:
        found = self.client.get_secret_value(SecretId=f"gromit/environments/{name}")
        return str(found["SecretString"])


def _read(terminal: int) -> bytes:
    """Return the next output of a terminal; none once its program has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""


@pytest.fixture
def shell(tmp_path: Path, emulator: Emulator) -> Shell:
    return Shell(tmp_path, emulator)


def test_random_secrets_are_made_and_missing_licences_are_named(shell: Shell) -> None:
    assert shell.statuses() == {"api": "missing", "licence": "missing"}
    done = shell.run("make", code=4)
    assert "no value was given" in done.stdout
    assert shell.statuses() == {"api": "set", "licence": "missing"}
    assert len(shell.value("api")) == 32
    (shell.folder / "licence.txt").write_text(f"{VALUE}\n")
    first = shell.value("api")
    shell.run("make", "--from", "licence=licence.txt")
    assert (shell.value("api"), shell.value("licence")) == (first, VALUE)
    assert "kept" in shell.run("make").stdout


def test_a_licence_is_asked_for_on_a_terminal_and_not_shown(shell: Shell) -> None:
    shown = shell.on_a_terminal("make", typed=VALUE)
    assert "Value of licence" in shown
    assert VALUE not in shown
    assert shell.value("licence") == VALUE


def test_secrets_are_replaced(shell: Shell) -> None:
    shell.run("make", "--from", "licence=-", stdin=VALUE)
    first = shell.value("api")
    assert "gromit env redeploy" in shell.run("replace", "api").stderr
    assert shell.value("api") != first
    shell.run("replace", "licence", "--from", "-", stdin="new")
    assert shell.value("licence") == "new"
    assert "there is no value" in shell.run("replace", "licence", code=2).stderr


def test_wrong_arguments_are_refused_without_repeating_a_value(shell: Shell) -> None:
    assert "--from is not NAME=FILE" in shell.run("make", "--from", VALUE, code=2).stderr
    assert "No such file" in shell.run("make", "--from", f"licence={VALUE}", code=2).stderr
    assert "no component uses a secret 'other'" in shell.run("replace", "other", code=1).stderr
    assert "is empty" in shell.run("make", "--from", "licence=-", code=2).stderr
    assert shell.statuses() == {"api": "missing", "licence": "missing"}
