"""Tests of writing a new file completely."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gromit.adapters.atomic_files import write_new


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_short_writes_are_continued(folder: int, tmp_path: Path) -> None:
    write_new(folder, "f", b"content", mode=0o640, write=lambda fd, data: os.write(fd, data[:2]))
    assert (tmp_path / "f").read_bytes() == b"content"
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_completed_is_removed(folder: int, tmp_path: Path) -> None:
    def write(fd: int, data: bytes) -> int:
        raise OSError(28, os.strerror(28))

    with pytest.raises(OSError, match="No space"):
        write_new(folder, "f", b"content", mode=0o600, write=write)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_never_touched(folder: int, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old")
    with pytest.raises(FileExistsError):
        write_new(folder, "f", b"new", mode=0o600)
    assert (tmp_path / "f").read_text() == "old"
