"""Running of a simulated program in the process of its container."""

import _thread
import os
import socket
import sys
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from gromit.local.aws.simulated.broker import Broker
from gromit.local.aws.simulated.dashboard import Dashboard, Sink
from gromit.local.aws.simulated.gateway import Gateway
from gromit.local.aws.simulated.messages import HttpAnswer, HttpRequest, read_request, write_answer
from gromit.local.aws.simulated.program import ProgramContext, ProgramDeath, SimulatedProgram
from gromit.local.aws.simulated.pump import Pump
from gromit.local.aws.simulated.settings import (
    ProgramSettings,
    SettingsUnreadable,
    config_file,
    read_settings,
)
from gromit.local.aws.simulated.stores import Redis, is_redis, serve_redis

PROGRAMS: Mapping[str, type[SimulatedProgram]] = {
    "redis": Redis,
    "tyk-dashboard": Dashboard,
    "tyk-gateway": Gateway,
    "tyk-identity-broker": Broker,
    "tyk-pump": Pump,
    "tyk-sink": Sink,
}
"""Simulated programs by the names that a catalogue gives them."""

_TIMEOUT = 10.0
"""Seconds that a client may stay silent."""


class RunningProgram:
    """A program that has started, with its answers."""

    def __init__(self, spec: Mapping[str, Any], description: Mapping[str, Any]) -> None:
        self._description = description
        self._second: socket.socket | None = None
        self._is_redis = spec["simulated"] == "redis"
        self._addresses = spec["addresses"]
        make = PROGRAMS[spec["simulated"]]
        self._program = make(
            ProgramContext(
                settings=_settings(spec, make),
                variables=os.environ,
                files=lambda path: _files(_host_path(spec, path)),
                address=(self._addresses or [""])[0],
                dns_port=spec["dns_port"],
                retry_s=spec["retry_s"],
                patience_s=spec["patience_s"],
                say=say,
                pause=time.sleep,
            )
        )
        try:
            self._program.start()
        except ProgramDeath as death:
            _die(str(death), death.code)

    def begin(self) -> None:
        """Begin the work in the background, and listen on the second port."""
        if self._addresses and (port := self._program.other_port()):
            # Only inside the cloud: no security group opens this port to the internet.
            self._second = socket.create_server((self._addresses[0], port))
            _thread.start_new_thread(self._accept, (self._second,))
        _thread.start_new_thread(self._work, ())

    def close(self) -> None:
        """Stop listening on the second port."""
        if self._second:
            self._second.shutdown(socket.SHUT_RDWR)
            self._second.close()

    def serve(self, connection: socket.socket) -> None:
        """Answer one client on the port of the component."""
        self._serve(connection, self._description)

    def _serve(self, connection: socket.socket, body: Mapping[str, Any] | None) -> None:
        with connection:
            connection.settimeout(_TIMEOUT)
            try:
                first = connection.recv(8, socket.MSG_PEEK)
                if self._is_redis and is_redis(first):
                    serve_redis(connection)
                elif request := read_request(connection):
                    answer = self._answer(request, body)
                    connection.sendall(write_answer(answer, only_head=request.method == "HEAD"))
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                return

    def _answer(self, request: HttpRequest, body: Mapping[str, Any] | None) -> HttpAnswer:
        if not request.method:
            return HttpAnswer(400, {"error": "not HTTP"})
        if answer := self._program.answer(request):
            return answer
        if request.path != "/" or body is None:
            return HttpAnswer(404, {"error": "only / and what the program answers"})
        if request.method not in {"GET", "HEAD"}:
            return HttpAnswer(405, {"error": "only GET"})
        return HttpAnswer(200, body)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            _thread.start_new_thread(self._serve, (connection, None))

    def _work(self) -> None:
        self._program.look_up_hosts()
        try:
            self._program.work()
        except ProgramDeath as death:
            _die(str(death), death.code)


def say(line: str) -> None:
    """Write a line of the container's log."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _settings(spec: Mapping[str, Any], make: type[SimulatedProgram]) -> ProgramSettings:
    path = config_file(spec["command"])
    # A file outside the config folder is the image's, which the local cloud does not have.
    here = _host_path(spec, path) if path else None
    try:
        return read_settings(here, os.environ, make.prefix, make.keys)
    except SettingsUnreadable as error:
        _die(str(error), 1)


def _die(words: str, code: int) -> NoReturn:
    """End the process from any thread, with last words in its log and in its output."""
    say(words)
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()
    os._exit(code)


def _host_path(spec: Mapping[str, Any], path: str) -> str | None:
    """Return the path on this machine of a container's path; None outside its config folder."""
    mount, folder = spec["config_path"], spec["config"]
    inside = mount and folder and f"{path}/".startswith(f"{mount}/")
    # A path with `..` may leave the folder.
    if not inside or ".." in path.split("/"):
        return None
    return f"{folder}/{path.removeprefix(mount).lstrip('/')}"


def _files(path: str | None) -> dict[str, bytes] | None:
    """Return the files of a folder by name; none of a folder that does not exist."""
    if path is None:
        return None
    found: dict[str, bytes] = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_file() and entry.name.endswith(".json"):
                    # pathlib takes longer to import than all else here.
                    with open(entry.path, "rb") as file:  # noqa: PTH123
                        found[entry.name] = file.read()
    except OSError:
        return found
    return found
