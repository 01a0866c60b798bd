"""Sockets that a program opens on all addresses, bound to the address of its task instead.

In a container a program may listen on all addresses. Here all tasks share one network, and another
task of the component has the same port. So seccomp stops each call of `bind` until this module has
answered it. Where the system does not offer that, the call is not stopped.
"""

import ctypes
import fcntl
import os
import platform
import socket
import struct
from pathlib import Path

_CALLS = {"x86_64": (0xC000003E, 49, 317), "aarch64": (0xC00000B7, 200, 277)}
"""Number of the architecture, of `bind` and of `seccomp`, by machine."""

_PIDFD_GETFD = 438
_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_NOTIFY, _ALLOW = 0x7FC00000, 0x7FFF0000
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE = 1
_NOTICE, _ANSWER = struct.Struct("QIIiIQ6Q"), struct.Struct("QqiI")
_LOAD, _EQUALS, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_LONGEST_ADDRESS = 128

_libc = ctypes.CDLL(None, use_errno=True)


class _Filter(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))


def notify_binds() -> int | None:
    """Stop each later `bind` of this process and its children until it is answered.

    Return the file that `answer_binds` reads; None if the system does not offer that.
    """
    if platform.machine() not in _CALLS:
        return None
    architecture, bind, seccomp = _CALLS[platform.machine()]
    instructions = (
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUALS, 0, 3, architecture),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_EQUALS, 0, 1, bind),
        (_RETURN, 0, 0, _NOTIFY),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *i) for i in instructions))
    program = _Filter(len(instructions), ctypes.addressof(code))
    number = _libc.syscall(seccomp, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(program))
    return None if number < 0 else int(number)


def answer_binds(notices: int, address: str) -> None:
    """Answer each `bind` until the program has ended."""
    while True:
        notice = bytearray(_NOTICE.size)
        try:
            fcntl.ioctl(notices, _RECEIVE, notice)
        except InterruptedError:
            continue
        except OSError:
            return
        identity, thread, _, _, _, _, number, place, length, *_ = _NOTICE.unpack(notice)
        try:
            error, flags = _bind(thread, number, (place, length), address)
        except OSError:
            # It has ended meanwhile, or cannot be looked into.
            error, flags = 0, _CONTINUE
        answer = _ANSWER.pack(identity, 0, -error, flags)
        try:
            fcntl.ioctl(notices, _SEND, answer)
        except OSError:
            continue


def _bind(thread: int, number: int, memory: tuple[int, int], address: str) -> tuple[int, int]:
    """Bind a socket for a thread, if it asks for all addresses; return errno and flags."""
    given = _read(thread, *memory)
    port = _port_on_all_addresses(given)
    if port is None:
        return 0, _CONTINUE
    with _socket(thread, number) as opened:
        if opened.type != socket.SOCK_STREAM:
            return 0, _CONTINUE
        if opened.family == socket.AF_INET:
            return _bound(opened, (address, port)), 0
        if opened.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
            # Tasks have no IPv6 address. Unbound, the socket gets a free port of no meaning.
            return 0, 0
        return _bound(opened, (f"::ffff:{address}", port)), 0


def _bound(opened: socket.socket, address: tuple[str, int]) -> int:
    """Bind a socket; return 0, or the number of the error."""
    try:
        opened.bind(address)
    except OSError as error:
        return error.errno or 0
    return 0


def _read(thread: int, place: int, length: int) -> bytes:
    with Path(f"/proc/{thread}/mem").open("rb", 0) as memory:
        memory.seek(place)
        return memory.read(min(length, _LONGEST_ADDRESS))


def _port_on_all_addresses(given: bytes) -> int | None:
    """Return the port of a socket address that is all addresses; None for others or port 0."""
    if len(given) < struct.calcsize("=HHI"):
        return None
    (family,) = struct.unpack_from("=H", given)
    (port,) = struct.unpack_from("!H", given, 2)
    sizes = {socket.AF_INET: slice(4, 8), socket.AF_INET6: slice(8, 24)}
    if family not in sizes or any(given[sizes[family]]):
        return None
    return port or None


def _socket(thread: int, number: int) -> socket.socket:
    """Return a socket of another process, by the number that it has there."""
    lines = Path(f"/proc/{thread}/status").read_text().splitlines()
    process = next(int(line.split()[1]) for line in lines if line.startswith("Tgid:"))
    handle = os.pidfd_open(process)
    try:
        found = _libc.syscall(_PIDFD_GETFD, handle, number, 0)
    finally:
        os.close(handle)
    if found < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return socket.socket(fileno=found)
