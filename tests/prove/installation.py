"""A whole installation on a virtual clock: serve, sow, reap and chitragupta, in one process.

The routes, clients, workers and services are the real ones. Only the table and what runs in AWS are
simulated.
"""

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

from gromit.bootstrap.machine import to_ms
from gromit.bootstrap.serve import ServeParts, api_deps
from gromit.config.load import load_settings
from gromit.core.discrepancies.finding import find_discrepancies
from gromit.core.dns.ownership import NameOwner
from gromit.core.environments.phases import Work
from gromit.core.security.roles import Role
from gromit.core.stack.hooks import Hook, HookKind
from gromit.core.time import Millis
from gromit.errors import GromitError
from gromit.ports import WorkQueue
from gromit.services.adopting import Adopter
from gromit.services.chitragupta import Chitragupta, DnsPolicy
from gromit.services.clearing import Clearer, ClearPolicy
from gromit.services.full_checks import CheckPolicy
from gromit.services.hooks import HookPolicy, HookRunner
from gromit.services.image_keeping import ImageKeeper
from gromit.services.inventory import InventorySources, InventoryTaker
from gromit.services.observing import Observer
from gromit.services.public_records import PublicRecords
from gromit.services.reaping import Reaper
from gromit.services.repairs import Repairer, RepairResult
from gromit.services.runs import Runner, WorkFunction
from gromit.services.sowing import SettlePolicy, Sower
from gromit.services.workers import RunResult, WorkerLimits, WorkerPool
from gromit.web.api.admission import ApiDeps
from gromit.web.api.app import build_app
from gromit.web.api.changes import ChangeHub
from gromit.web.clients.environments import ServeEnvironments, ServeObservations
from gromit.web.clients.row_directory import ServeRows
from gromit.web.clients.serve import ServeClient
from gromit.web.clients.worker_queue import ServeQueue
from tests.fakes.config_root import FakeConfigRoot
from tests.fakes.dns import FakeZone
from tests.fakes.images import FakeImages
from tests.fakes.inventory import FakeExpiries
from tests.fakes.owners import FakeOwners, owner
from tests.fakes.platform import PLATFORM, FakePlatform
from tests.fakes.run_output import FakeRunOutput
from tests.fakes.running_containers import FakeRunningContainers
from tests.fakes.secrets import FakeSecrets
from tests.fakes.states import FakeStates
from tests.fakes.store import MemoryStore
from tests.fakes.task_output import FakeTaskOutput
from tests.prove.faults import Faults, ProcessKilled
from tests.prove.loopless_http import InProcess, caller_from_header, client
from tests.prove.simulated_cloud import SimulatedCloud
from tests.prove.simulated_hooks import SimulatedHooks
from tests.prove.simulated_terraform import SimulatedTerraform
from tests.services import registry

CATALOGUE = replace(
    registry.CATALOGUE,
    components={
        **registry.CATALOGUE.components,
        "tyk": replace(
            registry.CATALOGUE.components["tyk"],
            hooks={kind: Hook(command=(kind.value,)) for kind in HookKind},
        ),
    },
)
"""The hooks create and remove the data of an environment."""
DOMAIN = "dev.example.com"
START_MS = 1_800_000_000_000
VARIABLES = {
    "HOME": "/nonexistent",
    "GROMIT_CLUSTER_DOMAIN": DOMAIN,
    "GROMIT_LIFETIME_IDLE": "5d",
    "GROMIT_REAP_GRACE": "1h",
}
SETTINGS = load_settings(VARIABLES).settings
GRACE_MS = to_ms(SETTINGS.reap.grace)


