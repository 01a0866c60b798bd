"""The process that forks for each program: `python -m tests.commands.server SOCKET`."""

import atexit
import ctypes
import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from tests.aws_models import read_models, share_models
from tests.commands.catalogues import read_catalogues
from tests.default_cas import share_default_cas

ORDER_BYTES = 1 << 20
_LOADED = ("gromit.bootstrap", "gromit.cli", "gromit.config", "gromit.local.cloud", "gromit.web")
_LOADED_LATE = (
    "boto3.s3.inject",
    "encodings.ascii",
    "encodings.unicode_escape",
    "gromit.local.demo.release",
    "httpcore2",
)
"""Modules that commands import when they need them, and most commands do."""
_ACTION = Path(__file__).parents[2] / "hooks" / "notify-gromit"
"""The action that reports builds, whose script is no command of gromit."""
_PR_SET_PDEATHSIG = 1


Order = tuple[dict[str, Any], list[int]]
"""A program to run, its three streams, and the pipe for its exit code."""


def main() -> None:
    """Load what commands load, fork for each order, and become the program in each fork."""
    with socket.socket(fileno=int(sys.argv[1])) as orders:
        _load_modules()
        share_models()
        share_default_cas()
        read_models()
        read_catalogues()
        gc.collect()
        gc.freeze()  # forks share this memory as long as nothing writes to it
        order = _Forks(orders).run()
    if order is not None:
        _become(*order)


class _Forks:
    """Forks that run, each known by a file descriptor for its end."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._poll = select.poll()
        self._poll.register(orders, select.POLLIN)
        self._running: dict[int, tuple[int, int]] = {}
        """End of a fork to its process id, and the pipe for its exit code."""

    def run(self) -> Order | None:
        """Return the order in the fork that is for it; None when there are no more orders."""
        while True:
            for ready, _ in self._poll.poll():
                if ready != self._orders.fileno():
                    self._report(ready)
                elif (order := _receive(self._orders)) is None:
                    return None
                elif self._is_fork(order[1]):
                    return order

    def _is_fork(self, handles: list[int]) -> bool:
        pid = os.fork()
        if pid == 0:
            for end, (_, result) in self._running.items():
                os.close(end)
                os.close(result)
            os.close(handles.pop())
            return True
        *streams, result = handles
        for stream in streams:
            os.close(stream)
        end = os.pidfd_open(pid)
        self._running[end] = pid, result
        self._poll.register(end, select.POLLIN)
        self._orders.sendall(f"{pid}\n".encode())
        return False

    def _report(self, end: int) -> None:
        pid, result = self._running.pop(end)
        self._poll.unregister(end)
        os.close(end)
        _, status = os.waitpid(pid, 0)
        with suppress(BrokenPipeError):  # the test has ended
            os.write(result, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(result)


def _load_modules() -> None:
    """Import all modules of commands, but not the emulator."""
    sys.path.append(str(_ACTION))
    for name in (*_LOADED_LATE, "notify"):
        import_module(name)
    for name in _LOADED:
        package = import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            import_module(module.name)


def _receive(orders: socket.socket) -> Order | None:
    text, handles, _, _ = socket.recv_fds(orders, ORDER_BYTES, 4)
    while text and not text.endswith(b"\n"):
        text += orders.recv(ORDER_BYTES)
    return (json.loads(text), handles) if text else None


def _become(order: dict[str, Any], streams: list[int]) -> None:
    """Be as if started for this program; the end of this process is the program's end."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if order["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # Whether a stream is a terminal, and how it is buffered, is decided when it is opened.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - a number, open until the end
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["cwd"])
    sys.argv = [order["module"], *order["arguments"]]
    code: str | int | None = None
    try:
        _run(order["module"])
    except SystemExit as end:
        code = end.code
    _end(code)


def _run(module: str) -> None:
    if module == "gromit":
        import_module("gromit.cli").main()
    else:
        runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end(code: str | int | None) -> NoReturn:
    """End as Python ends, but leave all objects as they are.

    Their deletion would write to the memory that forks share, which is then copied: that is most
    of the CPU time of a short command.
    """
    if isinstance(code, str):
        sys.exit(code)  # Python prints it
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        sys.exit(code)  # Python has a code of its own for this
    os._exit(code or 0)


if __name__ == "__main__":
    main()
