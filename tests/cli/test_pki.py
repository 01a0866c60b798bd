"""`gromit pki` as people and scripts call it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12


class Shell:
    """Runs gromit as a process of its own, with a CA folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pki = folder / "pki"

    def run(self, *arguments: str, code: int = 0, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("GROMIT_")},
            "HOME": str(self.folder),
            "GROMIT_PKI_DIR": str(self.pki),
            **variables,
        }
        done = subprocess.run(
            [sys.executable, "-m", "gromit", "pki", *arguments],
            env=environ, input=stdin, capture_output=True, text=True, timeout=60, check=False, cwd=self.folder,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "-o", "json").stdout)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_the_round_trip_of_a_certificate(shell: Shell) -> None:
    shell.run("init")
    issued = shell.json("issue", "--role", "worker", "--name", "sow", "--days", "7")
    assert set(issued) == {"name", "role", "serial", "not_after", "certificate", "key"}
    assert Path(issued["certificate"]).read_text().startswith("-----BEGIN CERTIFICATE")
    assert [row["result"] for row in shell.json("renew", "--all")] == ["not due"]
    (renewed,) = shell.json("renew", "sow", "--force")
    shell.run("revoke", issued["serial"])
    rows = [(row["name"], row["role"], row["serial"], row["state"]) for row in shell.json("list")]
    assert rows == [("sow", "worker", issued["serial"], "revoked"), ("sow", "worker", renewed["serial"], "valid")]
    table = shell.run("list").stdout.splitlines()
    assert table[0].split() == ["NAME", "ROLE", "SERIAL", "NOT", "AFTER", "STATE"]
    assert len(table) == 3


def test_a_second_ca_a_bad_name_and_a_missing_choice_are_refused(shell: Shell) -> None:
    assert "no CA" in shell.run("issue", "--role", "viewer", "--name", "x", code=1).stderr
    shell.run("init")
    assert "there is a CA" in shell.run("init", code=1).stderr
    assert "cannot name" in shell.run("issue", "--role", "viewer", "--name", "../x", code=2).stderr
    assert "--all" in shell.run("renew", code=2).stderr
    assert "--all" in shell.run("renew", "x", "--all", code=2).stderr


def test_a_revocation_that_serve_would_not_see_is_pointed_out(shell: Shell) -> None:
    shell.run("init")
    shell.run("issue", "--role", "viewer", "--name", "x")
    assert "serve.denylist" in shell.run("revoke", "x").stderr
    assert "serve.denylist" not in shell.run("revoke", "x", GROMIT_SERVE_DENYLIST=str(shell.pki / "denylist")).stderr


def test_the_password_of_a_p12_comes_from_a_file_or_a_prompt(shell: Shell) -> None:
    shell.run("init")
    password = shell.folder / "password"
    password.write_text("sesame\nignored\n")
    shell.run("issue", "--role", "operator", "--name", "alice", "--p12", "--p12-password-file", str(password))
    assert pkcs12.load_pkcs12((shell.pki / "alice.p12").read_bytes(), b"sesame").cert
    done = shell.run("issue", "--role", "operator", "--name", "bob", "--p12", stdin="melon77\nmelon77\n")
    assert pkcs12.load_pkcs12((shell.pki / "bob.p12").read_bytes(), b"melon77").cert
    assert "melon77" not in done.stdout + done.stderr
    password.write_text("\n")
    fault = shell.run("issue", "--role", "operator", "--name", "eve", "--p12", "--p12-password-file", str(password), code=2)
    assert "no password" in fault.stderr
    assert not (shell.pki / "eve.pem").exists()
