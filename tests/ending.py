"""The end of a process of pytest-xdist, which has hundreds of thousands of objects by then."""

import atexit
import gc
import os
import sys


def end_at_once() -> None:
    """Let this process end without taking its objects apart, after all other handlers of its end.

    Handlers run in reverse order, so this must be called before others register. Coverage has
    registered its own already, at the start of Python, and needs it.
    """
    if "coverage" not in sys.modules:
        atexit.register(_end, os.getpid())


def _end(process: int) -> None:
    if os.getpid() == process:  # a fork has an exit code of its own
        os._exit(0)


def keep_what_is_left() -> None:
    """Leave out of later searches for garbage what the first one after all tests has found in use.

    pytest searches twice at the end of a process.
    """
    gc.freeze()
