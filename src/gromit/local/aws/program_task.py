"""One container with the real program of a component: namespaces, its own names, and forwarding.

Run as `python -I -m gromit.local.aws.program_task SPEC`, where SPEC is the JSON of
`containers.ContainerSpec` without variables; the variables are those of this process.

The program runs in mount and PID namespaces of its own. There it sees all files of this machine,
but the config folder at the path that the task definition names, and a hosts file with the names of
the local cloud. All its processes end with it. With `check ROOT HOSTS` as arguments, the script
tries whether the system permits that to this user.

The program listens on the task's private address. This process forwards connections to the public
address, writes `ready` to standard output when the program listens, passes SIGTERM on, and ends as
the program ends. The output of the program is on standard error, which is the log of a container.
"""

import _thread
import ctypes
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gromit.local.aws.listening import answer_binds, notify_binds
from gromit.local.aws.namespaces import WORK, enter_namespaces, enter_root, make_root

_PR_SET_PDEATHSIG = 1
_PAUSE = 0.05
"""Seconds between two looks whether the program listens."""


@dataclass(frozen=True, slots=True)
class ProgramStart:
    """All that is needed to start a program."""

    path: str
    arguments: tuple[str, ...]
    folder: str
    """Folder that it starts in."""
    root: Path
    """Folder on which it gets a view of this machine's files."""
    shown: Mapping[str, str]
    """Files and folders that it sees, by the path at which it sees them."""


def main() -> None:
    """Run the program of the first argument, and end as it ends."""
    if sys.argv[1] == "check":
        sys.exit(_check(*sys.argv[2:]))
    spec = json.loads(sys.argv[1])
    _end_with_parent()
    if os.getppid() != spec["parent"]:
        os._exit(1)
    mine, its = socket.socketpair()
    # A process that has unshared its PID namespace cannot start threads, and this one needs them.
    keeper = fork_tied()
    if keeper == 0:
        mine.close()
        os._exit(_keep(_start_of(spec), its))
    its.close()
    _thread.start_new_thread(announce, (mine, spec["addresses"], spec["port"], spec["patience_s"]))
    os._exit(_wait(keeper))


def _start_of(spec: Mapping[str, Any]) -> ProgramStart:
    program = spec["program"]
    shown = {"/etc/hosts": program["hosts"]}
    if spec["config"] and spec["config_path"]:
        shown[spec["config_path"]] = spec["config"]
    folder = program["folder"] or str(WORK)
    arguments = tuple(program["arguments"])
    return ProgramStart(program["path"], arguments, folder, Path(program["root"]), shown)


def _check(root: str, hosts: str) -> int:
    """Try everything that a program needs of this system; write what fails to standard output."""
    mine, its = socket.socketpair()
    arguments = ("-I", "-S", "-c", "pass")
    trial = ProgramStart(sys.executable, arguments, str(WORK), Path(root), {"/etc/hosts": hosts})
    with mine:
        return _keep(trial, its)


# ── the program ──


def _keep(program: ProgramStart, channel: socket.socket) -> int:
    """Run a program in namespaces, and return its exit code.

    Close the channel if the program cannot be started, which standard output says.
    """
    try:
        enter_namespaces()
        make_root(program.root, program.shown)
        child = start(program, channel)
    except OSError as error:
        words = ": ".join(str(word) for word in (error.filename, error.strerror) if word)
        sys.stdout.write(f"cannot run {program.path}: {words}\n")
        sys.stdout.flush()
        return 1
    channel.close()
    return _wait(child)


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


def start(program: ProgramStart, channel: socket.socket) -> int:
    """Start the program in its view; return its pid. Raises `OSError` if it cannot be run.

    The channel gets a byte, with the notices of `notify_binds` if there are any.
    """
    failure, failed = os.pipe()
    child = fork_tied()
    if child == 0:
        try:
            _become(program, channel)
        except OSError as error:
            os.write(failed, json.dumps([error.errno, error.filename]).encode())
        os._exit(127)
    os.close(failed)
    # Without an error the pipe closes when the program starts.
    if text := os.read(failure, 4096):
        os.waitpid(child, 0)
        number, name = json.loads(text)
        raise OSError(number, os.strerror(number), name)
    channel.send(b"!")
    return child


def _become(program: ProgramStart, channel: socket.socket) -> None:
    enter_root(program.root)
    os.chdir(program.folder)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    # Python ignores these, and a program would inherit that.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    notices = notify_binds()
    if notices is not None:
        socket.send_fds(channel, [b"?"], [notices])
        os.close(notices)
    os.execv(program.path, [program.path, *program.arguments])  # noqa: S606


def _end_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _is_at_end(pipe: int) -> bool:
    """Whether all processes have closed the other end of an empty pipe."""
    os.set_blocking(pipe, False)
    try:
        return not os.read(pipe, 1)
    except BlockingIOError:
        return False


def _wait(child: int) -> int:
    """Wait for the program; return its exit code as a shell does."""
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


# ── addresses ──


def announce(
    channel: socket.socket, addresses: list[str], port: int | None, patience_s: float
) -> None:
    """Write `ready` when the program listens, and forward its public address from then on.

    After `patience_s` seconds it counts as ready anyway: Fargate does not wait.
    """
    private, *others = addresses or [""]
    if not _started(channel, private):
        return
    deadline, ready = time.monotonic() + patience_s, False
    if port is not None and private:
        while not _listens(private, port):
            if not ready and time.monotonic() > deadline:
                _say(f"gromit: nothing listens on {private}:{port} after {patience_s:.0f} s\n")
                ready = _write_ready()
            time.sleep(_PAUSE)
        for address in others:
            _forward(address, private, port)
    if not ready:
        _write_ready()


def _started(channel: socket.socket, address: str) -> bool:
    """Wait until the program has started, and answer its `bind`; return False if it cannot."""
    while True:
        said, files, _, _ = socket.recv_fds(channel, 1, 1)
        if files:
            _thread.start_new_thread(answer_binds, (files[0], address))
        if said != b"?":
            return said == b"!"


def _write_ready() -> bool:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    return True


def _listens(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def _forward(public: str, private: str, port: int) -> None:
    """Forward connections to the public address, unless the program listens there itself."""
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
            # The other direction would wait for a client that has its whole answer.
            for end in (client, server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)


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
