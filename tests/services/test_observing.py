"""Observer: what it finds, what it asks for that, and what it reports."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import RecordSet, owner_record
from gromit.core.environments.known_environments import KnownEnvironment
from gromit.core.environments.observation import Observation
from gromit.core.stack.addresses import NameState, NameStatus
from gromit.core.stack.clusters import ClusterEvent, ClusterState
from gromit.core.stack.contract import ServiceState
from gromit.errors import Denied, GromitError, Temporary
from gromit.services.observing import NO_RECORD, Observer
from tests.fakes.services import FakeServices

DOMAIN = "dev.example.com"
PUBLISHED, MISSING = NameStatus(NameState.PUBLISHED), NameStatus(NameState.MISSING)
OWNER = owner_record("app", DOMAIN)
TYK = RecordSet(f"tyk.app.{DOMAIN}", "A", 10, frozenset({"1.1.1.1"}))
APP = KnownEnvironment(
    name="app",
    is_desired=True,
    epoch=7,
    is_settled=True,
    components={"tyk": True, "pump": False},
    names={"tyk": PUBLISHED},
)


def service(component: str, running: int = 1, desired: int = 1, reason: str = "") -> ServiceState:
    return ServiceState(
        component=component,
        task_definition="d",
        rollout="COMPLETED",
        running=running,
        desired=desired,
        reason=reason,
    )


class Services(FakeServices):
    """Services that count the environments that were looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def describe(
        self, environment: str, components: Collection[str] | None = None
    ) -> Sequence[ServiceState]:
        self.asked.append(environment)
        return super().describe(environment, components)


@dataclass
class World:
    """An environment that runs and is published, its cluster, and a serve that keeps reports."""

    services: Services = field(default_factory=Services)
    asked: list[list[str]] = field(default_factory=list)
    reported: list[Sequence[Observation]] = field(default_factory=list)
    fault: GromitError | None = None
    without_cluster: bool = False
    records: tuple[RecordSet, ...] = (OWNER, TYK)

    def __post_init__(self) -> None:
        self.services.put("app", service("tyk"), service("pump"))
        self.observer = Observer(
            clusters=self, services=self.services, sink=self, owner=NameOwner(DOMAIN)
        )

    def clusters(self, names: Collection[str]) -> Sequence[ClusterState]:
        self.asked.append(sorted(names))
        states = self.services._states
        return [
            ClusterState(n, len(states[n]), sum(s.running for s in states[n].values()), 0)
            for n in sorted(names)
            if n in states and not self.without_cluster
        ]

    def all(self) -> Sequence[ClusterState]:
        raise NotImplementedError

    def events(self, cluster: str, services: Sequence[str], limit: int) -> Sequence[ClusterEvent]:
        raise NotImplementedError

    def report(self, observations: Sequence[Observation]) -> None:
        if self.fault:
            raise self.fault
        self.reported.append(observations)

    def look(self, *known: KnownEnvironment) -> list[Observation]:
        self.observer.observe(known or [APP], self.records)
        return [seen for report in self.reported for seen in report]


def test_what_runs_as_it_was_made_costs_one_call_and_is_not_reported() -> None:
    world = World()
    others = [replace(APP, name=f"app-{n}", components={}) for n in range(5)]
    assert world.look(APP, *others) == []
    assert world.reported == []
    assert (world.asked, world.services.asked) == ([["app"]], [])


@pytest.mark.parametrize(
    ("states", "problems"),
    [
        ((service("tyk", 0, 0), service("pump")), {"tyk": "its service is scaled to 0"}),
        (
            (service("tyk", 0, 1, "exit code 3"), service("pump")),
            {"tyk": "0 of 1 tasks run: exit code 3"},
        ),
        ((service("tyk"), service("pump", 0)), {"pump": "0 of 1 tasks run"}),
        ((service("tyk"),), {"pump": "its service does not exist"}),
    ],
)
def test_what_does_not_run_is_reported_with_the_reason(
    states: tuple[ServiceState, ...], problems: dict[str, str]
) -> None:
    world = World()
    world.services.drop("app")
    world.services.put("app", *states)
    assert world.look() == [Observation("app", 7, problems, {"tyk": PUBLISHED})]
    assert world.services.asked == ["app"]


def test_an_environment_without_a_cluster_has_nothing_that_runs() -> None:
    world = World(without_cluster=True)
    (seen,) = world.look()
    assert seen.problems == dict.fromkeys(["tyk", "pump"], "its cluster does not exist")


def test_a_missing_record_is_a_problem_and_a_blocked_one_is_only_shown() -> None:
    assert World(records=(OWNER,)).look() == [
        Observation("app", 7, {"tyk": NO_RECORD}, {"tyk": MISSING})
    ]
    (seen,) = World(records=(TYK,)).look()
    assert seen.problems == {}
    assert seen.names["tyk"].state is NameState.BLOCKED


def test_what_runs_again_is_reported_once() -> None:
    world = World()
    known = replace(APP, problems={"tyk": "0 of 1 tasks run"})
    assert world.look(known) == [Observation("app", 7, {}, {"tyk": PUBLISHED})]


def test_a_known_problem_is_not_reported_again_although_its_words_differ() -> None:
    world = World()
    world.services.put("app", service("tyk", 0, 1, "task 2 stopped"))
    assert world.look(replace(APP, problems={"tyk": "task 1 stopped"})) == []


def test_an_environment_that_a_worker_has_is_only_looked_at_in_the_zone() -> None:
    world = World()
    world.services.put("app", service("tyk", 0))
    assert world.look(replace(APP, is_settled=False, names={})) == [
        Observation("app", 7, {}, {"tyk": PUBLISHED})
    ]
    assert (world.asked, world.services.asked) == ([], [])


@pytest.mark.parametrize("known", [replace(APP, is_desired=False), replace(APP, components={})])
def test_what_is_deleted_or_was_never_recorded_is_left_alone(known: KnownEnvironment) -> None:
    assert World(records=()).look(known) == []


def test_all_environments_are_reported_at_once() -> None:
    world = World(records=())
    world.services.put("b", service("tyk"), service("pump"))
    world.look(APP, replace(APP, name="b"))
    assert [[seen.name for seen in report] for report in world.reported] == [["app", "b"]]


def test_a_failed_observation_is_logged_once_while_its_reason_lasts() -> None:
    world = World(records=(OWNER,))
    with capture_logs() as logs:
        for fault in (Denied("no"), Denied("no"), Temporary("later"), None, Denied("no")):
            world.fault = fault
            world.look()
    failed = [entry["reason"] for entry in logs if entry["event"] == "observation.failed"]
    assert failed == ["no", "later", "no"]
