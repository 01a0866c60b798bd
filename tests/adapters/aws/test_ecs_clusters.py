"""Clusters as ECS describes them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from gromit.adapters.aws.ecs_clusters import EcsClusters
from gromit.core.stack.clusters import ClusterEvent, ClusterState
from gromit.errors import Denied, Temporary
from tests.aws_laws.fleet import Fleet
from tests.aws_laws.laws import REGION, Laws, governed


@pytest.fixture
def laws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Laws]:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with governed() as laws:
        yield laws


def look(laws: Laws) -> EcsClusters:
    return EcsClusters(laws.client("ecs"))


def put_event(cluster: str, service: str, minute: int, message: str) -> None:
    found: Any = get_backend("ecs")[DEFAULT_ACCOUNT_ID][REGION].services[f"{cluster}:{service}"]
    found.events.insert(
        0,
        {
            "id": f"{minute}",
            "createdAt": datetime(2026, 1, 1, 8, minute, tzinfo=UTC),
            "message": message,
        },
    )


def test_clusters_are_returned_with_their_services_and_tasks(laws: Laws) -> None:
    fleet = Fleet(laws.free)
    fleet.run("app", "tyk", count=2)
    fleet.run("app", "dash")
    fleet.ecs.create_cluster(clusterName="empty")
    fleet.ecs.create_cluster(clusterName="deleted")
    fleet.ecs.delete_cluster(cluster="deleted")
    found = look(laws).clusters({"empty", "app", "deleted", "never"})
    assert found == [
        ClusterState("app", services=2, running=3, pending=0),
        ClusterState("empty", services=0, running=0, pending=0, is_ours=False),
    ]


def test_all_clusters_are_listed_with_their_mark_in_two_calls_for_a_hundred(laws: Laws) -> None:
    """Names that no environment can have are left out."""
    ecs = laws.free("ecs")
    for number in range(101):
        name = f"app-{number}"
        tags = {"env": name if number else "another", "managed": "gromit"}
        ecs.create_cluster(
            clusterName=name, tags=[{"key": key, "value": value} for key, value in tags.items()]
        )
    for name in ("default", "With_Others"):
        ecs.create_cluster(clusterName=name)
    found = look(laws).all()
    assert len(found) == 101
    assert [c.name for c in found if not c.is_ours] == ["app-0"]
    assert laws.calls["ecs.ListClusters"] == laws.calls["ecs.DescribeClusters"] == 2


@pytest.mark.parametrize(
    ("installation", "is_ours", "owner"),
    [("team-a", True, ""), ("team-b", False, "team-a"), ("", False, "team-a")],
)
def test_a_cluster_of_another_installation_is_not_ours(
    laws: Laws, installation: str, owner: str, *, is_ours: bool
) -> None:
    tags = {"env": "app", "managed": "gromit", "installation": "team-a"}
    laws.free("ecs").create_cluster(
        clusterName="app", tags=[{"key": key, "value": value} for key, value in tags.items()]
    )
    (found,) = EcsClusters(laws.client("ecs"), installation).all()
    assert (found.is_ours, found.owner) == (is_ours, owner)


@pytest.mark.parametrize(("names", "calls"), [(0, 0), (100, 1), (101, 2)])
def test_clusters_are_described_a_hundred_at_a_time(laws: Laws, names: int, calls: int) -> None:
    assert look(laws).clusters([f"e{n}" for n in range(names)]) == []
    assert laws.calls["ecs.DescribeClusters"] == calls


def test_events_of_all_services_come_together_the_newest_first(laws: Laws) -> None:
    fleet = Fleet(laws.free)
    for service in ("tyk", "dash"):
        fleet.run("app", service)
    put_event("app", "tyk", 1, "has started 1 tasks")
    put_event("app", "dash", 2, "was unable to place a task")
    put_event("app", "tyk", 3, "has reached a steady state")
    assert look(laws).events("app", ["tyk", "dash"], limit=2) == [
        ClusterEvent("2026-01-01T08:03:00Z", "tyk", "has reached a steady state"),
        ClusterEvent("2026-01-01T08:02:00Z", "dash", "was unable to place a task"),
    ]


def test_services_are_described_ten_at_a_time(laws: Laws) -> None:
    laws.free("ecs").create_cluster(clusterName="app")
    look(laws).events("app", [f"s{n}" for n in range(11)], limit=1)
    assert laws.calls["ecs.DescribeServices"] == 2


@pytest.mark.parametrize(
    ("code", "error"), [("ThrottlingException", Temporary), ("AccessDeniedException", Denied)]
)
def test_errors_of_aws_are_translated(laws: Laws, code: str, error: type[Exception]) -> None:
    laws.fail("ecs.DescribeClusters", code)
    with pytest.raises(error):
        look(laws).clusters(["app"])
