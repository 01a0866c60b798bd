"""Processes of simulated containers: start, watch and end them. This module knows nothing of ECS.

One thread owns them: Linux counts the thread that started a child as its parent, and the children
die with it.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO

from gromit.local.aws.programs import PROGRAM_TASK, ProgramFolder, RealProgram

_TASK = (sys.executable, "-S", "-I", str(Path(__file__).with_name("task.py")))
_GRACE, _PROGRAM_GRACE = 2.0, 30.0
"""Seconds between SIGTERM and SIGKILL: Fargate's for real programs; the others end at once."""

_READY = "ready"
_INHERITED = {"PATH", "LD_LIBRARY_PATH"}
"""Variables of this machine that Python may need. They win over those of a container."""

_CLOSING = 10.0
"""Seconds that real programs have to end when the emulator ends."""

_LONGEST = 400
"""Characters that are kept of a container's output."""

_LOG_PART = 65536
"""Bytes of a container's log that are read at once, and the longest line."""

_BURST, _LINES_PER_S = 100, 5000
"""Lines at once, and a second, that a container may log: requests wait while they are kept.

A program that writes more is slowed down by a full pipe.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramProcess:
    """A real program of this machine that is the program of a container."""

    path: str
    arguments: tuple[str, ...]
    folder: str | None
    """Folder that it starts in; None for an empty one."""
    hosts: str
    """File that it sees as `/etc/hosts`."""
    root: str
    """Empty folder on which it gets a view of this machine's files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """Settings of a container process."""

    answer: dict[str, str]
    """Answer to `GET`, besides the hash of the config."""
    addresses: tuple[str, ...]
    port: int | None
    """Port on all its addresses; None for a container that does not listen."""
    config: str | None
    """Folder that an image would see as its config, read once."""
    config_path: str | None = None
    """Path at which the container sees that folder."""
    command: tuple[str, ...] = ()
    """Entry point and arguments."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Its variables, secrets included: only the process's own user can read them."""
    dns_port: int | None = None
    """Port of the DNS server on 127.0.0.1; None if names cannot be resolved."""
    simulated: str | None = None
    """Name of the simulated program; None for a container that only answers `GET`."""
    retry_s: float = 1.0
    """Seconds between two tries of the program to reach a peer."""
    patience_s: float = 10.0
    """Seconds for which it waits for a peer, or a real program may take to listen."""
    failure: tuple[str, int] | None = None
    """Failure that its image rehearses; see `failures.ImageFailure`."""
    once: tuple[float, int] | None = None
    """Seconds after which it ends by itself, and its exit code; None if it runs for ever."""
    program: ProgramProcess | None = None
    """Program that runs instead of the simulated one."""

    @property
    def grace_s(self) -> float:
        """Seconds that it has to end after SIGTERM."""
        return _GRACE if self.program is None else _PROGRAM_GRACE


def run_program(spec: ContainerSpec, program: RealProgram, folder: ProgramFolder) -> ContainerSpec:
    """Return a spec with a real program in the place of the image's entry point."""
    address = spec.addresses[0] if spec.addresses else ""
    process = ProgramProcess(
        path=program.path,
        arguments=(*spec.command, *program.arguments_at(address)),
        folder=program.folder,
        hosts=str(folder.hosts),
        root=str(folder.root),
    )
    variables = {**spec.variables, **program.variables_at(address)}
    return replace(spec, variables=variables, program=process)


def container_command(spec: ContainerSpec) -> tuple[str, ...]:
    """Return the command line of a container that ends with this process."""
    # A command line is visible to all users, and variables contain secrets.
    visible = {k: v for k, v in asdict(spec).items() if k != "variables"}
    text = json.dumps({**visible, "parent": os.getpid()})
    return (*(_TASK if spec.program is None else PROGRAM_TASK), text)


@dataclass(frozen=True, slots=True)
class ContainerReady:
    """A container listens."""

    name: str


@dataclass(frozen=True, slots=True)
class ContainerOutput:
    """A container has written to its standard error, which is the log of a container."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContainerExited:
    """A container's process has ended."""

    name: str
    code: int
    """Exit code of a container: 128 + signal if it was killed."""
    output: str
    """Its output, without the line that it is ready."""


ContainerEvent = ContainerReady | ContainerOutput | ContainerExited


@dataclass(slots=True)
class _Running:
    process: subprocess.Popen[bytes]
    grace_s: float
    spec: ContainerSpec
    output: str = ""
    rest: bytes = b""
    """Last line of its log, as long as it is incomplete."""


