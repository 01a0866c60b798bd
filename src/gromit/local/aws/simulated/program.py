"""A simulated program: its surroundings, its start, its background work and its answers."""

import socket
from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

from gromit.local.aws.simulated.messages import HttpAnswer, HttpRequest, ask
from gromit.local.aws.simulated.names import resolve_name
from gromit.local.aws.simulated.settings import Endpoint, ProgramSettings, SettingKey

_REFUSALS = {401, 403}
_TIMEOUT = 2.0


class ProgramDeath(Exception):
    """A program ends by itself: its last words, which never contain a secret, and its exit code."""

    def __init__(self, words: str, code: int = 1) -> None:
        super().__init__(words)
        self.code = code


class ProgramContext(NamedTuple):
    """Surroundings of a program."""

    settings: ProgramSettings
    variables: Mapping[str, str]
    files: Callable[[str], dict[str, bytes] | None]
    """Read the files of a folder, or one file, by path; None for a path outside the config folder.
    """
    address: str
    dns_port: int | None
    retry_s: float
    """Seconds between two tries to reach a peer."""
    patience_s: float
    """Seconds for which a program that needs a peer waits for it."""
    say: Callable[[str], None]
    """Write one line of the program's output."""
    pause: Callable[[float], None]


class SimulatedProgram:
    """A program that needs nothing and answers nothing of its own."""

    prefix = ""
    """Beginning of the names of its variables."""
    keys: ClassVar[Mapping[SettingKey, str | None]] = {}
    """Keys that a variable may set; see `read_settings`."""

    def __init__(self, context: ProgramContext) -> None:
        self.context = context

    @property
    def settings(self) -> ProgramSettings:
        """Settings of the program."""
        return self.context.settings

    def start(self) -> None:
        """Do what precedes everything else. Raises `ProgramDeath` if the program cannot start."""

    def work(self) -> None:
        """Work in the background, until the end of the process. Raises `ProgramDeath`."""

    def answer(self, request: HttpRequest) -> HttpAnswer | None:
        """Return the answer to a request on the port of the component; None if it has none."""

    def other_port(self) -> int | None:
        """Return a second port on which the program answers inside the cloud; None without one."""

    # ── peers ──

    def look_up_hosts(self) -> None:
        """Resolve every host name in the settings, and report those that do not resolve."""
        for endpoint in self.settings.endpoints():
            if self.resolve(endpoint.host) is None:
                self.context.say(f"{endpoint.key}: lookup {endpoint.host}: no such host")

    def show_key(self, key: str, path: str, header: str, secret: str) -> None:
        """Show a secret to the host of a key until it answers; report that it refuses the secret.

        A key without a host has nothing to answer.
        """
        for endpoint in (e for e in self.settings.endpoints() if e.key == key):
            answer = None
            while answer is None:
                address = self.resolve(endpoint.host)
                if address is not None:
                    answer = ask(address, endpoint.port, path, {header: secret})
                if answer is None:
                    self.context.pause(self.context.retry_s)
            if answer.status in _REFUSALS:
                self.context.say(f"{key}: {endpoint.host} refuses the secret ({answer.status})")

    def problem(self, endpoint: Endpoint) -> str:
        """Return why an endpoint cannot be reached; empty if it can."""
        address = self.resolve(endpoint.host)
        if address is None:
            return f"lookup {endpoint.host}: no such host"
        try:
            with socket.create_connection((address, endpoint.port), _TIMEOUT) as connection:
                return _greet(connection, endpoint)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return f"dial {endpoint.host}:{endpoint.port}: {reason}"

    def problems(self, kind: str) -> list[str]:
        """Return why endpoints of one kind cannot be reached."""
        found = (self.problem(e) for e in self.settings.endpoints() if e.kind == kind)
        return [problem for problem in found if problem]

    def resolve(self, host: str) -> str | None:
        """Return an address of a host; `localhost` is the container itself."""
        if host == "localhost":
            return self.context.address
        return resolve_name(host, self.context.dns_port)

    def wait_for(self, kind: str, name: str) -> None:
        """Wait until all endpoints of a kind can be reached.

        Raises `ProgramDeath` after `patience_s`.
        """
        waited = 0.0
        while problems := self.problems(kind):
            if waited >= self.context.patience_s:
                raise ProgramDeath(f"cannot connect to {name}: {problems[0]}")
            self.context.say(f"waiting for {name}: {problems[0]}")
            self.context.pause(self.context.retry_s)
            waited += self.context.retry_s


def _greet(connection: socket.socket, endpoint: Endpoint) -> str:
    """Return why the server of an endpoint is not the expected one; empty if it may be."""
    if endpoint.kind != "redis":
        return ""
    connection.sendall(b"*1\r\n$4\r\nPING\r\n")
    answer = connection.recv(64)
    if answer.startswith((b"+PONG", b"-NOAUTH")):
        return ""
    return f"{endpoint.host}:{endpoint.port} is not a Redis server"
