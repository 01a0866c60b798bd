"""The first half of an atomic write: a new file, complete on disk, under a temporary name.

The second half is a rename, which each caller does in its own way.
"""

import os
from collections.abc import Callable
from contextlib import suppress

Writer = Callable[[int, bytes], int]
"""Like `os.write`: takes a file descriptor and bytes, returns the number of bytes written."""

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_new(
    folder: int, name: str, content: bytes, *, mode: int, write: Writer = os.write
) -> None:
    """Create the file `name` in an open folder and flush it to disk. Raises `OSError`.

    The mode does not depend on the umask. A file that could not be completed is removed.
    """
    fd = os.open(name, _CREATE, mode, dir_fd=folder)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[write(fd, bytes(rest)) :]
        os.fchmod(fd, mode)
        os.fsync(fd)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        raise
    finally:
        os.close(fd)
