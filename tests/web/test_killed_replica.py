"""One of two processes of serve is killed under load: no build is lost, and watchers go on."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gromit.core.environments.claims import Claim
from gromit.core.environments.phases import Work
from gromit.core.environments.wakes import Watcher
from gromit.core.security.roles import Role
from gromit.core.stack.made import MadeStack
from gromit.errors import Temporary
from gromit.local.cloud.network import free_port
from gromit.web.clients.connections import HttpConnections
from gromit.web.clients.serve import ServeChanges, ServeClient
from gromit.web.clients.worker_queue import ServeQueue
from gromit.web.tls import ClientTls
from tests.waiting import PATIENCE_S, wait_for
from tests.web.serving import REGION, Certificates, Emulator

pytestmark = pytest.mark.long

CLIENTS = 4
BUILDS = 20
"""Builds of each client."""
WATCHERS = 4
HOST = "127.0.0.1"


@dataclass
class Balancer:
    """Passes connections on to the backends in turn, and to those that are left."""

    backends: list[int]
    listener: socket.socket = field(default_factory=lambda: socket.create_server((HOST, 0)))
    used: dict[int, int] = field(default_factory=dict)
    """Connections by backend."""
    _next: int = 0

    @property
    def url(self) -> str:
        return f"https://localhost:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        with suppress(OSError):  # the listener is closed
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            for _ in self.backends:
                self._next += 1
                port = self.backends[self._next % len(self.backends)]
                with suppress(OSError), socket.create_connection((HOST, port)) as backend:
                    self.used[port] = self.used.get(port, 0) + 1
                    back = threading.Thread(target=_pump, args=(backend, client), daemon=True)
                    back.start()
                    _pump(client, backend)
                    back.join()
                    return


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes until one end closes; then end both."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@dataclass
class Installation:
    """Two processes of serve behind a balancer."""

    processes: dict[int, "subprocess.Popen[bytes]"]
    """By port."""
    balancer: Balancer
    certificates: Certificates

    def client(self, role: Role) -> ServeClient:
        tls = ClientTls(self.certificates.of(role))
        return ServeClient(HttpConnections(self.balancer.url, tls))


@contextmanager
def installed(
    emulator: Emulator, certificates: Certificates, folder: Path
) -> Iterator[Installation]:
    ports = [free_port() for _ in range(2)]
    files, _ = certificates.issue("server", "localhost", HOST)
    viewer = certificates.of(Role.VIEWER)
    environ = {
        **emulator.environ,
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
        "GROMIT_TABLENAME": "killed-replica",
        "GROMIT_CA": certificates.ca,
        "GROMIT_SERVE_CERT": str(files.cert),
        "GROMIT_SERVE_KEY": str(files.key),
        "GROMIT_SERVE_HEALTH": f"{HOST}:0",
        "GROMIT_SERVE_PEERS": ",".join(f"{HOST}:{port}" for port in ports),
        "GROMIT_CLIENT_CERT": str(viewer.cert),
        "GROMIT_CLIENT_KEY": str(viewer.key),
        "GROMIT_CLUSTER_DOMAIN": "dev.example.com",
        "AWS_REGION": REGION,
    }
    processes = {}
    with ExitStack() as ends:
        for port in ports:
            log = ends.enter_context((folder / f"serve-{port}.log").open("wb"))
            processes[port] = subprocess.Popen(
                [sys.executable, "-m", "gromit", "serve"],
                env={**environ, "GROMIT_SERVE_LISTEN": f"{HOST}:{port}"},
                stdout=log,
                stderr=log,
            )
            ends.callback(processes[port].wait)
            ends.callback(processes[port].kill)
            wait_for("serve", lambda port=port: _listens(port))  # type: ignore[misc]
        balancer = Balancer(ports)
        ends.enter_context(balancer.listener)
        threading.Thread(target=balancer.run, daemon=True).start()
        yield Installation(processes, balancer, certificates)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port)):
        return True
    return False


@dataclass
class Load:
    """Clients that report builds, and workers that look only when a change is announced."""

    installation: Installation
    accepted: dict[str, str] = field(default_factory=dict)
    """Environment to the version that serve has accepted."""
    sown: dict[str, int] = field(default_factory=dict)
    """Environment to the greatest generation that a worker has reported as done."""
    stop: threading.Event = field(default_factory=threading.Event)

    def report(self, number: int) -> None:
        """Report builds one after the other, as a workflow does, which repeats what failed."""
        with closing(self.installation.client(Role.GATEWAY)) as client:
            self._report(client, number)

    def _report(self, client: ServeClient, number: int) -> None:
        for build in range(BUILDS):
            name, version = f"app-{number}-{build % 5}", f"sha-{build}"
            body = {"repo": "tyk", "ref": f"refs/heads/{name}", "sha": version}
            while True:
                with suppress(Temporary):
                    client.post("/newbuild", body)
                    break
            self.accepted[name] = version

    def watch(self, number: int) -> None:
        """Claim work after each announcement, and at no other time."""
        feed = ServeChanges(
            self.installation.client(Role.WORKER),
            concerns=lambda change: change.makes_work_for(Watcher.SOW),
        )
        with closing(self.installation.client(Role.WORKER)) as client, closing(feed):
            queue = ServeQueue(client, f"worker-{number}")
            while not self.stop.is_set():
                if feed.wait(0.2):
                    self._work_off(queue)

    def _work_off(self, queue: ServeQueue) -> None:
        while True:
            try:
                claim = queue.claim(Work.SOW)
                if not isinstance(claim, Claim):
                    return
                queue.done(claim, MadeStack("h", "r", ()))
            except Temporary:
                continue
            self.sown[claim.name] = max(claim.generation, self.sown.get(claim.name, 0))


def test_a_killed_process_loses_no_build_and_stops_no_watcher(
    emulator: Emulator, certificates: Certificates, tmp_path: Path
) -> None:
    with (
        ExitStack() as ends,
        ThreadPoolExecutor(20) as pool,
        installed(emulator, certificates, tmp_path) as running,
    ):
        load = Load(running)
        try:
            watchers = [pool.submit(load.watch, number) for number in range(WATCHERS)]
            wait_for("streams at both", lambda: min(_used(running)) >= WATCHERS // 2)
            reports = [pool.submit(load.report, number) for number in range(CLIENTS)]
            wait_for("builds", lambda: len(load.accepted) >= CLIENTS)
            killed = running.balancer.backends[0]
            running.processes[killed].send_signal(signal.SIGKILL)
            for report in reports:
                report.result(PATIENCE_S)
            operator = ends.enter_context(closing(running.client(Role.OPERATOR)))
            rows = {row["name"]: row for row in operator.pages()}
            assert {name: _version(rows[name]) for name in load.accepted} == load.accepted
            wait_for("work of all builds", lambda: _all_ready(operator, load))
        finally:
            load.stop.set()
            for watcher in watchers:
                watcher.result(PATIENCE_S)
    wait_for("the ends of streams", lambda: not _threads_of("changes"))


def _threads_of(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


def _used(running: Installation) -> list[int]:
    return [running.balancer.used.get(port, 0) for port in running.processes]


def _version(row: dict[str, object]) -> object:
    versions = row["versions"]
    assert isinstance(versions, dict)
    return versions["tyk"]["version"]


def _all_ready(operator: ServeClient, load: Load) -> bool:
    rows = list(operator.pages())
    return len(rows) == len(load.accepted) and all(
        row["phase"] == "ready" and load.sown[row["name"]] == row["generation"] for row in rows
    )
