"""Start of a program that a person runs in a simulated container.

Run as `python -S -I exec_program.py PARENT MODE PROGRAM…`. It becomes the program: in the mode
`terminal` its standard input becomes its terminal, so that Ctrl-C reaches it. It ends with the
thread that started it, as a container does.
"""

import ctypes
import fcntl
import os
import signal
import sys
import termios

_PR_SET_PDEATHSIG = 1
NOT_FOUND, NOT_EXECUTABLE = 127, 126
"""Exit codes of a shell for a program that it cannot run."""


def main() -> None:
    """Become the program of the command line."""
    parent, mode, *program = sys.argv[1:]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        os._exit(1)
    if mode == "terminal":
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # Python ignores the first two, and a shell the others for a local cloud in the background. A
    # program would inherit that, and Ctrl-C would not reach it.
    for number in (
        signal.SIGPIPE,
        signal.SIGXFSZ,
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGTERM,
    ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(program[0], program)  # noqa: S606 - this is what the person asked for
    except OSError as error:
        os.write(2, f"gromit: cannot run {program[0]}: {error.strerror}\n".encode())
        missing = isinstance(error, FileNotFoundError)
        os._exit(NOT_FOUND if missing else NOT_EXECUTABLE)


if __name__ == "__main__":
    main()
