"""Errors of commands: suggestions, JSON, full disks and closed pipes, interrupts, and hints."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import run_gromit

Gromit = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def gromit(tmp_path: Path) -> Gromit:
    """Run gromit without this machine's configuration, in an empty folder."""

    def run(*arguments: str, code: int) -> "subprocess.CompletedProcess[str]":
        done = run_gromit(*arguments, environ=_clean(tmp_path), cwd=tmp_path)
        assert done.returncode == code, done.stderr
        return done

    return run


def _clean(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "XDG_"))}
    return {**kept, "HOME": str(home)}


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        ("doctr", "did you mean `gromit doctor`?"),
        ("serv", "did you mean `gromit serve`?"),
        ("tokn", "did you mean `gromit token`?"),
        ("envs", "did you mean `gromit env`?"),
        ("wait", "did you mean `gromit env wait`"),
        ("list", "did you mean `gromit env list` or `gromit cluster list`"),
        ("env lst", "Did you mean"),
        ("local ups", "Did you mean"),
        ("pki isue", "Did you mean"),
    ],
)
def test_a_wrong_word_gets_a_suggestion_at_every_level(
    gromit: Gromit, words: str, suggestion: str
) -> None:
    assert suggestion in gromit(*words.split(), code=2).stderr


def test_a_word_like_no_command_gets_none(gromit: Gromit) -> None:
    assert "ean" not in gromit("xyzzy", code=2).stderr


@pytest.mark.parametrize(
    ("words", "code", "kind"),
    [
        (("-o", "json", "doctr"), 2, "usage"),
        (("env", "lst", "-ojson"), 2, "usage"),
        (("env", "list", "--output=json"), 2, "config"),
        (("env", "list", "--output", "json", "--nothing"), 2, "usage"),
    ],
)
def test_with_json_an_error_is_one_object(
    gromit: Gromit, words: tuple[str, ...], code: int, kind: str
) -> None:
    done = gromit(*words, code=code)
    error = json.loads(done.stderr)
    assert (set(error), error["code"], done.stdout) == ({"error", "code", "hint"}, kind, "")


def test_an_error_of_click_is_one_line(gromit: Gromit) -> None:
    error, _ = gromit("pki", "issue", "--name", "x", code=2).stderr.splitlines()
    assert error.startswith("gromit: missing option '--role'")


@pytest.mark.parametrize("words", [("config", "show"), ("config", "show", "-o", "json"), ("-h",)])
def test_a_full_disk_is_no_bug(tmp_path: Path, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gromit", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            env=_clean(tmp_path),
            cwd=tmp_path,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "cannot write: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "gromit", "config", "show"],
        stdout=writer,
        stderr=subprocess.PIPE,
        env=_clean(tmp_path),
        cwd=tmp_path,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_local_cloud_of_the_folder_is_in_the_hint(gromit: Gromit, tmp_path: Path) -> None:
    assert "local" not in gromit("env", "list", code=2).stderr
    cloud = tmp_path / ".gromit" / "local"
    cloud.mkdir(parents=True)
    (cloud / "processes.json").write_text("{}")
    assert 'run `eval "$(gromit local env)"`' in gromit("env", "list", code=2).stderr
