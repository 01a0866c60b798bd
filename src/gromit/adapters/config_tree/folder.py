"""One folder of the config tree, held open: every name is looked up in that very folder, and links are never followed.

So a folder that is swapped for a link between two steps cannot lead out of the tree. Nor can a name: the system would look up an
absolute one, or one with `..`, elsewhere; therefore every operation refuses what is not plainly one name. This module knows nothing
of environments, templates or edits.
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
"""Files being written have names that begin so."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_MOVED = frozenset({errno.ENOENT, errno.ENOTEMPTY, errno.EBUSY, errno.ESTALE})
_ODD = frozenset({errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.EEXIST})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM})


@contextmanager
def config_tree_errors(path: Path) -> Iterator[None]:
    """Run a block of file operations at or below `path`; what goes wrong in it comes out as one of our errors."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in _FULL:
            raise Temporary(
                f"no room to write {path}: {why}",
                hint="free space on the config volume; it is tried again",
            ) from error
        if error.errno in _MOVED:
            raise Temporary(
                f"{path} changed while it was worked on: {why}", hint="it is tried again"
            ) from error
        if error.errno in _ODD:
            raise Conflict(
                f"{path} is not what it should be: {why}",
                hint="remove the link, file or folder that lies there",
            ) from error
        if error.errno in _FORBIDDEN:
            raise Denied(
                f"{path} may not be used: {why}",
                hint="give the user that gromit runs as its rights back",
            ) from error
        raise ConfigRootUnusable(
            f"{path} cannot be used: {why}", hint="check the mount of the config volume"
        ) from error


@dataclass(slots=True)
class SafeFolder:
    """An open folder. Operations raise `OSError`; wrap them in `config_tree_errors`."""

    fd: int
    path: Path
    """Where it was when it was opened: for messages only."""
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
        """The folder `name` in this one, made if asked for (readable by everyone, as containers run as anybody)."""
        _one(name)
        made = False
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, 0o755, dir_fd=self.fd)
                made = True
        child = SafeFolder(
            os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self.fd), self.path / name, self.write
        )
        if made:
            os.fchmod(child.fd, 0o755)
            os.fsync(self.fd)
        return child

    def names(self) -> list[str]:
        """All names in the folder, sorted."""
        with os.scandir(self.fd) as entries:
            return sorted(entry.name for entry in entries)

    def mode(self, name: str) -> int | None:
        """The mode of what lies under a name, itself, not what a link points to; None for nothing."""
        try:
            return os.stat(_one(name), dir_fd=self.fd, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return None

    def read(self, name: str) -> bytes | None:
        """The content of a regular file; None if there is none, or something else lies there."""
        return _read(_one(name), self.fd)

    def hash_of(self, name: str) -> str | None:
        """The hash of a file as it lies, `NO_FILE` for something else, None for nothing."""
        content = self.read(name)
        if content is not None:
            return config_files.file_hash(content)
        return None if self.mode(name) is None else config_files.NO_FILE

    def stage(self, content: bytes) -> str:
        """Write a new file under a name of its own, down to the disk; gives that name."""
        name = TEMPORARY + secrets.token_hex(8)
        write_new(self.fd, name, content, mode=0o644, write=self.write)
        return name

    def put(self, staged: str, name: str) -> None:
        """Give a staged file its real name, in one step."""
        os.rename(_one(staged), _one(name), src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def put_new(self, staged: str, name: str) -> None:
        """As `put`, but never over something: raises `FileExistsError`."""
        try:
            os.link(
                _one(staged),
                _one(name),
                src_dir_fd=self.fd,
                dst_dir_fd=self.fd,
                follow_symlinks=False,
            )
        finally:
            self.remove(staged)

    def remove(self, name: str) -> None:
        """Remove a file or link, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(_one(name), dir_fd=self.fd)

    def remove_folder(self, name: str, *, filled: bool = False) -> None:
        """Remove the folder `name`: an empty one, or, if asked for, with all that lies in it; links in it are not followed."""
        if filled:
            shutil.rmtree(_one(name), dir_fd=self.fd)
        else:
            os.rmdir(_one(name), dir_fd=self.fd)

    def sync(self) -> None:
        """Bring names down to the disk."""
        os.fsync(self.fd)

    def hash(self) -> str:
        """The folder's hash (`core.config_files.folder_hash`), with all files that people put there, in subfolders too."""
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
    """Open a folder that the operator named; here, and only here, links are followed. Raises `OSError`."""
    return SafeFolder(os.open(path, _FOLDER), path, write)


def config_hash(path: Path) -> str:
    """The hash of the config folder at `path`, as `gromit.config` labels have it; what is not there hashes like an empty folder.

    Its definition is `core.config_files.folder_hash`.
    """
    with config_tree_errors(path):
        try:
            folder = open_folder(path)
        except FileNotFoundError:
            return config_files.folder_hash(())
        with folder:
            return folder.hash()


def _one(name: str) -> str:
    """The name, if it is plainly one name in a folder. Raises `InvalidInput`."""
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise InvalidInput(f"{name!r} is not the name of a file or folder")
    return name


def _read(name: str, folder: int) -> bytes | None:
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
