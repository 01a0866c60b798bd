"""Files that only gromit's user may read: written atomically, and read again when they change."""

import errno
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from gromit.adapters.atomic_files import write_new
from gromit.errors import ConfigError, GromitError

T = TypeVar("T")
Signature = tuple[int, int, int, int]

PRIVATE, PUBLIC, FOLDER = 0o600, 0o644, 0o700
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a file system without room, or of a quota."""


def write_atomically(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Replace a file with one rename, after its data is on disk. Raises `ConfigError`."""
    with private_file_errors(f"write {path}"):
        commit(stage(path, data, mode=mode), path)


def stage(path: Path, data: bytes, *, mode: int = PRIVATE, suffix: str | None = None) -> Path:
    """Write data to disk in the folder of `path` and return where.

    The file is named like `path` with `suffix`; without one it gets a temporary name.
    """
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with _open_folder(path.parent) as folder:
        write_new(folder, staged.name, data, mode=mode)
    if suffix is None:
        return staged
    try:
        return commit(staged, path.with_name(path.name + suffix))
    except BaseException:
        staged.unlink(missing_ok=True)
        raise


def commit(staged: Path, path: Path) -> Path:
    """Rename a staged file to `path`, and flush the folder to disk."""
    staged.replace(path)
    with _open_folder(path.parent) as folder:
        os.fsync(folder)
    return path


@contextmanager
def _open_folder(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock file at `path` during the block; other processes wait."""
    with private_file_errors(f"lock {path}"):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE)
    try:
        with private_file_errors(f"lock {path}"):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def private_file_errors(doing: str) -> Iterator[None]:
    """Turn an `OSError` of the block into a `ConfigError`: "cannot " and `doing`."""
    try:
        yield
    except OSError as error:
        hint = "check the path and that gromit's user may use it"
        if error.errno in _FULL:
            hint = "make room where it is, or choose another place"
        raise ConfigError(f"cannot {doing}: {error.strerror}", hint=hint) from error


class WatchedFile(Generic[T]):
    """The parsed content of a text file that may change.

    The file is parsed again only if it has changed. If it cannot be read, the old value is not
    used.
    """

    def __init__(
        self,
        path: Path,
        parse: Callable[[str], T],
        fault: type[GromitError] = ConfigError,
        *,
        hint: str = "check the path and its rights",
    ) -> None:
        """Raise `fault` with `hint` if the file cannot be read; `parse` raises its own errors."""
        self._path = path
        self._parse = parse
        self._fault = fault
        self._hint = hint
        self._known: tuple[Signature, T] | None = None

    def value(self) -> T:
        """Return the parsed file. The cost is one `stat` while the file is unchanged."""
        try:
            signature = _signature(self._path.stat())
            if self._known is not None and self._known[0] == signature:
                return self._known[1]
            self._known = None
            text = self._path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self._known = None
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise self._fault(f"cannot read {self._path}: {reason}", hint=self._hint) from error
        value = self._parse(text)
        self._known = (signature, value)
        return value


def _signature(found: os.stat_result) -> Signature:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
