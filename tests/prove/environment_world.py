"""An installation in memory: serve's services, workers, and all that they and others have made."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gromit.core.discrepancies.facts import InstallationInventory
from gromit.core.discrepancies.finding import find_discrepancies
from gromit.core.discrepancies.kinds import Discrepancy
from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.tasks import PublicTask
from gromit.core.environments.claims import Claim, Claimant, ClaimStatus, Fence, NoWork
from gromit.core.environments.failures import Failure
from gromit.core.environments.phases import Want, Work
from gromit.core.environments.run_progress import RunProgress
from gromit.core.environments.terraform_locks import Lock
from gromit.core.environments.worker_protocol import Problem
from gromit.core.stack.contract import (
    AppliedStack,
    StackInput,
    StateHead,
    StateMark,
    placeholder_platform,
)
from gromit.core.stack.made import MadeStack
from gromit.core.stack.resources import Resource, ResourceKey, ResourceKind
from gromit.errors import Suspended
from gromit.ports import Progress
from gromit.services.chitragupta import Chitragupta, DnsPolicy
from gromit.services.clearing import Clearer, ClearPolicy
from gromit.services.image_keeping import ImageKeeper
from gromit.services.inventory import InventorySources, InventoryTaker
from gromit.services.leases import NoWorkAvailable
from gromit.services.reaping import Reaper
from gromit.services.repairs import Repairer, RepairResult
from gromit.services.run_states import StateOfRun
from gromit.services.runs import Runner
from tests.fakes.config_root import FakeConfigRoot
from tests.fakes.dns import FakeEnvironments, FakeTasks, FakeZone
from tests.fakes.hook_tasks import no_hooks
from tests.fakes.inventory import FakeClusters, FakeExpiries, FakeListing, FakeRows
from tests.fakes.owners import FakeOwners
from tests.fakes.platform import PLATFORM, FakePlatform
from tests.fakes.resources import FakeEnvironmentResources
from tests.fakes.states import FakeStates
from tests.services.registry import CATALOGUE, GRACE_MS, Registry

DOMAIN = "dev.example.com"
COMPONENTS = tuple(sorted(CATALOGUE.components))
PUBLIC = frozenset(c.name for c in CATALOGUE.components.values() if c.public)
START_MS = 1_800_000_000_000
_KINDS = (ResourceKind.GROUP, ResourceKind.DISCOVERY, ResourceKind.DEFINITION)


@dataclass
class EnvironmentWorld:
    """Everything of one installation, and what others have in the same account."""

    registry: Registry = field(default_factory=lambda: Registry(now_ms=START_MS))
    states: FakeStates = field(default_factory=FakeStates)
    resources: FakeEnvironmentResources = field(default_factory=FakeEnvironmentResources)
    zone: FakeZone = field(default_factory=FakeZone)
    root: FakeConfigRoot = field(default_factory=FakeConfigRoot)
    owners: FakeOwners = field(default_factory=FakeOwners)
    serials: int = 0

    def __post_init__(self) -> None:
        self.rows = FakeRows(self.registry)
        self.clusters = FakeClusters(self.resources)
        self.listing = FakeListing(self.resources)
        self.expiries = FakeExpiries(self.registry.images)
        self.clear = Clearer(
            self.resources, ClearPolicy(60.0, 5.0, lambda: 0.0, lambda _seconds: False)
        )
        for repository in CATALOGUE.repositories:
            self.registry.images.push(repository, CATALOGUE.default_tag(repository))

    # ── life ──

    def report(self, name: str, version: str | None = None) -> None:
        """Report a build, whose image exists."""
        version = version or f"sha-{name}"
        self.registry.images.push("tyk", version)
        self.registry.report("tyk", version, name)

    def run_pass(self, kind: Work) -> None:
        """Run one pass of sow or reap."""
        queue = _Queue(self.registry, kind)
        runner = Runner(
            queue=queue,
            states=self.states,
            owners=self.owners,
            guard=self.root.check,
            do=self._sow if kind is Work.SOW else self._reaper(),
            renew_s=60.0,
            before=lambda _claim, _step: None,
        )
        while isinstance(claim := queue.claim(kind), Claim):
            runner.run(claim, _silent)

    def publish(self) -> None:
        """Run one pass of chitragupta, without its limits."""
        self._chitragupta().run(_silent, force=True)

    def pass_time(self) -> None:
        """Let all grace periods end, and all workers run."""
        for _ in range(2):
            self.registry.now_ms += 2 * GRACE_MS
            self.run_pass(Work.SOW)
            self.run_pass(Work.REAP)
            self.publish()

    # ── the doctor ──

    def look(self) -> InstallationInventory:
        """Take an inventory."""
        return InventoryTaker(self.sources())(_silent)

    def sources(self) -> InventorySources:
        """Return what an inventory is taken of."""
        return InventorySources(
            rows=self.rows,
            states=self.states,
            archive=self.states,
            owners=self.owners,
            clusters=self.clusters,
            resources=self.listing,
            platform=FakePlatform(),
            zone=self.zone,
            folders=self.root,
            images=self.expiries,
            marks=self.registry.images,
            catalogue=CATALOGUE,
            owner=NameOwner(DOMAIN),
            now_ms=lambda: self.registry.now_ms,
        )

    def find(self) -> Sequence[Discrepancy]:
        """Find all discrepancies."""
        return find_discrepancies(self.look())

    def repair(self, found: Sequence[Discrepancy]) -> Sequence[RepairResult]:
        """Repair what can be repaired."""
        return list(self.repairer().run(found, _silent))

    def repairer(self, limit: int = 100, *, parts: bool = True) -> Repairer:
        """Return a repairer; without its optional `parts`, it has no zone and no config root."""
        return Repairer(
            rows=self.rows,
            states=self.states,
            archive=self.states,
            owners=self.owners,
            clear=self.clear,
            platform=FakePlatform(),
            folders=self.root if parts else None,
            retire_records=self._chitragupta().retire if parts else None,
            guard=self.root.check,
            marks=self.registry.images,
            repositories=CATALOGUE.repositories,
            limit=limit,
        )

    # ── resources ──

    def make(self, name: str, components: Sequence[str] = COMPONENTS) -> None:
        """Create what the stack makes, and a state that contains it."""
        existing = self.resources.existing.setdefault(name, [])
        if not any(r.kind is ResourceKind.CLUSTER for r in existing):
            existing.append(Resource(kind=ResourceKind.CLUSTER, id=name))
            existing.append(Resource(kind=ResourceKind.LOG_GROUP, id=f"/gromit/{name}"))
        for component in components:
            for kind in _KINDS:
                one = resource(kind, name, component)
                if one not in existing:
                    existing.append(one)
        self.clusters.counts[name] = (len(components), len(components))
        self.save(name)

    def save(self, name: str) -> None:
        """Write a state that contains everything that exists."""
        before = self.states.heads.get(name)
        lineage = before.mark.lineage if before else f"lineage-{self.serials}"
        self.serials += 1
        held: dict[str, ResourceKey] = {
            str(one): one.key for one in self.resources.existing.get(name, []) if one.is_ours
        }
        owners = frozenset({name}) if held else frozenset[str]()
        mark = StateMark(lineage, self.serials)
        self.states.heads[name] = StateHead(len(held), mark, owners, held)

    def _sow(self, claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        del progress
        state.check()
        self.make(claim.name)
        self.root.render(claim.name, {component: {"app.conf": ""} for component in COMPONENTS})
        return MadeStack(f"hash-{claim.generation}")

    def _reaper(self) -> Reaper:
        return Reaper(
            retire_records=self._chitragupta().retire,
            platform=FakePlatform(),
            placeholder=placeholder_platform(PLATFORM.region),
            root=self.root,
            terraform=_Terraform(self),
            clear=self.clear,
            hooks=no_hooks(self.clear),
            states=self.states,
            keeper=ImageKeeper(self.registry.images),
            repositories=CATALOGUE.repositories,
        )

    def _chitragupta(self) -> Chitragupta:
        rows = self.rows.listing()
        wanted: dict[str, bool | None] = {row.name: row.is_desired for row in rows.rows}
        running = [
            PublicTask(name, component, f"203.0.113.{number}")
            for name, (_services, tasks) in self.clusters.counts.items()
            if tasks and self.clusters.clusters([name])
            for number, component in enumerate(sorted(PUBLIC))
        ]
        return Chitragupta(
            wanted=FakeEnvironments({**wanted, **dict.fromkeys(rows.unreadable)}),
            tasks=FakeTasks(running),
            zone=self.zone,
            policy=DnsPolicy(
                domain=DOMAIN, ttl=10, components=PUBLIC, delete_percent=30, delete_free=5
            ),
        )


def resource(kind: ResourceKind, name: str, component: str) -> Resource:
    """Return a resource of a component, as the stack makes it."""
    id_ = f"{kind.name.lower()}-{name}-{component}"
    if kind is ResourceKind.DEFINITION:
        id_ = f"arn:aws:ecs:eu-central-1:123456789012:task-definition/{name}--{component}:1"
    return Resource(kind=kind, id=id_, component=component)


@dataclass
class _Terraform:
    """The port `TerraformRunner`, for destroys only."""

    world: EnvironmentWorld

    def apply(
        self,
        stack: StackInput,
        lock: Lock,
        progress: Progress,
        imports: object,
        *,
        refresh: bool = True,
    ) -> AppliedStack:
        raise NotImplementedError

    def destroy(self, stack: StackInput, lock: Lock, progress: Progress) -> None:
        del lock, progress
        name, states = stack.name, self.world.states
        held = set(states.heads[name].held.values())
        existing = self.world.resources.existing.get(name, [])
        existing[:] = [one for one in existing if one.key not in held]
        mark = states.heads[name].mark
        states.heads[name] = StateHead(0, replace(mark, serial=mark.serial + 1))


@dataclass
class _Queue:
    """The port `WorkQueue`, on the services of serve."""

    registry: Registry
    kind: Work
    claims: int = 0

    def claim(self, kind: Work) -> Claim | NoWork:
        self.claims += 1
        registry, nonce = self.registry, f"nonce-{kind}-{self.registry.now_ms}-{self.claims}"
        claimant = Claimant(holder="worker", nonce=nonce, task=None)
        found = registry.leases.claim(kind, claimant, registry.now_ms)
        if isinstance(found, NoWorkAvailable) or found.lease is None:
            return NoWork(None)
        return Claim(
            name=found.name,
            kind=kind,
            holder="worker",
            nonce=nonce,
            epoch=found.epoch,
            generation=found.lease.claimed,
            want=found.want,
            versions={},
            redeploys={},
            spec_hash=found.trusted_hash,
            state=found.state,
        )

    def report_halt(self, kind: Work, halt: Suspended) -> None:
        raise NotImplementedError

    def renew(self, claim: Claim, progress: RunProgress | None = None) -> ClaimStatus:
        now_ms = self.registry.now_ms
        found = self.registry.leases.renew(claim.name, _fence(claim), now_ms, progress)
        return ClaimStatus(found.generation, found.want)

    def forget_state(self, claim: Claim) -> None:
        now_ms = self.registry.now_ms
        self.registry.leases.forget_state(claim.name, _fence(claim), now_ms)

    def record_hooks(self, claim: Claim, components: Sequence[str]) -> None:
        now_ms = self.registry.now_ms
        self.registry.leases.record_hooks(claim.name, _fence(claim), components, now_ms)

    def release(self, claim: Claim) -> None:
        self.registry.leases.release(claim.name, _fence(claim))

    def done(self, claim: Claim, made: MadeStack, state: StateMark | None = None) -> None:
        stamp = replace(self.registry.stamp("worker"), state=state)
        leases = self.registry.leases
        if claim.want is Want.UP:
            leases.sown(claim.name, _fence(claim), claim.nonce, made, stamp)
        else:
            leases.reaped(claim.name, _fence(claim), claim.nonce, stamp)

    def failed(self, claim: Claim, problem: Problem, state: StateMark | None = None) -> None:
        failure = Failure(problem.kind, problem.message, self.registry.now_ms)
        self.registry.leases.failed(claim.name, _fence(claim), failure, state)


def _fence(claim: Claim) -> Fence:
    return Fence(claim.holder, claim.epoch)


def _silent(_line: str) -> None:
    """Show no progress."""
