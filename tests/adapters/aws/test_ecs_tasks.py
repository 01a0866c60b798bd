"""Public tasks, from interfaces alone and from ECS."""

from collections.abc import Iterator

import pytest

from gromit.adapters.aws.ecs_tasks import EcsTasks
from gromit.core.dns.tasks import PublicTask, TaskListing
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.errors import Denied
from tests.aws_laws.fleet import Fleet
from tests.aws_laws.laws import Laws, governed

CATALOGUE = Catalogue(
    {
        "tyk": Component(name="tyk", repository="tyk", port=8181, public=True),
        "dash": Component(name="dash", repository="dash", port=3000, public=True),
        "redis": Component(name="redis", image="redis:7", port=6379),
    }
)
NOTHING_PUBLIC = Catalogue({"redis": CATALOGUE.components["redis"]})
INTERFACES = "ec2.DescribeNetworkInterfaces"
CLUSTERS, TASKS, DETAILS = "ecs.DescribeClusters", "ecs.ListTasks", "ecs.DescribeTasks"


class Scene:
    """A fleet under AWS's rules, and the adapter that reads it."""

    def __init__(self, laws: Laws, catalogue: Catalogue = CATALOGUE) -> None:
        self.laws = laws
        self.fleet = Fleet(laws.free)
        self.tasks = EcsTasks(laws.client("ec2"), laws.client("ecs"), catalogue.public)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with governed() as laws:
        yield Scene(laws)


def whole(*tasks: tuple[str, str, str]) -> TaskListing:
    return TaskListing(tuple(PublicTask(*t) for t in tasks), complete=True)


# ── from interfaces ───────────────────────────────────────────────────────────────────────────────


def test_public_tasks_are_known_by_the_tags_of_their_interfaces(scene: Scene) -> None:
    (tyk,) = scene.fleet.run("app", "tyk")
    (dash,) = scene.fleet.run("other", "dash")
    found = scene.tasks.public_tasks()
    assert set(found.tasks) == {PublicTask("app", "tyk", tyk), PublicTask("other", "dash", dash)}
    assert found.complete
    assert scene.laws.calls == {INTERFACES: 1}


def test_components_that_are_not_public_are_left_out_even_with_a_public_address(
    scene: Scene,
) -> None:
    scene.fleet.run("app", "redis", public=True)
    assert scene.tasks.public_tasks() == whole()
    assert scene.tasks.running_tasks({"app"}) == whole()


def test_a_task_without_a_public_address_is_left_out(scene: Scene) -> None:
    scene.fleet.run("app", "tyk", public=False)
    assert scene.tasks.public_tasks() == whole()
    assert scene.tasks.running_tasks({"app"}) == whole()


def test_the_tasks_of_one_environment_are_asked_for_alone(scene: Scene) -> None:
    (tyk,) = scene.fleet.run("app", "tyk")
    scene.fleet.run("app-2", "tyk")
    scene.fleet.run("app", "dash", tagged=False)
    assert scene.tasks.public_tasks("app") == whole(("app", "tyk", tyk))
    assert scene.tasks.public_tasks("ap") == whole()
    assert scene.laws.calls == {INTERFACES: 2}


def test_an_interface_that_is_not_in_use_is_left_out(scene: Scene) -> None:
    (address,) = scene.fleet.run("app", "tyk")
    scene.fleet.interface(address).status = "available"
    assert scene.tasks.public_tasks() == whole()


def test_an_interface_that_aws_does_not_manage_is_left_out(scene: Scene) -> None:
    (address,) = scene.fleet.run("app", "tyk")
    scene.fleet.interface(address).requester_managed = False
    assert scene.tasks.public_tasks() == whole()


def test_an_interface_without_tags_of_ecs_is_left_out(scene: Scene) -> None:
    scene.fleet.run("app", "tyk", tagged=False)
    assert scene.tasks.public_tasks() == whole()


def test_interfaces_come_a_thousand_at_a_time_and_a_missing_page_is_reported(scene: Scene) -> None:
    scene.fleet.bare_interfaces(["app"] * 1001)
    assert len(scene.tasks.public_tasks().tasks) == 1001
    assert scene.laws.calls == {INTERFACES: 2}
    scene.laws.fail(INTERFACES, "RequestLimitExceeded", times=9, skip=1)
    found = scene.tasks.public_tasks()
    assert (len(found.tasks), found.complete) == (1000, False)
    assert "RequestLimitExceeded" in found.reason


def test_missing_rights_are_raised(scene: Scene) -> None:
    scene.laws.fail(INTERFACES, "UnauthorizedOperation")
    with pytest.raises(Denied):
        scene.tasks.public_tasks()


# ── from ECS ──────────────────────────────────────────────────────────────────────────────────────


def test_tasks_in_the_cluster_of_another_installation_are_not_confirmed(scene: Scene) -> None:
    (address,) = scene.fleet.run("app", "tyk")
    tags = [{"key": "installation", "value": "team-b"}]
    cluster = scene.fleet.ecs.describe_clusters(clusters=["app"])["clusters"][0]["clusterArn"]
    scene.fleet.ecs.tag_resource(resourceArn=cluster, tags=tags)
    assert scene.tasks.running_tasks({"app"}) == whole()
    named = EcsTasks(scene.laws.client("ec2"), scene.laws.client("ecs"), CATALOGUE.public, "team-b")
    assert named.running_tasks({"app"}) == whole(("app", "tyk", address))


