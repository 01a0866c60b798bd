"""One container with the real program of a component: namespaces, its own names, and forwarding.

Run as `python -S -I program_task.py SPEC`, where SPEC is the JSON of `containers.ContainerSpec`
without variables; the variables are those of this process. With these flags it cannot import
gromit: it repeats the call of `prctl` that `task.py` makes.

The program runs in mount and PID namespaces of its own. There it sees all files of this machine,
but the config folder at the path that the task definition names, and a hosts file with the names of
the local cloud. All its processes end with it. If the system does not permit such namespaces to
this user, a user namespace gives the right; `check` as the only argument tries all of it.

The program listens on the task's private address. This process forwards connections to the public
address, writes `ready` to standard output when the program listens, passes SIGTERM on, and ends as
the program ends. The output of the program is on standard error, which is the log of a container.
"""

import _thread
import ctypes
import errno
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping

_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT = 1, 2, 4, 8, 32
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_KEPT_FLAGS = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
"""Flags that a user namespace must keep when it mounts a folder again."""

_PR_SET_PDEATHSIG = 1
_PAUSE = 0.05
_PATIENCE = 10.0
"""Seconds after which a program that does not listen counts as started. Fargate does not wait."""

_WORK = "/gromit-work"
"""Empty folder of the task, in memory."""

