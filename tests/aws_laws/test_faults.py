"""Every single fault of AWS in a pass of chitragupta: no wrong change, and the next pass recovers.

The world has all cases: an environment to publish, one with a new address, one that is gone, one
with a name that another party owns, and one without a change.
"""

from dataclasses import dataclass

import pytest

from gromit.adapters.aws.ecs_tasks import EcsTasks
from gromit.adapters.aws.route53 import CLIENT, Route53Zone
from gromit.core.dns.plan import RecordSet, owner_record
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.errors import BackendError
from gromit.services.chitragupta import Chitragupta, DnsPolicy
from tests.aws_laws.fleet import Fleet
from tests.aws_laws.laws import Laws
from tests.fakes.dns import FakeEnvironments

DOMAIN = "dev.example.com"
CATALOGUE = Catalogue({"tyk": Component(name="tyk", repository="tyk", port=8181, public=True)})
THEIRS = RecordSet(f"tyk.theirs.{DOMAIN}", "A", 60, frozenset({"203.0.113.9"}))
ENVIRONMENTS = ("new", "moved", "same", "theirs")
ALWAYS = 99

CALLS = (
    ("ec2.DescribeNetworkInterfaces", "RequestLimitExceeded", 2),
    ("ecs.DescribeClusters", "ThrottlingException", 1),
    ("ecs.ListTasks", "ThrottlingException", 2),
    ("ecs.DescribeTasks", "ServerException", 2),
    ("route53.ListResourceRecordSets", "Throttling", 1),
    ("route53.ChangeResourceRecordSets", "PriorRequestNotComplete", 1),
)
"""Operations of a pass in that world, each with a possible fault and its number of calls."""


class Scene:
    """World with all cases."""

    def __init__(self, laws: Laws) -> None:
        self.laws = laws
        self.fleet = Fleet(laws.free)
        self.addresses = {e: frozenset(self.fleet.run(e, "tyk")) for e in ENVIRONMENTS}
        self.wanted = FakeEnvironments({**dict.fromkeys(ENVIRONMENTS, True), "gone": False})
        self.zone_id: str = laws.free("route53").create_hosted_zone(
            Name=DOMAIN, CallerReference="x"
        )["HostedZone"]["Id"]
        old = frozenset({"198.51.100.1"})
        ours = [
            self.record("moved", old),
            self.record("same", self.addresses["same"]),
            self.record("gone", old),
        ]
        self.put(THEIRS, *ours, *(owner_record(e, DOMAIN) for e in ("moved", "same", "gone")))
        self.zone = Route53Zone(laws.client("route53", CLIENT), self.zone_id, DOMAIN, laws.clock)
        self.keeper = Chitragupta(
            wanted=self.wanted,
            tasks=EcsTasks(laws.client("ec2"), laws.client("ecs"), CATALOGUE.public),
            zone=self.zone,
            policy=DnsPolicy(
                domain=DOMAIN,
                ttl=10,
                components=frozenset({"tyk"}),
                delete_percent=30,
                delete_free=10,
            ),
        )

    def record(self, environment: str, values: frozenset[str]) -> RecordSet:
        return RecordSet(f"tyk.{environment}.{DOMAIN}", "A", 10, values)

    def put(self, *records: RecordSet) -> None:
        changes = [
            {
                "Action": "CREATE",
                "ResourceRecordSet": {
                    "Name": r.name,
                    "Type": r.type,
                    "TTL": r.ttl,
                    "ResourceRecords": [{"Value": v} for v in sorted(r.values)],
                },
            }
            for r in records
        ]
        self.laws.free("route53").change_resource_record_sets(
            HostedZoneId=self.zone_id, ChangeBatch={"Changes": changes}
        )

    def records(self) -> set[RecordSet]:
        return set(
            Route53Zone(self.laws.free("route53"), self.zone_id, DOMAIN, self.laws.clock).records()
        )

    @property
    def expected(self) -> set[RecordSet]:
        """Records after a pass without a fault."""
        up = ("new", "moved", "same")
        return {
            THEIRS,
            *(self.record(e, self.addresses[e]) for e in up),
            *(owner_record(e, DOMAIN) for e in up),
        }

    def run(self) -> str:
        """Run one pass, and return its error."""
        try:
            self.keeper.run(lambda _line: None)
        except BackendError as error:
            return error.message
        return ""


@pytest.fixture
def scene(laws: Laws) -> Scene:
    return Scene(laws)


def test_without_a_fault_a_pass_makes_these_calls_and_ends_as_expected(scene: Scene) -> None:
    assert scene.run() == ""
    assert scene.records() == scene.expected
    assert {operation: scene.laws.calls[operation] for operation, _, _ in CALLS} == {
        o: n for o, _, n in CALLS
    }


def values(records: set[RecordSet]) -> set[tuple[str, str, str]]:
    return {(r.name, r.type, value) for r in records for value in r.values}


@dataclass(frozen=True)
class Schedule:
    """One fault: its call, and whether it happens once or from then on."""

    operation: str
    code: str
    number: int
    """Number of calls of the operation that pass first."""
    times: int
    after: bool = False

    def __str__(self) -> str:
        often = "once" if self.times == 1 else "always"
        effect = "after" if self.after else "before"
        return f"{self.operation}-{self.code}-{effect}-{self.number}-{often}"


SCHEDULES = [
    *(
        Schedule(o, c, n, t)
        for o, fault, count in CALLS
        for n in range(count)
        for c in (fault, "timeout")
        for t in (1, ALWAYS)
    ),
    *(
        Schedule("route53.ChangeResourceRecordSets", "timeout", 0, t, after=True)
        for t in (1, ALWAYS)
    ),
    *(
        Schedule("route53.ChangeResourceRecordSets", "ServiceUnavailable", 0, t, after=True)
        for t in (1, ALWAYS)
    ),
]


@pytest.mark.parametrize("fault", SCHEDULES, ids=str)
def test_after_any_fault_nothing_is_wrong_and_the_next_pass_ends_as_expected(
    scene: Scene, fault: Schedule
) -> None:
    before = scene.records()
    scene.laws.fail(
        fault.operation, fault.code, times=fault.times, skip=fault.number, after=fault.after
    )
    scene.run()
    now = scene.records()
    right, allowed = (
        values(before) & values(scene.expected),
        values(before) | values(scene.expected),
    )
    assert right <= values(now), "what was right is gone"
    assert values(now) <= allowed, "a new record is not desired"
    assert THEIRS in now
    assert {r for r in now if r.name == f"tyk.moved.{DOMAIN}"} != set(), (
        "a name that is wanted has vanished"
    )
    for environment in ("new", "moved", "gone"):
        named = {r.type for r in now if r.name.endswith(f".{environment}.{DOMAIN}")}
        assert named in (set(), {"A", "TXT"}), (
            "a record is without its ownership record, or the other way round"
        )
    scene.laws.faults.clear()
    assert scene.run() == ""
    assert scene.records() == scene.expected
