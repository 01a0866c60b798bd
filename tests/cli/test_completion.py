"""Completion of shells: commands, and names from a running serve."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from gromit.cli import completion, root
from gromit.core.security.roles import Role
from tests.commands import run_gromit
from tests.waiting import PATIENCE_S
from tests.web.serving import Serve, certificates, emulator, serve, shared_serve

__all__ = ["certificates", "emulator", "serve", "shared_serve"]

MADE = [{"name": name, "version": "sha-1"} for name in ("redis", "tyk", "tyk-pump")]


@pytest.fixture
def variables(serve: Serve, tmp_path: Path) -> Mapping[str, str]:
    """Variables of an operator's shell."""
    own = serve.certificates.of(Role.OPERATOR)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "XDG_"))}
    return {
        **kept,
        "HOME": str(tmp_path),
        "GROMIT_SERVE_URL": serve.url,
        "GROMIT_CA": serve.certificates.ca,
        "GROMIT_CLIENT_CERT": own.cert,
        "GROMIT_CLIENT_KEY": own.key,
    }


def completed(variables: Mapping[str, str], words: str) -> list[str]:
    """Return the words that bash offers for the last one of a command line."""
    asked = {
        "_GROMIT_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = run_gromit(environ={**variables, **asked}, cwd=Path(variables["HOME"]))
    assert (done.returncode, done.stderr) == (0, "")
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.fixture
def offered(
    variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], list[str]]:
    """Return the words that are offered, in this process and however long serve takes."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(completion, "PATIENCE_S", PATIENCE_S)
    monkeypatch.setattr(completion, "KEPT_S", 86_400)

    def offer(words: str) -> list[str]:
        _, *before, last = words.split(" ")
        found = BashComplete(root, {}, "gromit", "_GROMIT_COMPLETE").get_completions(before, last)
        return [item.value for item in found]

    return offer


def test_names_come_from_serve_and_are_kept_for_a_moment(
    serve: Serve, variables: Mapping[str, str], offered: Callable[[str], list[str]]
) -> None:
    serve.build("tyk", "app-test", "sha-1")
    serve.outcome(serve.claim("sow"), "done", made=MADE)
    serve.build("tyk", "other", "sha-1")
    assert offered("gromit env get ") == ["app-test", "other"]
    (kept,) = (Path(variables["HOME"]) / ".cache" / "gromit").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    serve.build("tyk", "app-late", "sha-1")
    assert offered("gromit env wait app") == ["app-test"]
    os.utime(kept, (0, 0))
    assert offered("gromit env wait app") == ["app-late", "app-test"]
    assert offered("gromit env redeploy app-test ty") == ["tyk", "tyk-pump"]
    assert offered("gromit cluster show oth") == ["other"]


def test_while_serve_is_away_there_are_no_names_and_no_error(
    variables: Mapping[str, str],
) -> None:
    away = {**variables, "GROMIT_SERVE_URL": "https://127.0.0.1:9"}
    assert completed(away, "gromit env get ") == []
    assert completed({**variables, "GROMIT_CLIENT_KEY": "/nonexistent"}, "gromit env get ") == []
    nothing = {k: v for k, v in variables.items() if not k.startswith("GROMIT_")}
    assert completed(nothing, "gromit env get ") == []


def test_commands_and_phases_need_no_serve(tmp_path: Path) -> None:
    plain = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    assert completed(plain, "gromit env unp") == ["unpark", "unprotect"]
    assert completed(plain, "gromit env list --phase ready,s") == ["ready,sowing"]
    assert "completion" in completed(plain, "gromit c")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_script(shell: str, tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = run_gromit("completion", shell, environ=environ)
    assert (done.returncode, f"{shell}_complete" in done.stdout) == (0, True)
    if shell == "bash":
        checked = subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=False)
        assert checked.returncode == 0
