"""The process `aws` of a local cloud: the emulator, the Fargate simulator, DNS and Mongo.

Run as `python -m gromit.local.aws.process SPEC`, where SPEC is the JSON of `spec.EmulatorSpec`.
SIGTERM saves the state, and ends the process and every simulated task.
"""

import gc
import ipaddress
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from gromit import log as logs
from gromit.errors import GromitError
from gromit.local.aws.dns_server import DnsServer, EmulatedRecords
from gromit.local.aws.emulator import ACCOUNT, Emulator
from gromit.local.aws.exec_server import ExecServer
from gromit.local.aws.exec_sessions import SESSIONS
from gromit.local.aws.fargate import Fargate
from gromit.local.aws.hosts_file import HostsFile
from gromit.local.aws.mongo import MongoServer
from gromit.local.aws.name_proxy import NameProxy
from gromit.local.aws.placement import Host
from gromit.local.aws.programs import ProgramFolder
from gromit.local.aws.spec import EmulatorSpec

_SHORTEST_PAUSE = 0.5
"""Shortest time in seconds between two saves of a state that keeps changing."""

_PAUSE_PER_SECOND = 9.0
"""Seconds of pause for each second that a save takes. Requests wait while the state is pickled, so
saving takes at most a tenth of the time, whatever the size of the state.
"""

log = structlog.get_logger(__name__)


class DebouncedSaver:
    """Saves soon after a change, but spends at most a tenth of its time on it."""

    def __init__(
        self, save: Callable[[], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._save, self._clock = save, clock
        self._dirty, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="saver", daemon=True)
        self._pause = _SHORTEST_PAUSE

    def start(self) -> None:
        """Save from now on."""
        self._thread.start()

    def changed(self) -> None:
        """Note that something has changed; return at once."""
        self._dirty.set()

    def stop(self) -> None:
        """Stop saving, and wait for a save that is running."""
        self._stopped.set()
        self._dirty.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._dirty.wait()
            if self._stopped.wait(self._pause):
                return
            # Clear first: a change during the save may be missing from the file.
            self._dirty.clear()
            began = self._clock()
            try:
                self._save()
            except GromitError as error:
                log.warning("state.not_saved", error=str(error), hint=error.hint)
                self._dirty.set()
            took = self._clock() - began
            self._pause = max(_SHORTEST_PAUSE, took * _PAUSE_PER_SECOND)


def run_emulator(spec: EmulatorSpec, stop: threading.Event) -> None:
    """Run the emulated AWS until `stop` is set."""
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    # With Python's own thresholds, half of the emulator's CPU time goes into looking for garbage.
    gc.set_threshold(50_000, 20, 20)
    emulator = Emulator(port=spec.port, saved=Path(spec.state))
    saver = DebouncedSaver(emulator.save)
    public = ipaddress.IPv4Network(spec.public)
    host = Host(
        account=ACCOUNT,
        region=spec.region,
        config_root=Path(spec.config_root),
        public=public,
        dns_port=spec.dns_port,
        simulated=spec.simulated,
        programs=spec.programs,
        program_folder=ProgramFolder(Path(spec.program_folder)) if spec.programs else None,
    )
    names = EmulatedRecords(ACCOUNT, spec.region)
    hosts = _hosts_file(host, names)
    fargate = Fargate(host, saver.changed, publish=hosts.update if hosts else lambda: None)
    sessions = ExecServer(SESSIONS, fargate.containers.find)
    emulator.on_change(fargate.wake)
    emulator.on_change(saver.changed)
    dns = DnsServer(names, port=spec.dns_port)
    proxy = NameProxy(names, spec.domain, spec.public_ports, port=spec.names_port)
    mongo = MongoServer(spec.mongo) if spec.mongo else None
    emulator.start()
    dns.start()
    proxy.start()
    if mongo:
        mongo.start()
    saver.start()
    fargate.start()
    sessions.start()
    log.info("aws.ready", url=emulator.url, dns=dns.port)
    stop.wait()
    sessions.stop()
    fargate.stop()
    if mongo:
        mongo.stop()
    proxy.stop()
    dns.stop()
    saver.stop()
    emulator.stop()


def _hosts_file(host: Host, names: EmulatedRecords) -> HostsFile | None:
    """Return the hosts file of real programs; None if there are none."""
    if host.program_folder is None:
        return None
    host.program_folder.make()
    return HostsFile(host.program_folder.hosts, names)


def main() -> None:
    """Run the emulated AWS of the first argument until SIGTERM or SIGINT."""
    logs.configure_logging("info", "auto")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_emulator(EmulatorSpec.from_json(sys.argv[1]), stop)


if __name__ == "__main__":
    main()
