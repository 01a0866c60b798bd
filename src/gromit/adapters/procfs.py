"""Process states from Linux' /proc."""

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")

PROCESS_GONE = (FileNotFoundError, ProcessLookupError)
"""Errors of reading about a process that has ended."""

_KERNEL_THREAD = 0x00200000  # PF_KTHREAD of linux/sched.h


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """Part of /proc/PID/stat."""

    state: str
    """One letter: `R`, `S`, `D`, `Z` …"""
    parent: int
    flags: int
    threads: int
    started: int
    """Clock ticks between boot and the process's start."""

    @property
    def is_dead(self) -> bool:
        """Whether the process does nothing any more: a zombie, unless other threads go on."""
        return self.state in "ZXx" and self.threads <= 1

    @property
    def is_kernel_thread(self) -> bool:
        """Whether the kernel itself runs it."""
        return bool(self.flags & _KERNEL_THREAD)


def read_stat(folder: Path) -> ProcessStat:
    """Return the state of the process with this folder in /proc. Raises `OSError` if it is gone."""
    text = (folder / "stat").read_text(errors="replace")
    # The second field is the program's name in brackets. It may hold blanks and brackets, so
    # the fields begin after the last bracket, with the third one.
    fields = text.rpartition(")")[2].split()
    return ProcessStat(
        state=fields[0],
        parent=int(fields[1]),
        flags=int(fields[6]),
        threads=int(fields[17]),
        started=int(fields[19]),
    )
