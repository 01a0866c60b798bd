"""sow, reap and chitragupta with all calls counted: those of AWS, of serve, and of its table.

Adapters, services, routes and clients are the real ones, and AWS is the emulator in this process.
Only Terraform is simulated: it makes what the counted calls see, and its own calls do not count.
"""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from gromit.adapters.aws.ecr import EcrImages
from gromit.adapters.aws.ecs_clusters import EcsClusters
from gromit.adapters.aws.ecs_services import EcsServices
from gromit.adapters.aws.ecs_tasks import EcsTasks
from gromit.adapters.aws.environment_resources import ResourceClients
from gromit.adapters.aws.image_marks import EcrImageMarks
from gromit.adapters.aws.manifests import ManifestMemory
from gromit.adapters.aws.platform_parameter import PlatformParameter
from gromit.adapters.aws.resource_removal import AwsEnvironmentResources
from gromit.adapters.aws.route53 import CLIENT, Route53Zone
from gromit.adapters.aws.state_bucket import S3StateBucket
from gromit.bootstrap.serve import ServeParts, api_deps
from gromit.config.load import load_settings
from gromit.core.environments.phases import Work
from gromit.core.environments.row_writes import Row, RowWrite, WriteResult
from gromit.core.environments.terraform_locks import Lock
from gromit.core.environments.turns import DueRows
from gromit.core.security.roles import Role
from gromit.core.stack.contract import AppliedStack, StackInput
from gromit.core.stack.terraform import state_key
from gromit.core.time import Millis
from gromit.ports import LifeEntry, Progress, RowPage
from gromit.services.adopting import Adopter
from gromit.services.chitragupta import Chitragupta, DnsPolicy
from gromit.services.clearing import Clearer, ClearPolicy
from gromit.services.full_checks import CheckPolicy
from gromit.services.image_keeping import ImageKeeper
from gromit.services.observing import Observer
from gromit.services.pass_memory import PassMemory
from gromit.services.public_records import PublicRecords
from gromit.services.reaping import Reaper
from gromit.services.runs import Runner, WorkFunction
from gromit.services.sowing import SettlePolicy, Sower
from gromit.services.workers import WorkerLimits, WorkerPool
from gromit.web.api.app import build_app
from gromit.web.api.changes import ChangeHub
from gromit.web.clients.connections import ClientRequest
from gromit.web.clients.environments import ServeEnvironments, ServeObservations
from gromit.web.clients.worker_queue import ServeQueue
from tests.aws_laws.fleet import Fleet
from tests.aws_laws.laws import REGION, Laws, governed
from tests.contracts.ecr_images import push
from tests.contracts.terraform.cloud import BUCKET, make_platform
from tests.fakes.config_root import FakeConfigRoot
from tests.fakes.hook_tasks import no_hooks
from tests.fakes.owners import FakeOwners
from tests.fakes.platform import PLATFORM
from tests.fakes.run_output import FakeRunOutput
from tests.fakes.running_containers import FakeRunningContainers
from tests.fakes.secrets import FakeSecrets
from tests.fakes.store import MemoryStore
from tests.fakes.task_output import FakeTaskOutput
from tests.prove.installation import DOMAIN, GRACE_MS, SETTINGS, START_MS, VARIABLES
from tests.prove.loopless_http import InProcess, caller_from_header, client
from tests.services.registry import CATALOGUE

PARAMETER = "/gromit/platform"
Calls = Mapping[str, int]
_ROOMY = load_settings({**VARIABLES, "GROMIT_ENVIRONMENTS_PER_REPOSITORY": "1000"}).settings
"""Settings with more environments of one repository than usual, which a bench builds."""


