"""Script that starts a program which ends when the process that started it does.

Run as `python -S -I die_with_parent.py PARENT PROGRAM ARGUMENTS…`. It asks the kernel to send
SIGTERM when PARENT ends, however PARENT ends, and then becomes the program. So a killed supervisor
leaves no process of a local cloud behind.

Every start runs it, so it imports little. With `-S -I` it cannot import gromit: it repeats the call
of `prctl` that `adapters/terraform/guard.py` and `local/aws/task.py` make.
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
        os.execv(command[0], command)  # noqa: S606 - the purpose of this script
    # The parent ended before the call of prctl, so the kernel would never send the signal.
    os._exit(1)


if __name__ == "__main__":
    main()
