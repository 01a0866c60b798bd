"""Server of sessions in simulated containers: runs programs for people, as ECS Exec does on AWS.

A container of the local cloud is a process with variables, a folder and addresses of its own, and
no file system. So a program gets these: the variables, the folder as its working folder, and the
address in `CONTAINER_ADDRESS`.
"""

import json
import os
import shlex
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog

from gromit.local.aws.containers import ContainerSpec
from gromit.local.aws.exec_frames import FrameKind, receive_frame, send_frame
from gromit.local.aws.exec_run import ProgramRun, Terminal
from gromit.local.aws.exec_sessions import ExecSessions

log = structlog.get_logger(__name__)

ADDRESS = "CONTAINER_ADDRESS"
"""Variable with the address of the container."""
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
"""Variables of this machine that programs need."""
_SILENCE_S = 10.0
"""Seconds that a client may take to say which session it joins."""

FindContainer = Callable[[str], ContainerSpec | None]
"""Returns the running container of a task; None if there is none any more."""


class ExecServer:
    """Serves the open sessions of an emulator on a port of loopback."""

    def __init__(self, sessions: ExecSessions, find: FindContainer) -> None:
        self._sessions, self._find = sessions, find
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, name="exec", daemon=True)
        self._clients: set[socket.socket] = set()
        self._lock, self._stopped = threading.Lock(), False

    def start(self) -> None:
        """Serve from now on."""
        host, port = self._listener.getsockname()
        self._sessions.address = (str(host), int(port))
        self._thread.start()

    def stop(self) -> None:
        """End all sessions, and their programs."""
        self._sessions.address = None
        with self._lock:
            self._stopped = True
            clients = list(self._clients)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in clients:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def _accept(self) -> None:
        sessions: list[threading.Thread] = []
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                break
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            thread.start()
            sessions = [*(s for s in sessions if s.is_alive()), thread]
        for thread in sessions:
            thread.join()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            if self._stopped:
                client.close()
                return
            self._clients.add(client)
        try:
            # A client that says something else is cut off.
            with client, suppress(OSError, ValueError, KeyError, TypeError):
                self._run(client)
        finally:
            with self._lock:
                self._clients.discard(client)

    def _run(self, client: socket.socket) -> None:
        client.settimeout(_SILENCE_S)
        hello = receive_frame(client)
        client.settimeout(None)
        if hello is None or hello[0] is not FrameKind.HELLO:
            return
        wishes: Mapping[str, Any] = dict(json.loads(hello[1]))
        session = self._sessions.join(str(wishes["token"]))
        spec = self._find(session.task) if session else None
        if session is None or spec is None:
            _refuse(client, "the session is over, or its task has stopped")
            return
        terminal = Terminal.of(wishes)
        run = ProgramRun(
            shlex.split(session.command), _variables(spec, terminal), _folder(spec), terminal
        )
        log.info("exec.started", task=session.task, terminal=terminal is not None)
        run.serve(client, lambda: self._find(session.task) is not None)
        log.info("exec.ended", task=session.task)


def _refuse(client: socket.socket, why: str) -> None:
    send_frame(client, FrameKind.ERRORS, f"gromit: {why}\n".encode())
    send_frame(client, FrameKind.EXIT, b"1")


def _variables(spec: ContainerSpec, terminal: Terminal | None) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    address = {ADDRESS: spec.addresses[0]} if spec.addresses else {}
    named = {"TERM": terminal.name} if terminal else {}
    return {**inherited, **spec.variables, **address, **named}


def _folder(spec: ContainerSpec) -> str:
    """Return the folder of the container's program, or that of its config."""
    if spec.program is not None and spec.program.folder is not None:
        return spec.program.folder
    return spec.config or "/"