def test_ecs_gives_running_tasks_of_the_environments_asked_for_and_no_others(scene: Scene) -> None:
    (tyk,) = scene.fleet.run("app", "tyk")
    scene.fleet.run("app-2", "tyk")
    assert scene.tasks.running_tasks({"app"}) == whole(("app", "tyk", tyk))


def test_ecs_knows_running_tasks_whose_interfaces_carry_no_tags(scene: Scene) -> None:
    (tyk,) = scene.fleet.run("app", "tyk", tagged=False)
    assert scene.tasks.running_tasks({"app"}) == whole(("app", "tyk", tyk))


@pytest.mark.parametrize(
    ("last", "desired"),
    [
        ("PROVISIONING", "RUNNING"),
        ("PENDING", "RUNNING"),
        ("ACTIVATING", "RUNNING"),
        ("RUNNING", "STOPPED"),
        ("STOPPING", "STOPPED"),
    ],
)
def test_a_task_that_starts_or_stops_has_an_interface_but_does_not_run(
    scene: Scene, last: str, desired: str
) -> None:
    (going,) = scene.fleet.run("app", "tyk")
    (stays,) = scene.fleet.run("app", "tyk")
    scene.fleet.set_status("app", going, last=last, desired=desired)
    assert {t.address for t in scene.tasks.public_tasks().tasks} == {going, stays}
    assert scene.tasks.running_tasks({"app"}) == whole(("app", "tyk", stays))


def test_a_task_that_is_stopped_between_two_answers_does_not_count(scene: Scene) -> None:
    (address,) = scene.fleet.run("app", "tyk")
    scene.laws.meanwhile[DETAILS] = lambda: scene.fleet.set_status(
        "app", address, desired="STOPPED"
    )
    assert scene.tasks.running_tasks({"app"}) == whole()


def test_environments_without_a_cluster_or_with_an_idle_or_a_deleted_one_cost_one_call_together(
    scene: Scene,
) -> None:
    scene.fleet.run("gone", "tyk")
    scene.fleet.stop("gone")
    scene.fleet.ecs.create_cluster(clusterName="idle")
    scene.fleet.ecs.create_cluster(clusterName="deleted")
    scene.fleet.ecs.delete_cluster(cluster="deleted")
    assert scene.tasks.running_tasks({"idle", "never", "deleted", "gone"}) == whole()
    assert scene.laws.calls == {CLUSTERS: 1}


@pytest.mark.parametrize(
    ("count", "lists", "details", "interfaces"), [(100, 1, 1, 1), (101, 2, 2, 1), (201, 3, 3, 2)]
)
def test_the_tasks_of_an_environment_come_a_hundred_at_a_time(
    scene: Scene, count: int, lists: int, details: int, interfaces: int
) -> None:
    addresses = scene.fleet.run("app", "tyk", count=count)
    assert {t.address for t in scene.tasks.running_tasks({"app"}).tasks} == set(addresses)
    assert scene.laws.calls == {CLUSTERS: 1, TASKS: lists, DETAILS: details, INTERFACES: interfaces}


@pytest.mark.parametrize(("environments", "calls"), [(100, 1), (101, 2)])
def test_clusters_are_described_a_hundred_at_a_time(
    scene: Scene, environments: int, calls: int
) -> None:
    scene.tasks.running_tasks({f"e{n}" for n in range(environments)})
    assert scene.laws.calls == {CLUSTERS: calls}


def test_a_cluster_that_vanishes_meanwhile_has_no_tasks(scene: Scene) -> None:
    scene.fleet.run("app", "tyk")
    (other,) = scene.fleet.run("b", "tyk")
    scene.laws.fail(TASKS, "ClusterNotFoundException")
    assert scene.tasks.running_tasks({"app", "b"}) == whole(("b", "tyk", other))


@pytest.mark.parametrize("operation", [CLUSTERS, TASKS, DETAILS, INTERFACES])
def test_an_answer_that_breaks_off_says_so(scene: Scene, operation: str) -> None:
    scene.fleet.run("app", "tyk")
    scene.laws.fail(operation, "ThrottlingException", times=9)
    found = scene.tasks.running_tasks({"app"})
    assert found.tasks == ()
    assert not found.complete
    assert "ThrottlingException" in found.reason


def test_what_was_found_before_an_answer_broke_off_counts(scene: Scene) -> None:
    (first,) = scene.fleet.run("a", "tyk")
    scene.fleet.run("b", "tyk")
    scene.laws.fail(TASKS, "ThrottlingException", times=9, skip=1)
    found = scene.tasks.running_tasks({"a", "b"})
    assert found.tasks == (PublicTask("a", "tyk", first),)
    assert not found.complete


def test_a_catalogue_without_public_components_asks_ecs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with governed() as laws:
        assert Scene(laws, NOTHING_PUBLIC).tasks.running_tasks({"app"}) == whole()
        assert not laws.calls


def test_asking_about_no_environment_asks_nothing(scene: Scene) -> None:
    assert scene.tasks.running_tasks(set()) == whole()
    assert not scene.laws.calls
