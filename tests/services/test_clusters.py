"""Views of clusters for people."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import pytest

from gromit.core.dns.tasks import PublicTask
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.clusters import ClusterEvent, ClusterState
from gromit.core.stack.contract import ServiceState
from gromit.errors import NotFound
from gromit.services.clusters import ClusterOverview, Clusters, ServiceView
from tests.fakes.dns import FakeTasks
from tests.fakes.services import FakeServices

CATALOGUE = Catalogue(
    {
        "tyk": Component(name="tyk", repository="tyk", port=8181, public=True),
        "redis": Component(name="redis", image="redis:7", port=6379),
    }
)
APP, IDLE = (
    ClusterState("app", services=2, running=2, pending=0),
    ClusterState("idle", services=1, running=0, pending=1),
)
TYK = ServiceState(
    component="tyk", task_definition="td:1", rollout="COMPLETED", running=1, desired=1
)
REDIS = ServiceState(
    component="redis", task_definition="td:2", rollout="COMPLETED", running=1, desired=1
)
EVENT = ClusterEvent("2026-01-01T08:00:00Z", "tyk", "has reached a steady state")
URL = "http://tyk.app.dev.example.com:8181"


@dataclass
class FakeClusters:
    """Implementation of `ClusterSource` in memory."""

    states: Sequence[ClusterState] = (APP, IDLE)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def all(self) -> Sequence[ClusterState]:
        return self.states

    def clusters(self, names: Collection[str]) -> Sequence[ClusterState]:
        return [s for s in self.states if s.name in names]

    def events(self, cluster: str, services: Sequence[str], limit: int) -> Sequence[ClusterEvent]:
        self.asked.append((cluster, *services))
        return [EVENT][:limit]


def looking(clusters: FakeClusters | None = None) -> Clusters:
    services = FakeServices()
    services.put("app", TYK, REDIS)
    tasks = FakeTasks(
        [
            PublicTask("app", "tyk", "2.2.2.2"),
            PublicTask("app", "tyk", "1.1.1.1"),
            PublicTask("idle", "tyk", "3.3.3.3"),
        ]
    )
    return Clusters(
        clusters=clusters or FakeClusters(),
        services=services,
        tasks=tasks,
        catalogue=CATALOGUE,
        domain="dev.example.com",
    )


def test_the_overview_has_every_environment_with_a_cluster_and_urls_where_something_runs() -> None:
    theirs = ClusterState("theirs", services=1, running=1, pending=0, is_ours=False)
    found = looking(FakeClusters((APP, IDLE, theirs))).overview()
    assert found == [ClusterOverview(APP, {"tyk": URL}), ClusterOverview(IDLE, {})]


def test_a_cluster_is_shown_with_its_services_where_they_answer_and_its_events() -> None:
    clusters = FakeClusters()
    found = looking(clusters).detail("app")
    assert found.state == APP
    assert found.services == (
        ServiceView(REDIS, (), None),
        ServiceView(TYK, ("1.1.1.1", "2.2.2.2"), URL),
    )
    assert found.events == [EVENT]
    assert clusters.asked == [("app", "redis", "tyk")]


def test_one_cluster_can_be_looked_at_without_a_domain() -> None:
    found = replace(looking(), domain=None).detail("app")
    assert [s.url for s in found.services] == [None, None]


def test_a_cluster_that_does_not_exist_is_named() -> None:
    with pytest.raises(NotFound, match="no cluster never"):
        looking().detail("never")
