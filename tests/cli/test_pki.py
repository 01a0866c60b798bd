"""`gromit pki` as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.commands import run_gromit
from tests.platform.emulator import Emulator, running_emulator


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


class Shell:
    """Runs gromit as a process, with its own CA folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pki = folder / "pki"

    def run(
        self,
        *arguments: str,
        code: int = 0,
        stdin: str = "",
        given: Mapping[str, str] | None = None,
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("GROMIT_")},
            "HOME": str(self.folder),
            "GROMIT_PKI_DIR": str(self.pki),
            **(given or {}),
            **variables,
        }
        done = run_gromit("pki", *arguments, environ=environ, stdin=stdin, cwd=self.folder)
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
    assert issued["not_after"].endswith("Z")
    assert Path(issued["certificate"]).read_text().startswith("-----BEGIN CERTIFICATE")
    assert [row["result"] for row in shell.json("renew", "--all")] == ["not due"]
    (renewed,) = shell.json("renew", "sow", "--force")
    shell.run("revoke", issued["serial"])
    rows = [(row["name"], row["role"], row["serial"], row["state"]) for row in shell.json("list")]
    assert rows == [
        ("sow", "worker", issued["serial"], "revoked"),
        ("sow", "worker", renewed["serial"], "valid"),
    ]
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
    assert (
        "serve.denylist"
        not in shell.run("revoke", "x", GROMIT_SERVE_DENYLIST=str(shell.pki / "denylist")).stderr
    )


def test_the_password_of_a_p12_comes_from_a_file_or_a_prompt(shell: Shell) -> None:
    shell.run("init")
    password = shell.folder / "password"
    password.write_text("sesame\nignored\n")
    shell.run(
        "issue",
        "--role",
        "operator",
        "--name",
        "alice",
        "--p12",
        "--p12-password-file",
        str(password),
    )
    assert pkcs12.load_pkcs12((shell.pki / "alice.p12").read_bytes(), b"sesame").cert
    done = shell.run(
        "issue", "--role", "operator", "--name", "bob", "--p12", stdin="melon77\nmelon77\n"
    )
    assert pkcs12.load_pkcs12((shell.pki / "bob.p12").read_bytes(), b"melon77").cert
    assert "melon77" not in done.stdout + done.stderr
    password.write_text("\n")
    fault = shell.run(
        "issue",
        "--role",
        "operator",
        "--name",
        "eve",
        "--p12",
        "--p12-password-file",
        str(password),
        code=2,
    )
    assert "no password" in fault.stderr
    assert not (shell.pki / "eve.pem").exists()


# ── the key of the CA elsewhere ───────────────────────────────────────────────────────────────────


def test_from_a_workstation_to_an_installation(shell: Shell, tmp_path: Path) -> None:
    """One folder creates the CA and hands over its key; another one issues certificates with it."""
    shell.run("init", "--key-out", "key.pem")
    key = tmp_path / "key.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    there = {"GROMIT_PKI_DIR": str(tmp_path / "certs"), "GROMIT_PKI_CA_KEY": key.read_text()}
    leaves = ("--leaf", "serve=server,serve.internal", "--leaf=worker=worker")
    first = shell.run("ensure", *leaves, "-o", "json", given=there)
    assert [(row["name"], row["result"]) for row in json.loads(first.stdout)] == [
        ("serve", "missing"),
        ("worker", "missing"),
    ]
    assert "PRIVATE" not in first.stdout + first.stderr
    assert {p.name for p in (tmp_path / "certs").iterdir()} == {
        ".lock", "ca.pem", "denylist", "index.json",
        "serve-key.pem", "serve.pem", "worker-key.pem", "worker.pem"
    }  # fmt: skip
    again = shell.run("ensure", *leaves, given=there | {"GROMIT_PKI_CA_KEY": str(key)})
    assert again.stdout.count("valid") == 2
    standing = [json.loads(line) for line in again.stderr.splitlines()]
    assert {(line["event"], line["name"]) for line in standing} == {
        ("pki.standing", name) for name in ("ca", "serve", "worker")
    }


def test_a_new_installation_gets_its_certificates_and_its_config_root_at_once(
    shell: Shell, tmp_path: Path
) -> None:
    shell.run("init", "--key-out", "key.pem")
    there = {
        "GROMIT_PKI_DIR": str(tmp_path / "certs"),
        "GROMIT_PKI_CA_KEY": str(tmp_path / "key.pem"),
    }
    volume = tmp_path / "config"
    ensure = ("ensure", "--leaf=worker=worker", "--new-root", str(volume))
    failed = shell.run(*ensure, given=there, code=78)
    assert "cannot use" in failed.stderr
    assert (tmp_path / "certs" / "worker.pem").exists(), "the volume is not mounted: not its fault"
    volume.mkdir()
    for _ in range(2):
        shell.run(*ensure, given=there)
        assert [path.name for path in volume.iterdir()] == [".gromit-root"]


