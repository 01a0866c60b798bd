"""One simulated container: a process that replaces the program of an image.

Run as `python -S -I task.py SPEC`, where SPEC is the JSON of `containers.ContainerSpec`. With these
flags it can import no library, and it imports little else, so it starts within hundredths of a
second. It reads its config folder once, like a container at its start. Then it listens on its
addresses, writes `ready` to standard output, and answers `GET` with a description of itself. If
its program is simulated, it also does what `simulated` says. A one-off task ends by itself. All end
when the process that started them ends; for that they repeat the call of `prctl` that
`local/cloud/die_with_parent.py` and `adapters/terraform/guard.py` make.
"""

import _thread
import ctypes
import hashlib
import json
import os
import resource
import signal
import socket
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` takes longer to import than all else here
    from collections.abc import Mapping
    from typing import Any

    from gromit.local.aws.simulated.running import RunningProgram

_PR_SET_PDEATHSIG = 1
_LARGEST_REQUEST = 65536
_TIMEOUT = 10.0
"""Seconds that a client may stay silent."""

_STATUS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}


def die_with_parent(parent: int) -> None:
    """Make the kernel kill this process when `parent` ends; end at once if it has ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def config_hash(folder: str) -> str:
    """Return the SHA-256 (hex) of all regular files below `folder`.

    For each file, in byte order of its relative path, hash the path, a NUL, the length in 8 bytes
    and the content. Omit links, and names that begin with `.gromit`. This repeats
    `core.stack.config_files.folder_hash`, whose import takes longer than all else here; a test
    compares them. Raises `OSError` if a file cannot be read.
    """
    found: list[tuple[bytes, bytes]] = []
    _collect(os.fsencode(folder), b"", found)
    total = hashlib.sha256()
    for path, content in sorted(found):
        total.update(path + b"\0" + len(content).to_bytes(8, "big") + content)
    return total.hexdigest()


def _collect(folder: bytes, prefix: bytes, found: list[tuple[bytes, bytes]]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(b".gromit"):
                continue
            if entry.is_dir(follow_symlinks=False):
                _collect(entry.path, prefix + entry.name + b"/", found)
            elif entry.is_file(follow_symlinks=False):
                # pathlib takes longer to import than all else here.
                with open(entry.path, "rb") as file:  # noqa: PTH123
                    found.append((prefix + entry.name, file.read()))


def answer_request(request: bytes, body: bytes) -> bytes:
    """Return the HTTP response to a request's header: `body` for `GET`, otherwise an error.

    It answers at every path: the emulator does not know at which one a program says that it works.
    """
    words = request.split(b"\r\n", 1)[0].split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/"):
        return _response(400, b'{"error": "not HTTP"}\n')
    if words[0] not in {b"GET", b"HEAD"}:
        return _response(405, b'{"error": "only GET"}\n')
    response = _response(200, body)
    if words[0] == b"HEAD":
        return response.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n"
    return response


def _response(status: int, body: bytes) -> bytes:
    lines = (
        f"HTTP/1.1 {status} {_STATUS[status]}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _serve(connection: socket.socket, body: bytes) -> None:
    with connection:
        connection.settimeout(_TIMEOUT)
        request = b""
        try:
            while b"\r\n\r\n" not in request and len(request) < _LARGEST_REQUEST:
                part = connection.recv(4096)
                if not part:
                    return
                request += part
            connection.sendall(answer_request(request, body))
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            return


def _accept(listener: socket.socket, body: bytes, program: "RunningProgram | None") -> None:
    while True:
        connection, _ = listener.accept()
        if program:
            _thread.start_new_thread(program.serve, (connection,))
        else:
            _thread.start_new_thread(_serve, (connection, body))


def _start_program(
    spec: "Mapping[str, Any]", description: "Mapping[str, Any]"
) -> "RunningProgram | None":
    """Return the started program of a container; None if it is not simulated."""
    if not spec.get("simulated"):
        return None
    # At the end: no library that is installed beside gromit replaces a module of Python.
    sys.path.append(__file__.removesuffix("/gromit/local/aws/task.py"))
    from gromit.local.aws.simulated.running import RunningProgram  # noqa: PLC0415

    return RunningProgram(spec, description)


def _fail_early(spec: "Mapping[str, Any]") -> None:
    """Fail as the image of a container says: exit at once, or run and listen late."""
    kind, number = spec.get("failure") or ("", 0)
    if kind == "exit":
        sys.stdout.write(f"its image was pushed with --exit {number}\n")
        sys.exit(number)
    if kind == "slow":
        _say_ready()
        time.sleep(number)


def _fail_late(spec: "Mapping[str, Any]") -> None:
    """End by a signal, as a program that crashes, if the image of a container says so."""
    kind, number = spec.get("failure") or ("", 0)
    if kind == "crash":
        time.sleep(number)
        sys.stdout.write("its image was pushed with --crash\n")
        sys.stdout.flush()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), signal.SIGSEGV)


def _say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def main() -> None:
    """Run as the container that the first argument describes, until killed."""
    spec = json.loads(sys.argv[1])
    die_with_parent(spec["parent"])
    _fail_early(spec)
    try:
        config = config_hash(spec["config"]) if spec["config"] else None
        addresses = spec["addresses"] if spec["port"] else []
        listeners = [socket.create_server((address, spec["port"])) for address in addresses]
    except OSError as error:
        sys.stdout.write(f"{error}\n")
        sys.exit(1)
    description = {**spec["answer"], "config_sha256": config}
    body = json.dumps(description).encode() + b"\n"
    program = _start_program(spec, description)
    for listener in listeners:
        _thread.start_new_thread(_accept, (listener, body, program))
    if (spec.get("failure") or ("",))[0] != "slow":
        _say_ready()
    if program:
        program.begin()
    _fail_late(spec)
    if spec.get("once"):
        seconds, code = spec["once"]
        time.sleep(seconds)
        sys.exit(code)
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
