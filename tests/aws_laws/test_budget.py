"""Cost of chitragupta: exact numbers of calls, and bounds on virtual time at AWS's rates.

A pass takes ceil(interfaces / 1000) calls of EC2, ceil(record sets / 300) calls of Route53, and one
change for each full batch. Before a change it also asks ECS: ceil(environments / 100) calls, and
two for each environment with tasks. What sow does for its one environment costs two calls if
nothing has changed, and seven with a change.
"""

import math
from collections.abc import Iterator

import pytest

from gromit.adapters.aws.ecs_tasks import EcsTasks
from gromit.adapters.aws.route53 import CLIENT, Route53Zone
from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import plan
from gromit.core.dns.tasks import PublicTask, desired_records
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.services.chitragupta import Chitragupta, DnsPolicy
from tests.aws_laws.fleet import Fleet, address_of
from tests.aws_laws.laws import Laws, governed
from tests.fakes.dns import FakeEnvironments

DOMAIN = "dev.example.com"
NAMES = NameOwner(DOMAIN)
CATALOGUE = Catalogue({"tyk": Component(name="tyk", repository="tyk", port=8181, public=True)})
OWN_RECORDS = 2  # SOA and NS
INTERFACES, LIST, CHANGE = (
    "ec2.DescribeNetworkInterfaces",
    "route53.ListResourceRecordSets",
    "route53.ChangeResourceRecordSets",
)
CLUSTERS, TASKS, DETAILS = "ecs.DescribeClusters", "ecs.ListTasks", "ecs.DescribeTasks"


class Scene:
    """The real adapters under AWS's rules; only serve is a fake."""

    def __init__(self, laws: Laws) -> None:
        self.laws = laws
        self.fleet = Fleet(laws.free)
        route53 = laws.free("route53")
        self.zone_id: str = route53.create_hosted_zone(Name=DOMAIN, CallerReference="x")[
            "HostedZone"
        ]["Id"]
        self.wanted = FakeEnvironments()
        self.keeper = Chitragupta(
            wanted=self.wanted,
            tasks=EcsTasks(laws.client("ec2"), laws.client("ecs"), CATALOGUE.public),
            zone=Route53Zone(laws.client("route53", CLIENT), self.zone_id, DOMAIN, laws.clock),
            policy=DnsPolicy(
                domain=DOMAIN,
                ttl=10,
                components=frozenset({"tyk"}),
                delete_percent=30,
                delete_free=10,
            ),
        )

    def run(self) -> dict[str, int]:
        """Run one pass, and return its calls."""
        self.laws.calls.clear()
        self.keeper.run(lambda _line: None)
        return dict(self.laws.calls)

    def publish_one(self, environment: str) -> dict[str, int]:
        """Do what sow does after an apply, and return its calls."""
        self.laws.calls.clear()
        self.keeper.publish(environment, lambda _line: None)
        return dict(self.laws.calls)

    def records(self) -> set[str]:
        return {r.name for r in self.keeper.zone.records() if r.type == "A"}

    def publish(self, environments: int, *, running: bool = True) -> None:
        """Create environments of serve with a record each, and an interface if they run."""
        names = [f"e{n}" for n in range(environments)]
        self.wanted.rows |= dict.fromkeys(names, True)
        tasks = [PublicTask(e, "tyk", address_of(n)) for n, e in enumerate(names)]
        if running:
            self.fleet.bare_interfaces(names)
        changes = plan(
            desired_records(tasks, DOMAIN, 10, self.wanted.rows), (), NAMES, self.wanted.rows
        )
        self.keeper.zone.apply(changes, lambda _line: None)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with governed() as laws:
        yield Scene(laws)


def pages(records: int) -> int:
    return math.ceil((records + OWN_RECORDS) / 300)


@pytest.mark.parametrize(
    "environments", [0, 1, 149, 150, pytest.param(1001, marks=pytest.mark.long)]
)
def test_an_unchanged_world_costs_only_the_two_listings(scene: Scene, environments: int) -> None:
    scene.publish(environments)
    calls = scene.run()
    assert calls == {
        INTERFACES: max(1, math.ceil(environments / 1000)),
        LIST: pages(2 * environments),
    }
    assert len(scene.records()) == environments


@pytest.mark.parametrize(("gone", "batches"), [(1, 1), (500, 1), (501, 2)])
def test_environments_that_are_gone_cost_a_change_for_each_full_batch_and_no_question(
    scene: Scene, gone: int, batches: int
) -> None:
    scene.publish(gone, running=False)
    scene.wanted.rows = dict.fromkeys(scene.wanted.rows, False)
    assert scene.run() == {INTERFACES: 1, LIST: pages(2 * gone), CHANGE: batches}
    assert scene.records() == set()


def test_a_new_environment_costs_one_change_and_three_questions(scene: Scene) -> None:
    scene.publish(20)
    scene.fleet.run("new", "tyk")
    scene.wanted.rows["new"] = True
    assert scene.run() == {INTERFACES: 2, LIST: 1, CLUSTERS: 1, TASKS: 1, DETAILS: 1, CHANGE: 1}
    assert f"tyk.new.{DOMAIN}" in scene.records()
    assert scene.run() == {INTERFACES: 1, LIST: 1}


def test_wanted_environments_of_which_nothing_runs_cost_one_question_for_a_hundred(
    scene: Scene,
) -> None:
    scene.publish(3)
    scene.wanted.rows |= {f"failed{n}": True for n in range(101)}
    assert scene.run() == {INTERFACES: 1, LIST: 1, CLUSTERS: 2}


def test_interfaces_without_tags_cost_two_questions_for_each_environment(scene: Scene) -> None:
    for n in range(4):
        scene.fleet.run(f"e{n}", "tyk", tagged=False)
        scene.wanted.rows[f"e{n}"] = True
    assert scene.run() == {INTERFACES: 2, LIST: 1, CLUSTERS: 1, TASKS: 4, DETAILS: 4, CHANGE: 1}
    assert len(scene.records()) == 4


def test_retiring_costs_the_listing_of_one_environment_and_one_change(scene: Scene) -> None:
    scene.publish(200)
    scene.laws.calls.clear()
    scene.keeper.retire("e1", lambda _line: None)
    assert dict(scene.laws.calls) == {LIST: 1, CHANGE: 1}
    assert len(scene.records()) == 199


def test_what_sow_does_after_an_apply_costs_the_same_however_many_environments_there_are(
    scene: Scene,
) -> None:
    questions = {INTERFACES: 1, TASKS: 1, DETAILS: 1}
    scene.publish(200)
    (first,) = scene.fleet.run("new", "tyk")
    assert scene.publish_one("new") == {**questions, LIST: 2, CHANGE: 1}, "a zone is checked once"
    assert scene.publish_one("new") == {**questions, LIST: 1}
    scene.fleet.stop("new")
    (second,) = scene.fleet.run("new", "tyk")
    assert first != second
    assert scene.publish_one("new") == {**questions, LIST: 1, CHANGE: 1}
    assert scene.laws.throttled == 0


def test_a_thousand_environments_can_go_at_once_without_being_throttled(scene: Scene) -> None:
    scene.publish(1000, running=False)
    scene.wanted.rows = dict.fromkeys(scene.wanted.rows, False)
    before = scene.laws.clock_s
    scene.run()
    assert scene.records() == set()
    assert scene.laws.throttled == 0
    assert scene.laws.clock_s - before < 5
