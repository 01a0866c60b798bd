"""Mount and PID namespaces of a process, and a view of the machine's files for its children."""

import ctypes
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT = 1, 2, 4, 8, 32
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_KEPT_FLAGS = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
"""Flags that a user namespace must keep when it mounts a folder again."""

WORK = Path("/gromit-work")
"""Empty folder in each view, in memory."""

_libc = ctypes.CDLL(None, use_errno=True)


def enter_namespaces() -> None:
    """Move this process to a mount namespace of its own, and its children to a PID namespace.

    Raises `OSError` if the system does not permit that to this user.
    """
    try:
        _unshare(_CLONE_NEWNS | _CLONE_NEWPID)
    except PermissionError:
        user, group = os.getuid(), os.getgid()
        _unshare(_CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWPID)
        # The kernel lets an ordinary user map its group only without the right to drop groups.
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    _mount(None, Path("/"), flags=_MS_REC | _MS_PRIVATE)


def make_root(root: Path, shown: Mapping[str, str]) -> None:
    """Make the folder `root` a view of `/` that has other files and folders at some paths.

    `shown` maps a path to what is shown there, read-only. Paths that this machine lacks are created
    in the view only.
    """
    _mount("tmpfs", root, kind="tmpfs", flags=_MS_NOSUID | _MS_NODEV, data="mode=755")
    real = {Path(path).resolve(): Path(source) for path, source in shown.items()}
    _mirror(Path("/"), root, [path for path in real if not path.exists()])
    for path, source in real.items():
        target = root / path.relative_to("/")
        if not target.exists():
            _make_like(source, target)
        _mount(str(source), target, flags=_MS_BIND | _MS_REC)
        kept = os.statvfs(target).f_flag & _KEPT_FLAGS
        _mount(None, target, flags=_MS_REMOUNT | _MS_BIND | _MS_RDONLY | kept)
    work = root / WORK.relative_to("/")
    work.mkdir(exist_ok=True)
    work.chmod(0o777)  # a program may change its user


def enter_root(root: Path) -> None:
    """Make the view this process's root, with the processes of its own PID namespace in `/proc`."""
    # A system that hides files of /proc, as many containers do, does not permit another /proc.
    with suppress(PermissionError):
        _mount("proc", root / "proc", kind="proc", flags=_KEPT_FLAGS)
    os.chroot(root)


def _mirror(folder: Path, target: Path, missing: list[Path]) -> None:
    """Show the entries of a folder in `target`, and make the folders above missing paths real."""
    for entry in folder.iterdir():
        below = [path for path in missing if path.is_relative_to(entry)]
        here = target / entry.name
        if entry.is_symlink():
            here.symlink_to(entry.readlink())
        elif below and entry.is_dir():
            here.mkdir()
            _mirror(entry, here, below)
        else:
            # Without a right to an entry, it is empty in the view.
            with suppress(PermissionError):
                _make_like(entry, here)
                _mount(str(entry), here, flags=_MS_BIND | _MS_REC)


def _make_like(source: Path, target: Path) -> None:
    """Create an empty folder or file to mount `source` on."""
    if source.is_dir():
        target.mkdir(parents=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()


def _unshare(flags: int) -> None:
    if _libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "unshare")


def _mount(
    source: str | None, target: Path, *, kind: str | None = None, flags: int = 0, data: str = ""
) -> None:
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    if _libc.mount(*words, ctypes.c_ulong(flags), data.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"mount {target}")
