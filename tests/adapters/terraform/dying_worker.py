"""A worker with threads that starts a terraform through the guard, and one that counts interrupts.

`python dying_worker.py worker CHILD THREADS FOLDER` and `python dying_worker.py count FOLDER`.
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import NoReturn


def worker(child: str, threads: int, folder: str) -> NoReturn:
    """Start the guard in a thread that is neither the first nor the last, and wait for the kill."""
    program = [sys.executable, os.path.abspath(__file__), "count", folder]  # noqa: PTH100

    def idle() -> NoReturn:
        while True:
            threading.Event().wait()

    def start() -> NoReturn:
        command = [sys.executable, "-I", child, str(os.getpid()), *program]
        subprocess.Popen(command, start_new_session=True)
        idle()

    for target in [*[idle] * threads, start, *[idle] * threads]:
        threading.Thread(target=target, daemon=True).start()
    idle()


def count(folder: Path) -> None:
    """Count interrupts until SIGUSR2, then write their number and end."""
    arrived, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    # A byte for each signal, also where Python runs its handler once for several of them.
    signal.set_wakeup_fd(wakeup)
    for expected in (signal.SIGINT, signal.SIGUSR2):
        signal.signal(expected, lambda *_: None)
    _write(folder / "pids", f"{os.getppid()} {os.getpid()}")
    interrupts = 0
    while (number := os.read(arrived, 1)[0]) != signal.SIGUSR2:
        interrupts += number == signal.SIGINT
        (folder / "interrupted").touch()
    _write(folder / "interrupts", str(interrupts))


def _write(path: Path, text: str) -> None:
    staged = path.with_suffix(".new")
    staged.write_text(text)
    staged.rename(path)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        worker(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    count(Path(sys.argv[2]))