class Containers:
    """Container processes of one emulator, by name."""

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}
        self._read_again: dict[str, float] = {}
        self._selector = selectors.DefaultSelector()
        self._waker, self._awake = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._awake, False)
        self._lock, self._closed = threading.Lock(), False
        self._selector.register(self._waker, selectors.EVENT_READ, None)

    def __contains__(self, name: str) -> bool:
        return name in self._running

    @property
    def names(self) -> list[str]:
        """Names of the containers that have not exited yet."""
        return list(self._running)

    def start(self, name: str, spec: ContainerSpec) -> None:
        """Start a container; `ContainerReady` or `ContainerExited` follows."""
        inherited = {k: v for k, v in os.environ.items() if k in _INHERITED}
        process = subprocess.Popen(  # noqa: S603 - our own program
            container_command(spec),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={**spec.variables, **inherited},
            process_group=0,  # Ctrl-C in the terminal is for the supervisor, not for each task
        )
        self._running[name] = _Running(process, spec.grace_s, spec)
        for stream, read in ((_stdout(process), self._read), (_stderr(process), self._read_log)):
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, (name, read))

    def stop(self, name: str, *, at_once: bool = False) -> None:
        """Send SIGTERM to a container, or SIGKILL if `at_once`; `ContainerExited` follows.

        Do nothing if the container has exited.
        """
        if name in self._running:
            self._running[name].process.send_signal(signal.SIGKILL if at_once else signal.SIGTERM)

    @property
    def addresses(self) -> set[str]:
        """Addresses of the containers that have not exited yet."""
        return {address for c in self._running.values() for address in c.spec.addresses}

    def find(self, name: str) -> ContainerSpec | None:
        """Return a container that has not exited yet. Any thread may call this method."""
        running = self._running.get(name)
        return None if running is None else running.spec

    def grace_s(self, name: str) -> float:
        """Return the seconds that a container has to end after SIGTERM."""
        return self._running[name].grace_s if name in self._running else _GRACE

    def wake(self) -> None:
        """Make `wait` return now. Any thread may call this method, even after `close`."""
        # A full pipe wakes `wait` as well.
        with self._lock, suppress(BlockingIOError):
            # After `close`, the number of the pipe may belong to another file.
            if not self._closed:
                os.write(self._awake, b"!")

    def wait(self, seconds: float | None) -> list[ContainerEvent]:
        """Wait for events and return them; return none after `seconds` or after `wake`."""
        events: list[ContainerEvent] = []
        for key, _ in self._selector.select(self._resume_logs(seconds)):
            if key.data is None:
                os.read(self._waker, 4096)
            else:
                name, read = key.data
                events += read(name)
        return events

    def close(self) -> None:
        """End all containers, and wait until they have exited.

        Real programs have some seconds to end in order. What they log meanwhile is lost.
        """
        programs = {name for name, c in self._running.items() if c.grace_s > _GRACE}
        for name in programs:
            self.stop(name)
        deadline = time.monotonic() + _CLOSING
        while programs & self._running.keys() and (left := deadline - time.monotonic()) > 0:
            self.wait(left)
        for container in self._running.values():
            container.process.kill()
        for container in self._running.values():
            container.process.wait()
            _stdout(container.process).close()
            _stderr(container.process).close()
        self._running.clear()
        self._selector.close()
        with self._lock:
            self._closed = True
            os.close(self._waker)
            os.close(self._awake)

    def _read(self, name: str) -> list[ContainerEvent]:
        container = self._running[name]
        stream = _stdout(container.process)
        part = os.read(stream.fileno(), 4096)
        if part:
            was_ready = container.output.startswith(_READY)
            container.output = (container.output + part.decode(errors="replace"))[:_LONGEST]
            if container.output.startswith(_READY) and not was_ready:
                return [ContainerReady(name)]
            return []
        # An empty read means that the process has closed its output, which it does at its end.
        self._selector.unregister(stream)
        stream.close()
        code = container.process.wait()
        output = container.output.removeprefix(_READY).strip()
        exited = ContainerExited(name, 128 - code if code < 0 else code, output)
        last_words = [ContainerOutput(name, tuple(output.splitlines()))] if output else []
        return [*self._last_log(name), *last_words, exited]

    def _read_log(self, name: str) -> list[ContainerEvent]:
        # In the same round of `wait` the container may have exited.
        container = self._running.get(name)
        if container is None:
            return []
        stream = _stderr(container.process)
        part = os.read(stream.fileno(), _LOG_PART)
        if not part:
            self._selector.unregister(stream)
            return []
        *whole, container.rest = (container.rest + part).split(b"\n")
        if len(container.rest) > _LOG_PART:
            whole, container.rest = [*whole, container.rest], b""
        if len(whole) > _BURST:
            self._selector.unregister(stream)
            self._read_again[name] = time.monotonic() + len(whole) / _LINES_PER_S
        return [_log_of(name, whole)] if whole else []

    def _resume_logs(self, seconds: float | None) -> float | None:
        """Read the logs again whose pause is over; return `seconds`, or less if a pause is left."""
        now = time.monotonic()
        for name in [name for name, due in self._read_again.items() if due <= now]:
            del self._read_again[name]
            stream = _stderr(self._running[name].process)
            self._selector.register(stream, selectors.EVENT_READ, (name, self._read_log))
        pauses = [due - now for due in self._read_again.values()]
        return min([*pauses, *([] if seconds is None else [seconds])], default=None)

    def _last_log(self, name: str) -> list[ContainerEvent]:
        """Forget an ended container; return what is left of its log."""
        container = self._running.pop(name)
        self._read_again.pop(name, None)
        stream, parts = _stderr(container.process), [container.rest]
        with suppress(BlockingIOError):
            while part := os.read(stream.fileno(), _LOG_PART):
                parts.append(part)
        # It is not registered if it was closed before, or has a pause.
        with suppress(KeyError):
            self._selector.unregister(stream)
        stream.close()
        rest = b"".join(parts)
        return [_log_of(name, rest.splitlines())] if rest else []


def _log_of(name: str, lines: Sequence[bytes]) -> ContainerOutput:
    return ContainerOutput(name, tuple(line.decode(errors="replace") for line in lines))


def _stdout(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise RuntimeError("a container's process has no standard output")
    return process.stdout


def _stderr(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stderr is None:
        raise RuntimeError("a container's process has no standard error")
    return process.stderr