@dataclass
class Installation:
    """All parts of gromit, and the world that they work on."""

    faults: Faults = field(default_factory=Faults)
    now_ms: int = START_MS
    store: MemoryStore = field(default_factory=MemoryStore)
    states: FakeStates = field(default_factory=FakeStates)
    root: FakeConfigRoot = field(default_factory=FakeConfigRoot)
    zone: FakeZone = field(default_factory=FakeZone)
    name: str = ""
    """Name of the installation."""
    neighbour: "Installation | None" = None
    """Another installation in the same account and zone."""
    results: list[RunResult] = field(default_factory=list)
    """Results of all runs that ended."""
    repairs: list[RepairResult] = field(default_factory=list)
    """Repairs of the doctor."""
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.owners_dead = FakeOwners().dead
        self.images = self.make_images()
        self.cloud = self.make_cloud(
            frozenset(c.name for c in CATALOGUE.components.values() if c.public)
        )
        if self.neighbour is not None:
            self.zone = self.neighbour.zone
            self.cloud.share(self.neighbour.cloud)
        self._platform = FakePlatform(replace(PLATFORM, installation=self.name))
        self._owner = NameOwner(DOMAIN, self.name)
        self.hooks = SimulatedHooks(self.cloud, lambda: self.now_ms)
        for component in CATALOGUE.components.values():
            if component.repository:
                self.images.push(component.repository, component.default_tag)
        self._api = self._deps()
        self._serve = InProcess(build_app(self._api))
        self.operator = client(self._serve, Role.OPERATOR)
        self._gateway = client(self._serve, Role.GATEWAY)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the threads."""
        self._serve.close()

    def make_cloud(self, public: frozenset[str]) -> SimulatedCloud:
        """Return the world that all parts work on."""
        return SimulatedCloud(self.states, public=public, installation=self.name)

    def make_images(self) -> FakeImages:
        """Return the registry of images."""
        return FakeImages()

    def record(self, result: RunResult) -> None:
        """Record the result of a run that has just ended."""
        self.results.append(result)

    def public_records(self, worker: ServeClient) -> PublicRecords:
        """Return what sow does with public records."""
        return PublicRecords(self.chitragupta(worker))

    def push(self, repository: str, branch: str, sha: str) -> None:
        """Push the image of a build. The image of its branch stays the first one."""
        self.images.push(repository, sha)
        self.images.push(repository, branch)

    # ── clients ──────────────────────────────────────────────────────────────────────────────────

    def build(self, repository: str, branch: str, sha: str, sequence: int | None = None) -> None:
        """Push an image and report its build, as a workflow does."""
        self.images.now_ms = self.now_ms
        self.push(repository, branch, sha)
        body: dict[str, Any] = {"repo": repository, "ref": f"refs/heads/{branch}", "sha": sha}
        if sequence is not None:
            body["sequence"] = sequence
        self._gateway.post("/newbuild", body)

    def environment(self, name: str) -> Mapping[str, Any] | None:
        """Return an environment as clients see it; None if there is none."""
        row = self.store.read(name)
        if row is None:
            return None
        found: Mapping[str, Any] = self.operator.get(f"/v1/environments/{name}")
        return found

    # ── the passes ───────────────────────────────────────────────────────────────────────────────

    def sow(self) -> None:
        """Do one pass of `gromit sow`. Raises `ProcessKilled` if it dies."""
        self._pass(Work.SOW)

    def reap(self) -> None:
        """Do one pass of `gromit reap`. Raises `ProcessKilled` if it dies."""
        self._pass(Work.REAP)

    def publish(self) -> None:
        """Do one pass of `chitragupta`. Raises `ProcessKilled` if it dies."""
        worker = client(self._serve, Role.WORKER)
        self.chitragupta(worker).run(_silent)

    def doctor(self) -> None:
        """Do one run of `gromit doctor environments --fix`."""
        worker, wrap = client(self._serve, Role.OPERATOR), self.faults.wrap
        owners = self._owners()
        rows = ServeRows(worker)
        look = InventoryTaker(
            InventorySources(
                rows=rows,
                states=self.states,
                archive=self.states,
                owners=owners,
                clusters=self.cloud,
                resources=self.cloud.listing(),
                platform=self._platform,
                zone=self.zone,
                folders=self.root,
                images=FakeExpiries(self.images),
                marks=self.images,
                installation=self.name,
                catalogue=CATALOGUE,
                owner=self._owner,
                now_ms=lambda: self.now_ms,
            )
        )
        repair = Repairer(
            rows=rows,
            states=wrap("states", self.states),
            archive=wrap("archive", self.states),
            owners=owners,
            clear=self._clearer(),
            platform=self._platform,
            folders=wrap("root", self.root),
            retire_records=self.chitragupta(worker).retire,
            guard=self.root.check,
            marks=self.images,
            repositories=CATALOGUE.repositories,
            installation=self.name,
            limit=SETTINGS.reap.limit,
        )
        try:
            found = find_discrepancies(look(_silent))
            self.repairs += repair.run(found, _silent)
        finally:
            self.owners_dead.add(owners.identify())

    def attempt(self, name: str) -> GromitError | ProcessKilled | None:
        """Do a pass by its name; return what ended it early."""
        try:
            getattr(self, name)()
        except (GromitError, ProcessKilled) as error:
            return error
        return None

    def _pass(self, kind: Work) -> None:
        owners = self._owners()
        worker = client(self._serve, Role.WORKER)
        stop = threading.Event()
        queue = self.faults.wrap("serve", ServeQueue(worker, f"worker-{owners.identify().pid}"))
        runner = Runner(
            queue=queue,
            states=self.faults.wrap("states", self.states),
            owners=owners,
            guard=self.root.check,
            do=self._sower(worker, queue) if kind is Work.SOW else self._reaper(worker, queue),
            renew_s=3600.0,
            before=lambda _claim, _step: None,
        )
        limit = SETTINGS.reap.limit if kind is Work.REAP else None
        pool = WorkerPool(
            kind,
            runner,
            WorkerLimits(1, limit),
            stop,
            self._monotonic,
            lambda _name: _silent,
            self.record,
        )
        if kind is Work.REAP:
            pool.upkeep = partial(worker.post, "/v1/lifetimes", {})
        try:
            pool.once()
        except ProcessKilled:
            stop.set()
            raise
        finally:
            # The pass is over: a process that is gone cannot hold a lock any more.
            self.owners_dead.add(owners.identify())

    def _owners(self) -> FakeOwners:
        """Return the view of a new process."""
        owners = FakeOwners(owner(next(self._numbers) + 1))
        owners.dead = self.owners_dead
        return owners

    def _hook_runner(self, queue: WorkQueue) -> HookRunner:
        return HookRunner(
            catalogue=CATALOGUE,
            clear=self._clearer(),
            tasks=self.faults.wrap("hooks", self.hooks),
            queue=queue,
            guard=self.root.check,
            policy=HookPolicy(2.0, self._monotonic, self._pause),
        )

    def _sower(self, worker: ServeClient, queue: WorkQueue) -> WorkFunction:
        wrap = self.faults.wrap
        return Sower(
            catalogue=CATALOGUE,
            domain=DOMAIN,
            fingerprint="stack-1",
            platform=self._platform,
            images=wrap("images", self.images),
            keeper=ImageKeeper(wrap("images", self.images), self.name),
            secrets=FakeSecrets(),
            root=wrap("root", self.root),
            terraform=SimulatedTerraform(self.cloud, self.faults),
            services=wrap("services", self.cloud),
            adopt=Adopter(wrap("states", self.states), self._clearer()),
            hooks=self._hook_runner(queue),
            records=self.public_records(worker),
            policy=SettlePolicy(600.0, 5.0, self._monotonic, self._pause),
            checks=CheckPolicy(SETTINGS.sow.refresh.total_seconds(), self._monotonic),
        )

    def _reaper(self, worker: ServeClient, queue: WorkQueue) -> WorkFunction:
        wrap = self.faults.wrap
        return Reaper(
            retire_records=self.chitragupta(worker).retire,
            platform=self._platform,
            placeholder=PLATFORM,
            root=wrap("root", self.root),
            terraform=SimulatedTerraform(self.cloud, self.faults),
            clear=self._clearer(),
            hooks=self._hook_runner(queue),
            states=wrap("states", self.states),
            keeper=ImageKeeper(wrap("images", self.images), self.name),
            repositories=CATALOGUE.repositories,
        )

    def _clearer(self) -> Clearer:
        resources = self.faults.wrap("resources", self.cloud)
        return Clearer(resources, ClearPolicy(60.0, 5.0, self._monotonic, self._pause))

    def chitragupta(self, worker: ServeClient) -> Chitragupta:
        """Return chitragupta with the faults."""
        return Chitragupta(
            wanted=ServeEnvironments(worker),
            tasks=self.faults.wrap("tasks", self.cloud),
            zone=self.faults.wrap("zone", self.zone),
            observer=Observer(
                clusters=self.faults.wrap("clusters", self.cloud),
                services=self.faults.wrap("services", self.cloud),
                sink=ServeObservations(worker),
                owner=self._owner,
            ),
            policy=DnsPolicy(
                domain=DOMAIN,
                ttl=10,
                components=self.cloud.public,
                delete_percent=30,
                delete_free=10,
                installation=self.name,
            ),
        )

    def _deps(self) -> ApiDeps:
        parts = ServeParts(
            self.faults.wrap("table", self.store),
            self.faults.wrap("registry", self.images),
            CATALOGUE,
            ChangeHub(),
            FakeTaskOutput(),
            FakeRunOutput(),
            FakeRunningContainers(),
        )
        return replace(
            api_deps(SETTINGS, parts),
            identify=caller_from_header,
            now_ms=lambda: Millis(self.now_ms),
        )

    def _monotonic(self) -> float:
        return self.now_ms / 1000

    def _pause(self, seconds: float) -> bool:
        self.let_pass(round(seconds * 1000))
        return False

    def let_pass(self, duration_ms: int) -> None:
        """Let time pass while a worker waits."""
        self.now_ms += duration_ms


def _silent(_line: str) -> None:
    """Show no progress."""