def test_a_leaf_is_stored_where_its_part_looks(shell: Shell, tmp_path: Path) -> None:
    shell.run("init", "--key-out", "key.pem")
    there = {
        "GROMIT_PKI_DIR": str(tmp_path / "certs"),
        "GROMIT_PKI_CA_KEY": str(tmp_path / "key.pem"),
    }
    shell.run(
        "ensure", "--leaf=front/serve=server,serve.internal", "--leaf=alice=operator", given=there
    )
    assert {p.name for p in (tmp_path / "certs" / "front").iterdir()} == {
        "serve.pem",
        "serve-key.pem",
        "ca.pem",
        "denylist",
    }
    assert (tmp_path / "certs" / "alice.pem").exists()
    assert "serve" in shell.run("list", given=there).stdout
    shell.run("revoke", "serve", given=there)
    issued = json.loads(
        shell.run("issue", "--role=server", "--name=serve", "-o", "json", given=there).stdout
    )
    assert issued["key"] == str(tmp_path / "certs" / "front" / "serve-key.pem")
    assert Path(issued["key"]).exists()


def test_two_of_them_at_once_issue_each_certificate_once(shell: Shell, tmp_path: Path) -> None:
    shell.run("init", "--key-out", "key.pem")
    environ = {
        **os.environ,
        "GROMIT_PKI_DIR": str(tmp_path / "certs"),
        "GROMIT_PKI_CA_KEY": str(tmp_path / "key.pem"),
    }
    argv = [sys.executable, "-m", "gromit", "pki", "ensure", "--leaf=serve=server", "-o", "json"]
    both = [
        subprocess.Popen(
            argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for _ in range(2)
    ]
    results = [json.loads(process.communicate(timeout=60)[0])[0]["result"] for process in both]
    assert sorted(results) == ["missing", "valid"]


def test_the_key_goes_into_a_secret_that_has_none(shell: Shell, emulator: Emulator) -> None:
    client = emulator.client("secretsmanager")
    arn = client.create_secret(Name="gromit/ca-key")["ARN"]
    environ = {k: v for k, v in emulator.environ.items() if k.startswith("AWS_")}
    shell.run("init", "--secret", arn, given=environ)
    text = client.get_secret_value(SecretId=arn)["SecretString"]
    assert "PRIVATE KEY" in text
    assert {p.name for p in shell.pki.iterdir()} == {"ca.pem", "denylist", ".lock"}
    elsewhere = environ | {"GROMIT_PKI_DIR": str(shell.folder / "second")}
    assert "has a value" in shell.run("init", "--secret", arn, code=1, given=elsewhere).stderr
    assert client.get_secret_value(SecretId=arn)["SecretString"] == text
    assert (
        "there is no secret"
        in shell.run("init", "--secret", "nowhere", code=1, given=elsewhere).stderr
    )
    rows = shell.run(
        "ensure", "--leaf=worker=worker", given=elsewhere, GROMIT_PKI_CA_KEY=text
    ).stdout
    assert "missing" in rows


def test_what_cannot_be_meant_is_refused(shell: Shell) -> None:
    assert "exclude" in shell.run("init", "--key-out", "x", "--secret", "y", code=2).stderr
    shell.run("init", "--key-out", "key.pem")
    assert (
        "exists"
        in shell.run(
            "init", "--key-out", "key.pem", code=1, GROMIT_PKI_DIR=str(shell.folder / "b")
        ).stderr
    )
    assert "pki.ca_key is set" in shell.run("init", code=2, GROMIT_PKI_CA_KEY="key.pem").stderr
    for wrong in (
        "serve",
        "serve=",
        "=server",
        "/serve=server",
        "front/=server",
        "serve=king",
        "serve=server,",
    ):
        assert "is not [PART/]NAME=ROLE" in shell.run("ensure", "--leaf", wrong, code=2).stderr


def test_the_next_ca_is_added_by_its_file(shell: Shell, tmp_path: Path) -> None:
    shell.run("init")
    shell.run("init", "--name", "next", GROMIT_PKI_DIR=str(tmp_path / "next"))
    following = (tmp_path / "next" / "ca.pem").read_bytes()
    before = (shell.pki / "ca.pem").read_bytes()
    assert shell.json("trust", str(tmp_path / "next" / "ca.pem"))["serial"]
    assert (shell.pki / "ca.pem").read_bytes() == before + following
    refused = shell.run("trust", str(tmp_path / "next" / "ca-key.pem"), code=2)
    assert "not the certificate of one CA" in refused.stderr
