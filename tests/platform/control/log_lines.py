"""Lines that the parts of gromit log, as input of the alarms.

The parts run in a process of their own, with logs as on AWS: one JSON object a line. This command
writes the lines of one part to standard error:

    python -m tests.platform.control.log_lines PART
"""

import asyncio
import itertools
import random
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import Request

from gromit import log
from gromit.adapters.security.pki_files import PkiFiles
from gromit.core.discrepancies.facts import InstallationInventory
from gromit.core.doctor.findings import Check, Finding, FindingStatus
from gromit.core.doctor.quotas import Quota, QuotaHeadroom
from gromit.core.environments.claims import Claim, Claimant
from gromit.core.environments.environment import Environment
from gromit.core.environments.failures import Failure
from gromit.core.environments.phases import Work
from gromit.core.environments.turns import DueRows
from gromit.core.security.certificates import LeafRequest
from gromit.core.security.roles import Role
from gromit.core.stack.made import MadeStack
from gromit.core.time import Millis
from gromit.errors import RolloutFailed, Temporary, TerraformFailed
from gromit.ports import Progress
from gromit.services.chitragupta import Chitragupta, DnsPolicy
from gromit.services.doctor import Doctor
from gromit.services.doctor_check import DoctorCheck
from gromit.services.environment_doctor import EnvironmentDoctor
from gromit.services.pki import Pki, PkiInputs
from gromit.services.run_states import StateOfRun
from gromit.services.runs import Runner
from gromit.services.watch_loop import WatchIntervals
from gromit.services.workers import WorkerLimits, WorkerPool
from gromit.web.api.metrics import Metrics
from gromit.web.gateway.health_check import HealthRoute
from tests.fakes.authority import new_key
from tests.fakes.dns import FakeEnvironments, FakeFeed, FakeTasks, FakeZone
from tests.fakes.owners import FakeOwners
from tests.fakes.queue import FakeQueue, a_claim
from tests.fakes.states import FakeStates
from tests.fakes.store import MemoryStore
from tests.services.registry import Registry

WAITING_S = 90.0
"""Waiting time of the oldest work, as serve logs it."""
UNDONE_S = 600.0
"""Age of the oldest request for work."""


def _nothing(*_arguments: object) -> None:
    """Do nothing."""


def _serve() -> None:
    """Log serve's line of every minute, with work that waits."""

    class Waiting(MemoryStore):
        def due(
            self, _kind: str, now_ms: int, _limit: int, _claim_id: str | None = None
        ) -> DueRows:
            return DueRows(("app-test",), now_ms - int(WAITING_S * 1000), None)

        def unfinished(self, _kind: str) -> Mapping[str, int]:
            return {"app-test": now - int(UNDONE_S * 1000), "fresh": now}

    now = Millis(1_000_000_000)
    limits = {kind: int(UNDONE_S * 1000) - 1 for kind in Work}
    Metrics(Waiting(), lambda: now, limits).log_ages()
    _serve_failures()


def _serve_failures() -> None:
    """Log a failure for each class, and a damaged row."""
    registry = Registry()
    for name, kind in (("a", "unsafe_state"), ("b", "rollout"), ("c", "temporary")):
        registry.report(ref=name)
        found = registry.leases.claim(Work.SOW, Claimant("worker", name), registry.now_ms)
        if isinstance(found, Environment):
            failure = Failure(kind, "no", registry.now_ms)
            registry.leases.failed(name, registry.fence(found), failure)
    registry.store.put({"name": "odd", "work": Work.REAP, "due": 1, "generation": 1})
    registry.leases.claim(Work.REAP, Claimant("worker", "odd"), registry.now_ms)


def _gateway() -> None:
    """Answer two health checks of one minute."""
    check = HealthRoute(lambda: Millis(1_000_000_000))
    for _ in range(2):
        asyncio.run(check.answer(Request({"type": "http"})))


def _work(kind: Work) -> None:
    """Run a pass with one run that fails, and one whose build fails, and a pass that fails."""

    def fail(claim: Claim, _state: StateOfRun, _progress: Progress) -> MadeStack:
        if claim.name == "broken":
            raise RolloutFailed("exit code 1")
        raise TerraformFailed("no")

    queue = FakeQueue()
    queue.work.extend([a_claim("app-test"), a_claim("broken")])
    runner = Runner(
        queue=queue,
        states=FakeStates(),
        owners=FakeOwners(),
        guard=_nothing,
        do=fail,
        renew_s=60.0,
        before=_nothing,
    )
    pool = WorkerPool(
        kind,
        runner,
        WorkerLimits(1),
        threading.Event(),
        lambda: 0.0,
        lambda _: lambda _: None,
        lambda _: None,
    )
    pool.once()
    queue.work.append(Temporary("serve does not answer"))
    with suppress(Temporary):
        pool.once()


def _chitragupta() -> None:
    policy = DnsPolicy(
        domain="dev.example.com",
        ttl=10,
        components=frozenset({"tyk"}),
        delete_percent=30,
        delete_free=10,
    )
    Chitragupta(
        wanted=FakeEnvironments({}), tasks=FakeTasks([]), zone=FakeZone(), policy=policy
    ).run(lambda _: None)
    _failing_watch(policy)


def _failing_watch(policy: DnsPolicy) -> None:
    """Let a watch fail twice, and end it."""
    failing = FakeEnvironments(failures=[Temporary("one"), Temporary("two")])
    keeper = Chitragupta(wanted=failing, tasks=FakeTasks([]), zone=FakeZone(), policy=policy)
    stop = threading.Event()
    keeper.watch(
        FakeFeed(stop, []),
        lambda: None,
        stop,
        WatchIntervals(
            backstop_s=60.0,
            rest=lambda _: stop.set() if not failing.failures else None,
            monotonic=lambda: 0.0,
        ),
    )


def _pki() -> None:
    """Create a CA and one certificate."""
    serials = itertools.count(random.randrange(1, 1 << 64))
    with tempfile.TemporaryDirectory() as folder:
        pki = Pki(
            PkiFiles(Path(folder, "pki")),
            PkiInputs(lambda: datetime(2026, 3, 1, tzinfo=UTC), lambda: next(serials), new_key),
        )
        pki.init("test", 365)
        pki.ensure([LeafRequest(name="worker", kind=Role.WORKER, days=30)])


def _doctor() -> None:
    """Log the check of one quota that is nearly used up."""
    headroom = QuotaHeadroom(
        quota=Quota.VCPU, limit=6.0, used=5.5, per_environment=1.0, environments=5, from_aws=True
    )
    finding = Finding(
        check=Check.QUOTA, state=FindingStatus.OK, observed="nearly full", headroom=headroom
    )
    Doctor([DoctorCheck(check=Check.QUOTA, run=lambda: [finding])], lambda _: None).run_checks()


def _doctor_environments() -> None:
    """Compare a table that has one row which cannot be read."""
    inventory = InstallationInventory(
        now_ms=0,
        components=frozenset(),
        public=frozenset(),
        owner=None,
        rows={},
        unreadable=frozenset({"app-test"}),
    )
    EnvironmentDoctor(lambda _: inventory)((), lambda _: None)


PARTS: Mapping[str, Callable[[], None]] = {
    "serve": _serve,
    "gateway": _gateway,
    "sow": lambda: _work(Work.SOW),
    "reap": lambda: _work(Work.REAP),
    "chitragupta": _chitragupta,
    "pki": _pki,
    "doctor": _doctor,
    "doctor-environments": _doctor_environments,
}

if __name__ == "__main__":
    log.configure_logging("info", "json")
    PARTS[sys.argv[1]]()
