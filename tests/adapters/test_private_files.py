"""Private files: atomic, private, and read again when they change."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gromit.adapters.private_files import (
    WatchedFile,
    commit,
    file_lock,
    private_file_errors,
    stage,
    write_atomically,
)
from gromit.errors import ConfigError, TrustError
from tests.waiting import PATIENCE_S


def test_a_file_is_private_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]


def test_the_mask_of_the_process_changes_no_rights(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "public", b"x", mode=0o644)
    finally:
        os.umask(before)
    assert (tmp_path / "public").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("path", "reason", "hint"),
    [
        ("/dev/full", "No space left on device", "make room"),
        ("/dev/null/secret", "Not a directory", "check the path"),
    ],
)
def test_an_error_of_the_file_system_says_what_to_do(path: str, reason: str, hint: str) -> None:
    with (
        pytest.raises(ConfigError, match=reason) as refused,
        private_file_errors(f"write {path}"),
    ):
        Path(path).write_bytes(b"x")
    assert refused.value.hint
    assert refused.value.hint.startswith(hint)


def test_what_is_staged_is_not_seen_before_it_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    staged = stage(path, b"new", suffix=".new")
    assert (staged.name, path.read_text()) == ("file.new", "old")
    commit(staged, path)
    assert path.read_text() == "new"
    assert not staged.exists()


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot write"):
        write_atomically(tmp_path / "no" / "file", b"x")


def test_only_one_process_holds_a_lock(tmp_path: Path) -> None:
    lock, order = tmp_path / "lock", tmp_path / "order"
    script = (
        "import sys; from pathlib import Path\n"
        "from gromit.adapters.private_files import file_lock\n"
        "print('up', flush=True)\n"
        "with file_lock(Path(sys.argv[1])):\n    open(sys.argv[2], 'a').write('other')\n"
    )
    with file_lock(lock):
        other = subprocess.Popen(
            [sys.executable, "-c", script, lock, order], stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "up\n"
        order.write_text("first ")
    assert other.wait(PATIENCE_S) == 0
    other.stdout.close()
    assert order.read_text() == "first other"


class TestWatchedFile:
    """A file that other processes change."""

    def test_it_is_parsed_once_while_nothing_changes(self, tmp_path: Path) -> None:
        path, seen = tmp_path / "f", list[str]()
        path.write_text("a")

        def parse(text: str) -> str:
            seen.append(text)
            return text

        watched = WatchedFile(path, parse)
        assert [watched.value(), watched.value()] == ["a", "a"]
        write_atomically(path, b"b")
        assert watched.value() == "b"
        assert seen == ["a", "b"]

    def test_a_change_in_place_of_the_same_size_is_seen(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_text("a")
        watched = WatchedFile(path, str)
        assert watched.value() == "a"
        path.write_text("b")
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
        assert watched.value() == "b"

    def test_a_file_that_is_gone_is_an_error_and_not_its_old_text(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_text("a")
        watched = WatchedFile(path, str, TrustError)
        assert watched.value() == "a"
        path.rename(tmp_path / "g")
        with pytest.raises(TrustError, match="cannot read"):
            watched.value()
        (tmp_path / "g").rename(path)
        assert watched.value() == "a"

    def test_a_file_that_is_not_text_is_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_bytes(b"\xff\xfe")
        with pytest.raises(ConfigError, match="not text"):
            WatchedFile(path, str).value()

    def test_what_cannot_be_parsed_stays_an_error_until_it_is_fixed(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_text("1")
        watched = WatchedFile(path, int)
        assert watched.value() == 1
        write_atomically(path, b"one")
        for _ in range(2):
            with pytest.raises(ValueError, match="invalid literal"):
                watched.value()
        write_atomically(path, b"2")
        assert watched.value() == 2
