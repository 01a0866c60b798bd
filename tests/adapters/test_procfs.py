"""Tests of reading process states."""

import os
from pathlib import Path

import pytest

from gromit.adapters.procfs import PROC, PROCESS_GONE, ProcessStat, read_stat

_FIELDS = "4242 (a) b) {state} 7 8 9 0 -1 {flags} " + "0 " * 10 + "{threads} 0 123456 0 0"


def _stat(folder: Path, state: str = "S", flags: int = 0, threads: int = 1) -> ProcessStat:
    (folder / "stat").write_text(_FIELDS.format(state=state, flags=flags, threads=threads))
    return read_stat(folder)


def test_a_name_with_brackets_and_blanks_does_not_shift_the_fields(tmp_path: Path) -> None:
    assert _stat(tmp_path, flags=64, threads=3) == ProcessStat("S", 7, 64, 3, 123456)


def test_a_live_process_is_read() -> None:
    found = read_stat(PROC / str(os.getpid()))
    assert (found.parent, found.is_dead, found.is_kernel_thread) == (os.getppid(), False, False)


@pytest.mark.parametrize(
    ("state", "threads", "dead"), [("S", 1, False), ("Z", 1, True), ("Z", 2, False), ("X", 0, True)]
)
def test_a_zombie_is_dead_unless_threads_go_on(
    tmp_path: Path, state: str, threads: int, dead: bool
) -> None:
    assert _stat(tmp_path, state, threads=threads).is_dead is dead


def test_a_process_that_is_gone_raises_one_of_the_named_errors(tmp_path: Path) -> None:
    with pytest.raises(PROCESS_GONE):
        read_stat(tmp_path / "1")
