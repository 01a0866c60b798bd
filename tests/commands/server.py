"""The process that forks for each command: `python -m tests.commands.server SOCKET`."""

import gc
import json
import os
import pkgutil
import socket
import sys
from importlib import import_module
from typing import Any

from tests.aws_models import read_models, share_models

ORDER_BYTES = 1 << 20


Order = tuple[dict[str, Any], list[int]]
"""A command to run, and its three streams."""


def main() -> None:
    """Load what commands load, fork for each order, and become the command in each fork."""
    with socket.socket(fileno=int(sys.argv[1])) as orders:
        _load_modules()
        share_models()
        read_models()
        gc.collect()
        gc.freeze()  # forks share this memory as long as nothing writes to it
        order = _fork_for_each(orders)
    if order is not None:
        _become(*order)


def _fork_for_each(orders: socket.socket) -> Order | None:
    """Return the order in the fork that is for it; None when no process gives orders any more."""
    while order := _receive(orders):
        pid = os.fork()
        if pid == 0:
            return order
        for stream in order[1]:
            os.close(stream)
        orders.sendall(f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        orders.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    return None


def _load_modules() -> None:
    """Import all modules of commands, but not the emulator."""
    import_module("boto3")
    for name in ("gromit.cli", "gromit.bootstrap"):
        package = import_module(name)
        for module in pkgutil.iter_modules(package.__path__, f"{name}."):
            import_module(module.name)


def _receive(orders: socket.socket) -> Order | None:
    text, streams, _, _ = socket.recv_fds(orders, ORDER_BYTES, 3)
    while text and not text.endswith(b"\n"):
        text += orders.recv(ORDER_BYTES)
    return (json.loads(text), streams) if text else None


def _become(order: dict[str, Any], streams: list[int]) -> None:
    """Be as if started for this command; the end of this process is the command's end."""
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
    sys.argv = ["gromit", *order["arguments"]]
    import_module("gromit.cli").main()


if __name__ == "__main__":
    main()
