"""The process `aws` of a local cloud: the emulator, the Fargate simulator and the DNS server, with a state that is kept.

Run as `python -m gromit.local.aws.process SPEC`, SPEC being the JSON of `aws_spec.Spec`. SIGTERM saves, and ends it and every
simulated task.
"""

import ipaddress
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from gromit import log as logs
from gromit.errors import GromitError
from gromit.local.aws.dns_server import DnsServer, EmulatedRecords
from gromit.local.aws.emulator import ACCOUNT, Emulator
from gromit.local.aws.fargate import Fargate
from gromit.local.aws.placement import Host
from gromit.local.aws.spec import EmulatorSpec

_PAUSE = 0.5
"""Seconds between two savings of a state that goes on changing."""

log = structlog.get_logger(__name__)


class DebouncedSaver:
    """Saves soon after every change, but not again and again."""

    def __init__(self, save: Callable[[], None]) -> None:
        self._save = save
        self._dirty, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="saver", daemon=True)

    def start(self) -> None:
        """Save from now on."""
        self._thread.start()

    def changed(self) -> None:
        """Something has changed; returns at once."""
        self._dirty.set()

    def stop(self) -> None:
        """Save no more."""
        self._stopped.set()
        self._dirty.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._dirty.wait()
            if self._stopped.wait(_PAUSE):
                return
            self._dirty.clear()
            try:
                self._save()
            except GromitError as error:
                log.warning("state.not_saved", error=str(error), hint=error.hint)
                self._dirty.set()


def run_emulator(spec: EmulatorSpec, stop: threading.Event) -> None:
    """Be the emulated AWS until `stop` is set."""
    os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    emulator = Emulator(port=spec.port, saved=Path(spec.state))
    saver = DebouncedSaver(emulator.save)
    public = ipaddress.IPv4Network(spec.public)
    ground = Host(
        account=ACCOUNT, region=spec.region, config_root=Path(spec.config_root), public=public
    )
    fargate = Fargate(ground, saver.changed)
    emulator.on_change(fargate.wake)
    emulator.on_change(saver.changed)
    dns = DnsServer(EmulatedRecords(ACCOUNT, spec.region), port=spec.dns_port)
    emulator.start()
    dns.start()
    saver.start()
    fargate.start()
    log.info("aws.ready", url=emulator.url, dns=dns.port)
    stop.wait()
    fargate.stop()
    dns.stop()
    saver.stop()
    emulator.stop()


def main() -> None:
    """Run what the first argument says until SIGTERM or SIGINT."""
    logs.configure_logging("info", "auto")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run_emulator(EmulatorSpec(**json.loads(sys.argv[1])), stop)


if __name__ == "__main__":
    main()
