"""`gromit token` as a process."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from gromit.adapters.security.token_file import TokenFile
from gromit.core.security import tokens
from tests.commands import run_gromit


def _run(folder: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("GROMIT_")}
    environ |= {"HOME": str(folder), "GROMIT_GATEWAY_TOKENS": str(folder / "tokens.json")}
    done = run_gromit("token", *arguments, environ=environ)
    assert done.returncode == code, done.stderr
    return done


def test_a_token_is_printed_once_listed_without_itself_and_revoked(tmp_path: Path) -> None:
    made = _run(
        tmp_path,
        "new",
        "--repo",
        "TykTechnologies/tyk",
        "--verb",
        "newbuild",
        "--verb",
        "delete",
        "--label",
        "ci",
    )
    token = made.stdout.strip()
    assert made.stdout == f"{token}\n"
    assert token not in made.stderr
    (entry,) = TokenFile(tmp_path / "tokens.json").entries()
    assert entry.hash == tokens.hash_token(token)
    listed = _run(tmp_path, "list", "-o", "json").stdout
    (row,) = json.loads(listed)
    assert (row["repositories"], row["verbs"], row["state"], row["label"]) == (
        ["tyk"],
        ["delete", "newbuild"],
        "valid",
        "ci",
    )
    assert token not in listed
    assert entry.hash not in listed
    _run(tmp_path, "revoke", row["id"])
    assert _run(tmp_path, "list").stdout == "there are no tokens\n"
    _run(tmp_path, "revoke", row["id"], code=1)


def test_a_program_gets_the_token_and_what_it_is_good_for(tmp_path: Path) -> None:
    made = json.loads(
        _run(
            tmp_path, "new", "--repo", "*", "--verb", "newbuild", "--expires", "90d", "-o", "json"
        ).stdout
    )
    assert made["token"].startswith("gromit_")
    assert made["repositories"] == ["*"]
    assert made["id"]
    assert made["expires"] > made["created"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--repo", "tyk"),
        ("--verb", "newbuild"),
        ("--repo", "tyk", "--verb", "admin"),
        ("--repo", "a b", "--verb", "newbuild"),
        ("--repo", "tyk", "--verb", "newbuild", "--expires", "soon"),
        ("--repo", "tyk", "--verb", "newbuild", "--expires", "9999999999999d"),
        ("--repo", "tyk", "--verb", "newbuild", "--label", "a\nb"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_kept(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    _run(tmp_path, "new", *arguments, code=2)
    assert not (tmp_path / "tokens.json").exists()
