"""One folder of the config tree, held open: names are looked up in it, and links are not followed.

So a folder that is replaced by a link between two steps cannot lead out of the tree. Neither can a
name: every operation refuses absolute paths, `..` and anything else that is not one plain name.
This module knows nothing of environments, templates or edits.
"""

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from gromit.adapters.atomic_files import Writer, write_new
from gromit.core.stack import config_files
from gromit.errors import ConfigRootUnusable, Conflict, Denied, InvalidInput, Temporary

TEMPORARY = f"{config_files.BOOKKEEPING}-tmp-"
"""Prefix of the names of files that are being written."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CHANGED = frozenset({errno.ENOENT, errno.ENOTEMPTY, errno.EBUSY, errno.ESTALE})
_WRONG_TYPE = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.EEXIST})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})


@contextmanager
def config_tree_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of file operations at or below `path` into one of our errors."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            raise Temporary(
                f"no space to write {path}: {reason}",
                hint="free space on the config volume; gromit retries",
            ) from error
        if error.errno in _CHANGED:
            raise Temporary(
                f"{path} was changed by another process: {reason}", hint="gromit retries"
            ) from error
        if error.errno in _WRONG_TYPE:
            raise Conflict(
                f"{path} has the wrong file type: {reason}",
                hint="remove the link, file or folder at this path",
            ) from error
        if error.errno in _FORBIDDEN:
            raise Denied(
                f"no permission to use {path}: {reason}",
                hint="give the permissions back to the user that gromit runs as",
            ) from error
        raise ConfigRootUnusable(
            f"cannot use {path}: {reason}", hint="check the mount of the config volume"
        ) from error


@dataclass(slots=True)
class SafeFolder:
    """An open folder. Operations raise `OSError`; wrap them in `config_tree_errors`."""

    fd: int
    path: Path
    """Its path when it was opened, for messages only."""
    write: Writer = os.write

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        os.close(self.fd)

    def child(self, name: str, *, make: bool = False) -> "SafeFolder":
        """Open the folder `name` in this one, and create it first if `make` is set.

        All users can read a new folder, because containers run as various users.
        """
        _plain_name(name)
        created = False
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=self.fd)
                created = True
        child = SafeFolder(
            os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self.fd), self.path / name, self.write
        )
        if created:
            os.fchmod(child.fd, 0o755)  # whatever the umask is
            os.fsync(self.fd)
        return child

    def names(self) -> list[str]:
        """Return all names in the folder, sorted."""
        with os.scandir(self.fd) as entries:
            return sorted(entry.name for entry in entries)

    def mode(self, name: str) -> int | None:
        """Return the mode of the file, folder or link itself; None if the name does not exist."""
        try:
            return os.stat(_plain_name(name), dir_fd=self.fd, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return None

    def read(self, name: str) -> bytes | None:
        """Return the content of a regular file; None if there is no regular file of this name."""
        return _read(_plain_name(name), self.fd)

    def hash_of(self, name: str) -> str | None:
        """Return a file's hash, `NO_FILE` for a folder or link, None if the name does not exist."""
        content = self.read(name)
        if content is not None:
            return config_files.file_hash(content)
        return None if self.mode(name) is None else config_files.NO_FILE

    def stage(self, content: bytes) -> str:
        """Write a new file to disk under a temporary name, and return the name."""
        name = TEMPORARY + secrets.token_hex(8)
        write_new(self.fd, name, content, mode=0o644, write=self.write)
        return name

    def put(self, staged: str, name: str) -> None:
        """Rename a staged file to its real name, atomically."""
        os.rename(_plain_name(staged), _plain_name(name), src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def put_new(self, staged: str, name: str) -> None:
        """Rename like `put`, but raise `FileExistsError` if the name exists."""
        # A rename would replace an existing file; creating a link does not.
        try:
            os.link(
                _plain_name(staged),
                _plain_name(name),
                src_dir_fd=self.fd,
                dst_dir_fd=self.fd,
                follow_symlinks=False,
            )
        finally:
            self.remove(staged)

    def remove(self, name: str) -> None:
        """Remove a file or link, if it exists."""
        with suppress(FileNotFoundError):
            os.unlink(_plain_name(name), dir_fd=self.fd)

    def remove_folder(self, name: str, *, filled: bool = False) -> None:
        """Remove the empty folder `name`; with `filled`, also one with content.

        Links in it are not followed.
        """
        if filled:
            shutil.rmtree(_plain_name(name), dir_fd=self.fd)
        else:
            os.rmdir(_plain_name(name), dir_fd=self.fd)

    def sync(self) -> None:
        """Flush the folder's names to disk."""
        os.fsync(self.fd)

    def hash(self) -> str:
        """Return the folder's hash (`core.stack.config_files.folder_hash`).

        It includes the files that people added, also in subfolders.
        """
        return config_files.folder_hash(self._files())

    def _files(self) -> Iterator[tuple[bytes, bytes]]:
        for where, folders, files, fd in os.fwalk(
            ".", dir_fd=self.fd, follow_symlinks=False, onerror=_raise
        ):
            folders[:] = [f for f in folders if not f.startswith(config_files.BOOKKEEPING)]
            prefix = where.removeprefix(".").removeprefix("/")
            for name in files:
                content = None if name.startswith(config_files.BOOKKEEPING) else _read(name, fd)
                if content is not None:
                    yield os.fsencode(f"{prefix}/{name}" if prefix else name), content


def open_folder(path: Path, write: Writer = os.write) -> SafeFolder:
    """Open a folder that the operator named. Raises `OSError`.

    This is the only place where links are followed.
    """
    return SafeFolder(os.open(path, _FOLDER), path, write)


def config_hash(path: Path) -> str:
    """Return the hash of the config folder at `path`, as in the label `gromit.config`.

    A missing folder has the hash of an empty one. `core.stack.config_files.folder_hash` defines it.
    """
    with config_tree_errors(path):
        try:
            folder = open_folder(path)
        except FileNotFoundError:
            return config_files.folder_hash(())
        with folder:
            return folder.hash()


def _plain_name(name: str) -> str:
    """Return the name if it is one plain name in a folder. Raises `InvalidInput`."""
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise InvalidInput(f"{name!r} is not the name of a file or folder")
    return name


def _read(name: str, folder: int) -> bytes | None:
    # Check the type before opening, as opening a device may have side effects, and again
    # afterwards, as the file may have been replaced in between.
    try:
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return None
        fd = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as file:
        return file.read() if stat.S_ISREG(os.fstat(fd).st_mode) else None


def _raise(error: OSError) -> None:
    raise error
