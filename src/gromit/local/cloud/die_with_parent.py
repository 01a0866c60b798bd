"""Starts a program that ends when the process that started it does.

Run as `python -S -I tether.py PARENT PROGRAM ARGUMENTS…`: has the kernel send SIGTERM when PARENT ends, however it does, and
becomes the program. So no part of a local cloud is left behind by a supervisor that was killed. It imports little, as every
start goes through it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the program that the arguments name."""
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == int(parent):
        os.execv(command[0], command)  # noqa: S606 - that is what it is for
    os._exit(1)


if __name__ == "__main__":
    main()
