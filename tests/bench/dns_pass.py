"""Cost of a pass of chitragupta that finds everything as it should be, by clusters and records."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from gromit.adapters.aws.ecs_clusters import EcsClusters
from gromit.adapters.aws.ecs_services import EcsServices
from gromit.adapters.aws.ecs_tasks import EcsTasks
from gromit.adapters.aws.route53 import Route53Zone, Timing
from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import plan
from gromit.core.dns.tasks import PublicTask, desired_records
from gromit.core.environments.known_environments import KnownEnvironment
from gromit.core.environments.observation import Observation
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.services.chitragupta import Chitragupta, DnsPolicy
from gromit.services.observing import Observer
from tests.aws_laws.fleet import Fleet, address_of
from tests.aws_laws.laws import REGION, governed
from tests.bench.law import LINEAR, Curve, Extent, Goal, Law, Measured
from tests.bench.replay import Replay, ReplayedCost

CLUSTERS = (50, 150, 500)
SERVICES = ("a", "b", "c", "d")
DOMAIN = "dev.example.com"
OWN_RECORDS = 2
"""Those that each zone has: SOA and NS."""


@dataclass
class _Serve:
    """Environments as serve shows them, and what is reported to it."""

    known: dict[str, KnownEnvironment] = field(default_factory=dict)
    reports: int = 0

    def environments(self) -> Mapping[str, KnownEnvironment | None]:
        """Return all environments."""
        return dict(self.known)

    def report(self, observations: Sequence[Observation]) -> None:
        """Show what was reported from now on."""
        self.reports += 1
        for seen in observations:
            known = self.known[seen.name]
            self.known[seen.name] = replace(known, problems=seen.problems, names=seen.names)


class DnsScene:
    """Environments that run in the emulator, with their records."""

    def __init__(self, clock: Timing, services: Sequence[str] = SERVICES) -> None:
        """The emulator must run. `clock` is a virtual one, for pauses between changes."""
        self.replay, self.serve = Replay(), _Serve()
        self._services = services
        self._fleet = Fleet(self.replay.client)
        route53 = self.replay.client("route53")
        zone = route53.create_hosted_zone(Name=DOMAIN, CallerReference="x")["HostedZone"]["Id"]
        catalogue = Catalogue(
            {s: Component(name=s, repository=s, port=8080, public=True) for s in services}
        )
        ecs = self.replay.client("ecs")
        self.keeper = Chitragupta(
            wanted=self.serve,
            tasks=EcsTasks(self.replay.client("ec2"), ecs, catalogue.public),
            zone=Route53Zone(route53, zone, DOMAIN, clock),
            policy=DnsPolicy(
                domain=DOMAIN,
                ttl=10,
                components=frozenset(services),
                delete_percent=30,
                delete_free=10,
            ),
            observer=Observer(
                clusters=EcsClusters(ecs),
                services=EcsServices(ecs),
                sink=self.serve,
                owner=NameOwner(DOMAIN),
            ),
        )

    def grow(self, clusters: int) -> None:
        """Run environments until there are this many, and publish them."""
        first = len(self.serve.known)
        names = [f"e{number:04d}" for number in range(first, clusters)]
        tasks = []
        for place, service in enumerate(self._services):
            number = first + place * 10_000
            self._fleet.bare_interfaces(names, service, number)
            tasks += [
                PublicTask(name, service, address_of(number + n)) for n, name in enumerate(names)
            ]
        for name in names:
            self._start(name)
        desired = dict.fromkeys(names, True)
        records = desired_records(tasks, DOMAIN, 10, desired)
        changes = plan(records, (), NameOwner(DOMAIN), desired)
        self.keeper.zone.apply(changes, lambda _line: None)
        self.keeper.run(lambda _line: None)  # which reports what it finds
        self.serve.reports = 0

    def cost(self) -> ReplayedCost:
        """Return the cost of one pass."""
        found = self.replay.measure(lambda: self.keeper.run(lambda _line: None))
        assert self.serve.reports == 0
        return found

    def records(self) -> int:
        """Return the number of record sets in the zone."""
        return len(self.keeper.zone.records())

    def fewest_calls(self) -> int:
        """Return the calls that the pages of AWS demand."""
        clusters = len(self.serve.known)
        return (
            math.ceil(clusters * len(self._services) / 1000)
            + math.ceil((self.records() + OWN_RECORDS) / 300)
            + math.ceil(clusters / 100)
        )

    def _count(self, name: str) -> None:
        """Let the emulator count services and tasks that it need not make."""
        backend: Any = get_backend("ecs")[DEFAULT_ACCOUNT_ID][REGION]
        for service in self._services:
            backend.services[f"{name}:{service}"] = SimpleNamespace(
                cluster_name=name, name=service, status="ACTIVE"
            )
        backend.tasks[name] = {s: SimpleNamespace(last_status="RUNNING") for s in self._services}

    def _start(self, name: str) -> None:
        tags = [{"key": "env", "value": name}, {"key": "managed", "value": "gromit"}]
        self._fleet.ecs.create_cluster(clusterName=name, tags=tags)
        self._count(name)
        self.serve.known[name] = KnownEnvironment(
            name=name,
            is_desired=True,
            is_settled=True,
            components=dict.fromkeys(self._services, True),
        )


def _measure(extent: Extent) -> Measured:
    cpu, calls, fewest = [], [], 0
    sizes = extent.sizes(*CLUSTERS)
    with governed() as laws:
        scene = DnsScene(laws.clock)
        for size in sizes:
            extent.say(f"{size} clusters with {len(SERVICES)} services each")
            scene.grow(size)
            cost, fewest = scene.cost(), scene.fewest_calls()
            cpu.append((float(size), cost.cpu_s))
            calls.append((float(size), float(cost.calls.total())))
    name = f"clusters with {len(SERVICES)} services each"
    return Measured(
        (
            Goal(
                what=f"calls of a pass, {sizes[-1]} clusters",
                unit="calls",
                limit=fewest,
                measured=calls[-1][1],
                is_count=True,
            ),
            Goal(
                what=f"CPU time of a pass, {sizes[-1]} clusters",
                unit="s",
                limit=None,
                measured=cpu[-1][1],
            ),
        ),
        Curve(name, "CPU time of a pass, s", tuple(cpu), LINEAR),
        (Curve(name, "calls of a pass", tuple(calls), LINEAR, is_count=True),),
    )


LAW = Law(
    "A pass of chitragupta that has nothing to change makes only the calls that pages demand.",
    _measure,
    held_by=("tests/aws_laws/test_budget.py", "tests/bench/test_laws.py"),
)