_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Run the program of the first argument, and end as it ends."""
    if sys.argv[1] == "check":
        sys.exit(_check(*sys.argv[2:]))
    spec = json.loads(sys.argv[1])
    _end_with_parent()
    if os.getppid() != spec["parent"]:
        os._exit(1)
    program = spec["program"]
    shown = {"/etc/hosts": program["hosts"]}
    if spec["config"] and spec["config_path"]:
        shown[spec["config_path"]] = spec["config"]
    # A process that has unshared its PID namespace cannot start threads, and this one needs them.
    starting, started = os.pipe()
    keeper = fork_tied()
    if keeper == 0:
        os._exit(_keep(program, shown, started))
    os.close(started)
    _thread.start_new_thread(announce, (starting, spec["addresses"], spec["port"]))
    os._exit(_wait(keeper))


def _check(root: str, hosts: str) -> int:
    """Try everything that a program needs of this system; write what fails to standard output."""
    program = {"path": sys.executable, "arguments": ["-I", "-S", "-c", "pass"], "folder": None}
    return _keep({**program, "root": root}, {"/etc/hosts": hosts}, os.pipe()[1])


def _keep(program: Mapping[str, object], shown: Mapping[str, str], started: int) -> int:
    """Run a program in namespaces, and return its exit code.

    Close the pipe `started` without a word if it cannot be started, which standard output says.
    """
    try:
        enter_namespaces()
        make_root(str(program["root"]), shown)
        child = start(program)
    except OSError as error:
        sys.stdout.write(f"cannot run {program['path']}: {_words(error)}\n")
        sys.stdout.flush()
        return 1
    os.write(started, b"!")
    os.close(started)
    return _wait(child)


def _words(error: OSError) -> str:
    return ": ".join(str(word) for word in (error.filename, error.strerror) if word)


# ── namespaces ──


def enter_namespaces() -> None:
    """Move this process to a mount namespace of its own, and its children to a PID namespace.

    Raises `OSError` if the system does not permit that.
    """
    try:
        _unshare(_CLONE_NEWNS | _CLONE_NEWPID)
    except PermissionError:
        user, group = os.getuid(), os.getgid()
        _unshare(_CLONE_NEWUSER | _CLONE_NEWNS | _CLONE_NEWPID)
        # The kernel lets an ordinary user map its group only without the right to drop groups.
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    _mount(None, "/", flags=_MS_REC | _MS_PRIVATE)


def make_root(root: str, shown: Mapping[str, str]) -> None:
    """Make the folder `root` a view of `/` that has other files and folders at some paths.

    `shown` maps a path to what is shown there. Paths that this machine lacks are created in the
    view only. What is shown is read-only.
    """
    _mount("tmpfs", root, kind="tmpfs", flags=_MS_NOSUID | _MS_NODEV, data="mode=755")
    real = {os.path.realpath(path): source for path, source in shown.items()}
    _mirror("/", root, [path for path in real if not os.path.lexists(path)])
    for path, source in real.items():
        target = root + path
        if not os.path.lexists(target):
            _make_like(source, target)
        _mount(source, target, flags=_MS_BIND)
        kept = os.statvfs(target).f_flag & _KEPT_FLAGS
        _mount(None, target, flags=_MS_REMOUNT | _MS_BIND | _MS_RDONLY | kept)
    os.makedirs(root + _WORK, mode=0o777, exist_ok=True)  # noqa: PTH103 - pathlib is slow to import
    os.chmod(root + _WORK, 0o777)  # noqa: PTH101, S103 - a program may change its user


def _mirror(folder: str, target: str, missing: list[str]) -> None:
    """Show the entries of a folder in `target`, and make the folders above missing paths real."""
    with os.scandir(folder) as entries:
        for entry in entries:
            below = [path for path in missing if path.startswith(f"{entry.path}/")]
            here = os.path.join(target, entry.name)  # noqa: PTH118
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), here)  # noqa: PTH115, PTH211
            elif below and entry.is_dir():
                os.mkdir(here)  # noqa: PTH102
                _mirror(entry.path, here, below)
            else:
                _make_like(entry.path, here)
                _mount(entry.path, here, flags=_MS_BIND | _MS_REC)


def _make_like(source: str, target: str) -> None:
    """Create an empty folder or file to mount `source` on."""
    if os.path.isdir(source):  # noqa: PTH112
        os.makedirs(target)  # noqa: PTH103
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))


def _unshare(flags: int) -> None:
    if _libc.unshare(flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "unshare")


def _mount(
    source: str | None, target: str, *, kind: str | None = None, flags: int = 0, data: str = ""
) -> None:
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    if _libc.mount(*words, ctypes.c_ulong(flags), data.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"mount {target}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123
        file.write(text)


# ── the program ──


def fork_tied() -> int:
    """Fork a process that ends with this one, and gets its SIGTERM; return as `os.fork` does."""
    lives, living = os.pipe()
    # The signal waits until this process knows whom to pass it on to.
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
    child = os.fork()
    if child == 0:
        os.close(living)
        _end_with_parent()
        if _is_at_end(lives):
            os._exit(1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    else:
        os.close(lives)
        signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM,))
    return child


def start(program: Mapping[str, object]) -> int:
    """Start the program in the view; return its pid. Raises `OSError` if it cannot be run."""
    failure, failed = os.pipe()
    child = fork_tied()
    if child == 0:
        try:
            _become(program)
        except OSError as error:
            os.write(failed, json.dumps([error.errno, error.filename]).encode())
        os._exit(127)
    os.close(failed)
    # Without an error the pipe closes when the program starts.
    if text := os.read(failure, 4096):
        os.waitpid(child, 0)
        number, name = json.loads(text)
        raise OSError(number, os.strerror(number), name)
    return child


def _become(program: Mapping[str, object]) -> None:
    root, path = str(program["root"]), str(program["path"])
    try:
        _mount("proc", f"{root}/proc", kind="proc", flags=_KEPT_FLAGS)
    except OSError as error:
        # Where some files of /proc are hidden, as in many containers, the old one has to do.
        if error.errno != errno.EPERM:
            raise
    os.chroot(root)
    os.chdir(str(program["folder"] or _WORK))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    # Python ignores these, and a program would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    os.execv(path, [path, *program["arguments"]])  # type: ignore[misc]  # noqa: S606


def _is_at_end(pipe: int) -> bool:
    """Whether all processes have closed the other end of an empty pipe."""
    os.set_blocking(pipe, False)
    try:
        return not os.read(pipe, 1)
    except BlockingIOError:
        return False


def _end_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _wait(child: int) -> int:
    """Wait for the program; return its exit code as a shell does."""
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


# ── addresses ──


def announce(starting: int, addresses: list[str], port: int | None) -> None:
    """Write `ready` when the program listens, and forward its public address from then on.

    The pipe `starting` has a byte when the program has started.
    """
    if not os.read(starting, 1):
        return
    deadline, ready = time.monotonic() + _PATIENCE, False
    if port is not None and addresses:
        private, *others = addresses
        while not _listens(private, port):
            if not ready and time.monotonic() > deadline:
                _say(f"gromit: nothing listens on {private}:{port} after {_PATIENCE:.0f} s\n")
                ready = _write_ready()
            time.sleep(_PAUSE)
        for address in others:
            _forward(address, private, port)
    if not ready:
        _write_ready()


def _write_ready() -> bool:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    return True


def _listens(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def _forward(public: str, private: str, port: int) -> None:
    """Forward connections to the public address, unless the program listens on all addresses."""
    if _listens(public, port):
        return
    try:
        listener = socket.create_server((public, port))
    except OSError as error:
        _say(f"gromit: cannot listen on {public}:{port}: {error.strerror}\n")
        return
    _thread.start_new_thread(_accept, (listener, (private, port)))


def _accept(listener: socket.socket, target: tuple[str, int]) -> None:
    while True:
        connection, _ = listener.accept()
        _thread.start_new_thread(_relay, (connection, target))


def _relay(client: socket.socket, target: tuple[str, int]) -> None:
    with client:
        try:
            server = socket.create_connection(target)
        except OSError:
            return
        with server:
            _thread.start_new_thread(_copy, (client, server))
            _copy(server, client)


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy all bytes, then the end of the stream."""
    try:
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def _say(line: str) -> None:
    os.write(2, line.encode())


if __name__ == "__main__":
    main()
