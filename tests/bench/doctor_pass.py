"""Cost of the doctor of environments by the number of environments."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from gromit.adapters.aws.ecs_clusters import EcsClusters
from gromit.adapters.aws.resource_listing import AwsResourceListing
from gromit.adapters.aws.state_bucket import S3StateBucket
from gromit.core.discrepancies.facts import RowFacts
from gromit.core.dns.ownership import NameOwner
from gromit.core.environments.phases import Phase
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.resources import ResourceKind
from gromit.core.stack.terraform import state_key
from gromit.ports.inventory import RowListing
from gromit.services.environment_doctor import EnvironmentDoctor
from gromit.services.inventory import InventorySources, InventoryTaker
from tests.aws_laws.laws import REGION, governed
from tests.bench.dns_pass import DOMAIN, SERVICES, DnsScene
from tests.bench.law import LINEAR, Curve, Extent, Goal, Law, Measured
from tests.bench.replay import ReplayedCost
from tests.contracts.leftovers import Leftovers, resource_clients
from tests.fakes.images import FakeImages
from tests.fakes.inventory import FakeExpiries
from tests.fakes.owners import FakeOwners
from tests.fakes.platform import PLATFORM, FakePlatform

CLUSTERS = (50, 150, 500)
BUCKET = "states"
_PLACED = {
    ResourceKind.GROUP: ("aws_security_group", "id"),
    ResourceKind.DISCOVERY: ("aws_service_discovery_service", "id"),
    ResourceKind.DEFINITION: ("aws_ecs_task_definition", "arn"),
}
"""Kinds of which each component has one, with their type and identity in a state."""


@dataclass
class _Rows:
    """The port `RowDirectory`: all environments are ready."""

    names: list[str] = field(default_factory=list)

    def listing(self) -> RowListing:
        """Return all rows."""
        return RowListing(tuple(map(_row, self.names)), frozenset())

    def find(self, name: str) -> RowFacts | None:
        """Return one row; None if there is none."""
        return _row(name) if name in self.names else None

    def suspension(self, name: str) -> str | None:
        """Return None: nothing is suspended."""

    def redeploy(self, name: str) -> None:
        """Do nothing: the doctor only looks."""

    retry = reap = redeploy


@cache
def _row(name: str) -> RowFacts:
    return RowFacts(
        name=name,
        phase=Phase.READY,
        protected=False,
        is_scheduled=False,
        lease_until_ms=None,
        versions={},
        built={},
        fingerprint=(name,),
    )


class _Ground:
    """Places of an installation in the emulator, and clients that are made once."""

    def __init__(self, scene: DnsScene) -> None:
        self.client = cache(scene.replay.client)
        vpc = self.client("ec2").create_vpc(CidrBlock="10.91.0.0/16")["Vpc"]["VpcId"]
        discovery = self.client("servicediscovery")
        discovery.create_private_dns_namespace(Name="internal", Vpc=vpc)
        self.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        self.platform = replace(
            PLATFORM,
            vpc_id=vpc,
            namespace_id=discovery.list_namespaces()["Namespaces"][0]["Id"],
            file_system_id=self.client("efs").create_file_system(CreationToken="c")["FileSystemId"],
        )

    def make(self, name: str) -> None:
        """Create what an environment has beside its cluster and its records, and its state."""
        held = [_held("aws_ecs_cluster", "this", "name", name, name)]
        for service in SERVICES:
            made = Leftovers(self, self.platform, name, service)
            for kind, (type_, identity) in _PLACED.items():
                held.append(_held(type_, service, identity, made.make(kind), name))
        group = Leftovers(self, self.platform, name, SERVICES[0]).make(ResourceKind.LOG_GROUP)
        held.append(_held("aws_cloudwatch_log_group", "this", "name", group, name))
        state = {"version": 4, "serial": 1, "lineage": name, "resources": held}
        self.client("s3").put_object(
            Bucket=BUCKET, Key=state_key(name), Body=json.dumps(state).encode()
        )


def _held(type_: str, name: str, identity: str, id_: str, environment: str) -> Mapping[str, Any]:
    tags = {"env": environment, "managed": "gromit"}
    instances = [{"attributes": {identity: id_, "tags": tags}}]
    return {"mode": "managed", "type": type_, "name": name, "instances": instances}


class _DoctorScene:
    """The doctor, and everything that it looks at."""

    def __init__(self, scene: DnsScene) -> None:
        self._scene, self._ground, self._rows = scene, _Ground(scene), _Rows()
        client = self._ground.client
        states = S3StateBucket(
            client=client("s3"),
            bucket=BUCKET,
            who="bench",
            now=lambda: datetime(2026, 1, 31, tzinfo=UTC),
            new_id=lambda: "id",
        )
        images = FakeImages()
        sources = InventorySources(
            rows=self._rows,
            states=states,
            archive=states,
            owners=FakeOwners(),
            clusters=EcsClusters(client("ecs")),
            resources=AwsResourceListing(resource_clients(self._ground)),
            platform=FakePlatform(self._ground.platform),
            zone=scene.keeper.zone,
            folders=None,
            images=FakeExpiries(images),
            marks=images,
            catalogue=Catalogue(
                {s: Component(name=s, image="x:1", port=8080, public=True) for s in SERVICES}
            ),
            owner=NameOwner(DOMAIN),
            now_ms=lambda: 0,
        )
        self._doctor = EnvironmentDoctor(InventoryTaker(sources))

    def grow(self, clusters: int) -> None:
        """Create environments until there are this many."""
        before: Collection[str] = set(self._scene.serve.known)
        self._scene.grow(clusters)
        for name in self._scene.serve.known.keys() - before:
            self._ground.make(name)
        self._rows.names = sorted(self._scene.serve.known)

    def cost(self) -> ReplayedCost:
        """Return the cost of one look, which finds nothing wrong."""
        found = self._doctor((), lambda _line: None).discrepancies
        assert not found, found[:3]
        return self._scene.replay.measure(lambda: self._doctor((), lambda _line: None), times=1)


def _measure(extent: Extent) -> Measured:
    cpu, calls, reads = [], [], 0
    sizes = extent.sizes(*CLUSTERS)
    with governed() as laws:
        scene = _DoctorScene(DnsScene(laws.clock))
        for size in sizes:
            extent.say(f"{size} environments with {len(SERVICES)} services each")
            scene.grow(size)
            cost = scene.cost()
            reads = cost.calls["s3.GetObject"]
            cpu.append((float(size), cost.cpu_s))
            calls.append((float(size), float(cost.calls.total())))
    return Measured(
        (
            Goal(
                what=f"calls of a look, {sizes[-1]} environments, beside one for each state",
                unit="calls",
                limit=None,
                measured=calls[-1][1] - reads,
                is_count=True,
            ),
            Goal(
                what=f"reads of states, {sizes[-1]} environments",
                unit="calls",
                limit=sizes[-1],
                measured=reads,
                is_count=True,
            ),
            Goal(
                what=f"CPU time of a look, {sizes[-1]} environments",
                unit="s",
                limit=None,
                measured=cpu[-1][1],
            ),
        ),
        Curve("environments", "CPU time of a look, s", tuple(cpu), LINEAR),
        (Curve("environments", "calls of a look", tuple(calls), LINEAR, is_count=True),),
    )


LAW = Law(
    "The doctor of environments reads each state once, and everything else by pages.",
    _measure,
    held_by=("tests/contracts/test_resource_listing.py", "tests/bench/test_laws.py"),
)