class CountedTable(MemoryStore):
    """A table that counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def read(self, name: str) -> Row | None:
        """Count a read, unless a write makes it."""
        if not self._writing.locked():
            self.calls["table.read"] += 1
        return super().read(name)

    def write(self, name: str, write: RowWrite) -> WriteResult:
        """Count a write."""
        self.calls["table.write"] += 1
        return super().write(name, write)

    def due(self, kind: str, now_ms: int, limit: int, claim_id: str | None = None) -> DueRows:
        """Count a query."""
        self.calls["table.due"] += 1
        return super().due(kind, now_ms, limit, claim_id)

    def lives(self, life: str, from_ms: int, until_ms: int, limit: int) -> tuple[LifeEntry, ...]:
        """Count a query."""
        self.calls["table.lives"] += 1
        return super().lives(life, from_ms, until_ms, limit)

    def page(
        self, after: str | None, limit: int, attributes: Sequence[str] | None = None
    ) -> RowPage:
        """Count a scan."""
        self.calls["table.page"] += 1
        return super().page(after, limit, attributes)


class CountedServe(InProcess):
    """serve in this process, with its requests counted."""

    calls: Counter[str]

    def send(self, role: Role, request: ClientRequest) -> httpx2.Response:
        """Count a request by its method and the last part of its path, without a name."""
        path = request.path.partition("?")[0].removeprefix("/v1/")
        part, _, action = path.partition("/")
        self.calls[f"serve.{request.method} {action.rpartition('/')[2] or part}"] += 1
        return super().send(role, request)


@dataclass
class WorkerWorld:
    """An installation in which all calls of workers are counted."""

    laws: Laws
    now_ms: int = START_MS
    store: CountedTable = field(default_factory=CountedTable)
    root: FakeConfigRoot = field(default_factory=FakeConfigRoot)
    refreshed: list[bool] = field(default_factory=list)
    """Whether each apply compared everything with AWS."""
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.laws.buckets = {}  # the counts are exact, whatever the rates are
        free = self.laws.free
        self.platform = make_platform(free)
        text = json.dumps({**_plain(self.platform), "installation": ""})
        free("ssm").put_parameter(Name=PARAMETER, Value=text, Type="String")
        free("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        zone = free("route53").create_hosted_zone(Name=DOMAIN, CallerReference="x")
        self.zone_id: str = zone["HostedZone"]["Id"]
        self.fleet = Fleet(free)
        self.terraform = EmulatedTerraform(self)
        for component in CATALOGUE.components.values():
            if component.repository:
                self.push(component.repository, component.default_tag)
        parts = ServeParts(
            self.store,
            EcrImages(free("ecr")),
            CATALOGUE,
            ChangeHub(),
            FakeTaskOutput(),
            FakeRunOutput(),
            FakeRunningContainers(),
        )
        deps = replace(
            api_deps(_ROOMY, parts),
            identify=caller_from_header,
            now_ms=lambda: Millis(self.now_ms),
        )
        self.serve = CountedServe(build_app(deps))
        self.serve.calls = self.store.calls
        self.worker = client(self.serve, Role.WORKER)
        self._gateway = client(self.serve, Role.GATEWAY)
        self._operator = client(self.serve, Role.OPERATOR)

    # ── clients ──

    def publish_neighbours(self, count: int) -> None:
        """Put names of others into the zone."""
        changes = [
            {
                "Action": "CREATE",
                "ResourceRecordSet": {
                    "Name": f"www.n{number}.{DOMAIN}",
                    "Type": "A",
                    "TTL": 60,
                    "ResourceRecords": [{"Value": "192.0.2.1"}],
                },
            }
            for number in range(count)
        ]
        self.laws.free("route53").change_resource_record_sets(
            HostedZoneId=self.zone_id, ChangeBatch={"Changes": changes}
        )

    def push(self, repository: str, tag: str) -> None:
        """Push an image."""
        push(self.laws.free("ecr"), repository, tag, f"{repository}:{tag}")

    def build(self, repository: str, *names: str) -> None:
        """Push an image for each environment, and report the builds."""
        for name in names:
            sha = f"sha-{next(self._numbers)}"
            self.push(repository, sha)
            body = {"repo": repository, "ref": f"refs/heads/{name}", "sha": sha}
            self._gateway.post("/newbuild", body)

    def report_again(self, name: str) -> None:
        """Ask for the versions that run already."""
        found = self._operator.get(f"/v1/environments/{name}")
        versions = {r: v["version"] for r, v in found["versions"].items()}
        self._operator.call("PATCH", f"/env/{name}", versions)

    def delete(self, *names: str) -> None:
        """Delete environments, and let the grace period pass."""
        for name in names:
            self._operator.call("DELETE", f"/env/{name}")
        self.now_ms += 2 * GRACE_MS

    # ── counted passes ──

    def sow(self) -> Calls:
        """Return the calls of one pass of sow."""
        return self._counted(lambda: self._pool(Work.SOW).once())

    def reap(self) -> Calls:
        """Return the calls of one pass of reap."""
        return self._counted(lambda: self._pool(Work.REAP).once())

    def publish(self) -> Calls:
        """Return the calls of one pass of chitragupta."""
        return self._counted(lambda: self._chitragupta().run(_silent))

    def _counted(self, work: Callable[[], object]) -> Calls:
        self.store.calls.clear()
        self.laws.calls.clear()
        self.now_ms += 1000
        work()
        return {**self.laws.calls, **self.store.calls}

    # ── parts ──

    def _pool(self, kind: Work) -> WorkerPool:
        self.memory = PassMemory(
            PlatformParameter(self.laws.client("ssm"), PARAMETER), FakeSecrets(), self._monotonic
        )
        states = self._states()
        runner = Runner(
            queue=ServeQueue(self.worker, f"worker-{next(self._numbers)}"),
            states=states,
            owners=FakeOwners(),
            guard=self.root.check,
            do=self._sower(states) if kind is Work.SOW else self._reaper(states),
            renew_s=3600.0,
            before=lambda _claim, _step: None,
            progress_s=3600.0,  # renewals for progress depend on real time
        )
        pool = WorkerPool(
            kind,
            runner,
            WorkerLimits(1),
            threading.Event(),
            self._monotonic,
            lambda _name: _silent,
            lambda _result: None,
        )
        pool.forget = self.memory.forget
        return pool

    def _states(self) -> S3StateBucket:
        return S3StateBucket(
            client=self.laws.client("s3"),
            bucket=BUCKET,
            who="worker@test",
            now=lambda: datetime.now(UTC),
            new_id=lambda: str(uuid4()),
        )

    def _sower(self, states: S3StateBucket) -> WorkFunction:
        ecr, manifests, clear = self.laws.client("ecr"), ManifestMemory(), self._clearer()
        return Sower(
            catalogue=CATALOGUE,
            domain=DOMAIN,
            fingerprint="stack-1",
            platform=self.memory,
            images=EcrImages(ecr, None, manifests),
            keeper=ImageKeeper(EcrImageMarks(ecr, None, manifests)),
            secrets=self.memory,
            root=self.root,
            terraform=self.terraform,
            services=EcsServices(self.laws.client("ecs")),
            adopt=Adopter(states, clear),
            hooks=no_hooks(clear),
            records=PublicRecords(self._chitragupta()),
            policy=SettlePolicy(600.0, 5.0, self._monotonic, lambda _s: False),
            checks=CheckPolicy(SETTINGS.sow.refresh.total_seconds(), self._monotonic),
        )

    def _reaper(self, states: S3StateBucket) -> WorkFunction:
        clear = self._clearer()
        return Reaper(
            retire_records=self._chitragupta().retire,
            platform=self.memory,
            placeholder=PLATFORM,
            root=self.root,
            terraform=self.terraform,
            clear=clear,
            hooks=no_hooks(clear),
            states=states,
            keeper=ImageKeeper(EcrImageMarks(self.laws.client("ecr"))),
            repositories=CATALOGUE.deployed,
        )

    def _clearer(self) -> Clearer:
        counted = self.laws.client
        clients = ResourceClients(
            ecs=counted("ecs"),
            ec2=counted("ec2"),
            efs=counted("efs"),
            logs=counted("logs"),
            discovery=counted("servicediscovery"),
        )
        policy = ClearPolicy(60.0, 5.0, self._monotonic, lambda _s: False)
        return Clearer(AwsEnvironmentResources(clients), policy)

    def _chitragupta(self) -> Chitragupta:
        public = frozenset(c.name for c in CATALOGUE.components.values() if c.public)
        policy = DnsPolicy(
            domain=DOMAIN, ttl=10, components=public, delete_percent=30, delete_free=10
        )
        ecs = self.laws.client("ecs")
        zone = Route53Zone(
            self.laws.client("route53", CLIENT), self.zone_id, DOMAIN, self.laws.clock
        )
        return Chitragupta(
            wanted=ServeEnvironments(self.worker),
            tasks=EcsTasks(self.laws.client("ec2"), ecs, CATALOGUE.public),
            zone=zone,
            observer=Observer(
                clusters=EcsClusters(ecs),
                services=EcsServices(ecs),
                sink=ServeObservations(self.worker),
                owner=policy.owner,
            ),
            policy=policy,
        )

    def _monotonic(self) -> float:
        return self.now_ms / 1000


@dataclass
class EmulatedTerraform:
    """The port `TerraformRunner`: services that run at once, and a state with them."""

    world: WorkerWorld
    _inputs: dict[str, StackInput] = field(default_factory=dict)
    _definitions: dict[str, str] = field(default_factory=dict)

    def apply(
        self,
        stack: StackInput,
        lock: Lock,
        progress: Progress,
        imports: Mapping[str, str],
        *,
        refresh: bool = True,
    ) -> AppliedStack:
        """Let a changed component run another task, at another address if it is public."""
        del lock, progress, imports
        self.world.refreshed.append(refresh)
        before = self._inputs.get(stack.name)
        known = before.components if before else {}
        changed = {c for c, wanted in stack.components.items() if known.get(c) != wanted}
        for component in sorted(changed):
            self._replace(stack.name, component, is_public=stack.components[component].public)
        self._inputs[stack.name] = stack
        self._save(stack.name)
        arns = {c: self._definitions[f"{stack.name} {c}"] for c in stack.components}
        return AppliedStack(arns, "terraform 1.11.4", frozenset(changed))

    def destroy(self, stack: StackInput, lock: Lock, progress: Progress) -> None:
        """Remove the services and the cluster."""
        del lock, progress
        self.world.fleet.stop(stack.name)
        ecs = self.world.laws.free("ecs")
        for component in self._inputs.pop(stack.name).components:
            ecs.delete_service(cluster=stack.name, service=component, force=True)
        ecs.delete_cluster(cluster=stack.name)
        self._save(stack.name)

    def _replace(self, name: str, component: str, *, is_public: bool) -> None:
        ecs, fleet = self.world.laws.free("ecs"), self.world.fleet
        backend = get_backend("ecs")[DEFAULT_ACCOUNT_ID][REGION]
        for task in list(backend.tasks.get(name, {}).values()):
            if task.group == f"service:{component}":
                ecs.stop_task(cluster=name, task=task.task_arn)
        fleet.run(name, component, public=is_public)
        for task in backend.tasks[name].values():
            if task.desired_status != "STOPPED":
                task.last_status = task.desired_status = "RUNNING"
        definition = f"{fleet.definition}{len(self._definitions)}-{self.world.now_ms}"
        service = backend.services[f"{name}:{component}"]
        service.task_definition, service.desired_count = definition, 1
        service.running_count, service.pending_count = 1, 0
        service.deployments = [
            {
                **service.deployments[0],
                "taskDefinition": definition,
                "runningCount": 1,
                "rolloutState": "COMPLETED",
            }
        ]
        self._definitions[f"{name} {component}"] = definition

    def _save(self, name: str) -> None:
        stack = self._inputs.get(name)
        components = sorted(stack.components) if stack else ()
        found = [("aws_ecs_service", {"cluster": name, "name": c}) for c in components]
        if stack:
            found.append(("aws_ecs_cluster", {"name": name}))
        state = {
            "version": 4,
            "serial": self.world.now_ms,
            "lineage": name,
            "resources": [_resource(type_, {**a, "tags": {"env": name}}) for type_, a in found],
        }
        self.world.laws.free("s3").put_object(
            Bucket=BUCKET, Key=state_key(name), Body=json.dumps(state).encode()
        )


def _resource(type_: str, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(attributes["name"])
    return {
        "mode": "managed",
        "type": type_,
        "name": "this",
        "instances": [{"index_key": name, "attributes": attributes}],
    }


@contextmanager
def worker_world() -> Iterator[WorkerWorld]:
    """Yield an installation on an empty emulator."""
    with governed() as laws:
        world = WorkerWorld(laws)
        try:
            yield world
        finally:
            world.serve.close()


def _plain(platform: Any) -> dict[str, Any]:
    return {name: getattr(platform, name) for name in platform.__dataclass_fields__}


def _silent(_line: str) -> None:
    """Show no progress."""
