"""A worker whose runs wait instead of computing: `python -m tests.bench.waiting_worker`.

It has the product's client of serve, pool and protocol. Locks of states are in memory, because each
environment has one worker here. It begins with the first line of its input. Besides its log it
prints lines with an instant and a text: `connected`, each environment whose run begins, and `end`.

    python -m tests.bench.waiting_worker URL CERT KEY CA SECONDS
"""

import sys
import threading
import time

from gromit.core.environments.claims import Claim
from gromit.core.environments.phases import Work
from gromit.core.stack.made import MadeStack
from gromit.ports import Progress
from gromit.services.run_states import StateOfRun
from gromit.services.runs import Runner
from gromit.services.workers import WorkerLimits, WorkerPool
from gromit.web.clients.connections import HttpConnections
from gromit.web.clients.serve import ServeClient
from gromit.web.clients.worker_queue import ServeQueue, new_worker_id
from gromit.web.tls import CertificateFiles, ClientTls
from tests.fakes.owners import FakeOwners
from tests.fakes.states import FakeStates

MARK = "@ "
"""Start of a line that is not of the log."""


def main(url: str, cert: str, key: str, ca: str, seconds: str) -> None:
    """Work until nothing is due."""
    client = ServeClient(HttpConnections(url, ClientTls(CertificateFiles(cert, key, ca))))
    stop, waited_s = threading.Event(), float(seconds)

    def wait(claim: Claim, _state: StateOfRun, _progress: Progress) -> MadeStack:
        _say(claim.name)
        stop.wait(waited_s)
        return MadeStack("h", "r", ())

    runner = Runner(
        queue=ServeQueue(client, new_worker_id()),
        states=FakeStates(),
        owners=FakeOwners(),
        guard=lambda: None,
        do=wait,
        renew_s=60.0,
        before=lambda _claim, _step: None,
    )
    pool = WorkerPool(
        Work.SOW,
        runner,
        WorkerLimits(parallel=1),
        stop,
        time.monotonic,
        lambda _name: lambda _line: None,
        lambda _result: None,
    )
    client.get("/v1/whoami")
    _say("connected")
    sys.stdin.readline()
    pool.once()
    _say("end")


def _say(text: str) -> None:
    sys.stdout.write(f"{MARK}{time.monotonic_ns()} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
