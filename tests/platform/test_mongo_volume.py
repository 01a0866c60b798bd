"""The first start of a Mongo host with its data volume, on volume images in files."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.platform.infra import TERRAFORM

SCRIPT = TERRAFORM / "modules" / "mongo" / "files" / "format-if-empty.sh"
SIZE = 64 << 20


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A volume as EC2 creates it: all zeros."""
    path = tmp_path / "volume"
    with path.open("wb") as file:
        file.truncate(SIZE)
    return path


def run(volume: Path, tmp_path: Path) -> tuple[int, bool]:
    """Return the script's exit code, and whether it made a file system.

    Few machines have mkfs.xfs, so a script records its call here.
    """
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    made = programs / "mkfs.xfs"
    made.write_text('#!/bin/sh\necho "$1" >>"$1.made"\n')
    made.chmod(0o755)
    environ = {"PATH": f"{programs}:{os.environ['PATH']}:/usr/sbin:/sbin"}
    done = subprocess.run(
        ["bash", str(SCRIPT), str(volume)],
        env=environ,
        capture_output=True,
        check=False,
        timeout=30,
    )
    return done.returncode, Path(f"{volume}.made").exists()


def test_an_empty_volume_gets_a_file_system(volume: Path, tmp_path: Path) -> None:
    assert run(volume, tmp_path) == (0, True)


@pytest.mark.skipif(
    not shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:/usr/bin"),
    reason="there is no mkfs.ext4 to make another file system",
)
def test_a_volume_with_a_file_system_keeps_it(volume: Path, tmp_path: Path) -> None:
    subprocess.run(
        ["mkfs.ext4", "-q", "-F", str(volume)],
        env={"PATH": "/usr/sbin:/sbin:/usr/bin"},
        check=True,
        timeout=30,
    )
    before = volume.read_bytes()
    assert run(volume, tmp_path) == (0, False)
    assert volume.read_bytes() == before


def test_unknown_data_are_left_to_a_person(volume: Path, tmp_path: Path) -> None:
    _write(volume, 5 << 20, b"unknown data")
    assert run(volume, tmp_path) == (1, False)


def test_a_volume_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    code, made = run(tmp_path / "nowhere", tmp_path)
    assert (code != 0, made) == (True, False)


def _write(volume: Path, at: int, content: bytes) -> None:
    with volume.open("r+b") as file:
        file.seek(at)
        file.write(content)
