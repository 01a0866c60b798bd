"""Resources of an environment in an emulated AWS, and their removal: each kind alone, and all."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from gromit.adapters.aws.resource_removal import AwsEnvironmentResources
from gromit.core.stack.contract import Platform
from gromit.core.stack.hooks import HookKind
from gromit.core.stack.resources import Resource, ResourceKind
from gromit.services.clearing import Clearer, ClearPolicy
from tests.contracts.leftovers import MADE, Leftovers, one_of_each, resource_clients
from tests.contracts.terraform.cloud import Cloud, running_cloud

_NUMBERS = itertools.count(1)
ALONG: dict[ResourceKind, tuple[ResourceKind, ...]] = {
    ResourceKind.SERVICE: (ResourceKind.CLUSTER, ResourceKind.DEFINITION),
    ResourceKind.TASK: (ResourceKind.CLUSTER, ResourceKind.DEFINITION),
    ResourceKind.GROUP: (ResourceKind.RULE,),
}
"""Kinds that come with another."""


class KeptClients:
    """Clients of an emulated AWS, each made once: making one takes longer than what it is for."""

    def __init__(self, cloud: Cloud) -> None:
        self.client = cache(cloud.client)


@dataclass(frozen=True)
class World:
    """An emulated AWS, and an environment of which nothing exists."""

    cloud: KeptClients
    platform: Platform
    name: str

    @property
    def resources(self) -> AwsEnvironmentResources:
        return AwsEnvironmentResources(resource_clients(self.cloud))

    def find(self, name: str | None = None) -> list[Resource]:
        return list(self.resources.find(name or self.name, self.platform))

    def clear(self, platform: Platform | None, installation: str = "") -> None:
        policy = ClearPolicy(30.0, 0.05, time.monotonic, lambda _seconds: False)
        resources = AwsEnvironmentResources(resource_clients(self.cloud), installation)
        clear = Clearer(resources, policy)
        clear(self.name, lambda: resources.find(self.name, platform), lambda _line: None)


@pytest.fixture(scope="module")
def ground() -> Iterator[tuple[KeptClients, Platform]]:
    with running_cloud() as cloud:
        yield KeptClients(cloud), cloud.platform()


@pytest.fixture
def world(ground: tuple[KeptClients, Platform]) -> World:
    return World(*ground, name=f"app-{next(_NUMBERS)}")


def test_nothing_exists_of_an_environment_that_never_was(world: World) -> None:
    assert world.find() == []


@pytest.mark.parametrize("kind", MADE)
def test_each_kind_is_found_alone(world: World, kind: ResourceKind) -> None:
    made = Leftovers(world.cloud, world.platform, world.name, "tyk").make(kind)
    found = world.find()
    assert {r.kind for r in found} == {kind, *ALONG.get(kind, ())}
    assert made in {r.id for r in found}
    shared = {ResourceKind.CLUSTER, ResourceKind.LOG_GROUP, ResourceKind.TASK, ResourceKind.RULE}
    assert all(r.component == (None if r.kind in shared else "tyk") for r in found)
    assert all(r.is_ours for r in found)


@pytest.mark.parametrize("with_platform", [True, False], ids=["", "without a platform"])
@pytest.mark.parametrize("kind", MADE)
def test_each_kind_is_removed_alone(
    world: World, kind: ResourceKind, *, with_platform: bool
) -> None:
    Leftovers(world.cloud, world.platform, world.name, "tyk").make(kind)
    world.clear(world.platform if with_platform else None)
    assert world.find() == []


@pytest.mark.parametrize("kind", HookKind)
def test_a_hooks_definition_is_found_as_such_and_removed(world: World, kind: HookKind) -> None:
    family = f"tyk--{kind.replace('_', '-')}"
    made = Leftovers(world.cloud, world.platform, world.name, family).definition()
    assert world.find() == [
        Resource(kind=ResourceKind.DEFINITION, id=made, component="tyk", hook=kind)
    ]
    world.clear(world.platform)
    assert world.find() == []


def test_a_task_that_a_hook_left_is_found_as_such(world: World) -> None:
    made = Leftovers(world.cloud, world.platform, world.name, "tyk--on-reap").task()
    (found,) = [r for r in world.find() if r.kind is ResourceKind.TASK]
    assert (found.id, found.component, found.hook) == (made, "tyk", "on_reap")
    world.clear(world.platform)
    assert world.find() == []


def test_all_kinds_of_several_components_are_removed(world: World) -> None:
    one_of_each(world.cloud, world.platform, world.name, "tyk")
    redis = Leftovers(world.cloud, world.platform, world.name, "redis")
    for kind in (
        ResourceKind.SERVICE,
        ResourceKind.GROUP,
        ResourceKind.ACCESS_POINT,
        ResourceKind.DISCOVERY,
    ):
        redis.make(kind)
    kinds = Counter(r.kind for r in world.find())
    assert kinds[ResourceKind.CLUSTER] == kinds[ResourceKind.LOG_GROUP] == 1
    assert (
        kinds[ResourceKind.SERVICE]
        == kinds[ResourceKind.GROUP]
        == kinds[ResourceKind.DISCOVERY]
        == 2
    )
    world.clear(world.platform)
    assert world.find() == []


@pytest.mark.parametrize("other", ["{}-2", "x-{}", "{}x"])
def test_what_others_have_is_neither_found_nor_removed(world: World, other: str) -> None:
    neighbour = other.format(world.name)
    one_of_each(world.cloud, world.platform, neighbour, "tyk")
    before = world.find(neighbour)
    assert world.find() == []
    one_of_each(world.cloud, world.platform, world.name, "tyk")
    world.clear(world.platform)
    assert world.find() == []
    assert world.find(neighbour) == before


@pytest.mark.parametrize("kind", [ResourceKind.CLUSTER, ResourceKind.SERVICE, ResourceKind.GROUP])
@pytest.mark.parametrize("marks", [{}, {"env": "another", "managed": "gromit"}])
def test_what_only_has_the_name_is_named_as_anothers(
    world: World, kind: ResourceKind, marks: dict[str, str]
) -> None:
    Leftovers(world.cloud, world.platform, world.name, "tyk", marks).make(kind)
    found = [r for r in world.find() if r.kind is not ResourceKind.DEFINITION]
    assert [r.is_ours for r in found] == [False]
    with pytest.raises(ValueError, match="is not the environment's"):
        world.resources.remove(found[0])


def _marks(name: str, installation: str) -> dict[str, str]:
    return {"env": name, "managed": "gromit", "installation": installation}


@pytest.mark.parametrize("ours", ["", "team-a"])
@pytest.mark.parametrize(
    "kind",
    [
        ResourceKind.CLUSTER,
        ResourceKind.GROUP,
        ResourceKind.LOG_GROUP,
        ResourceKind.DEFINITION,
        ResourceKind.ACCESS_POINT,
    ],
)
def test_what_another_installation_made_is_never_ours(
    world: World, kind: ResourceKind, ours: str
) -> None:
    """Its access points block no name, and are not returned."""
    theirs = Leftovers(world.cloud, world.platform, world.name, "tyk", _marks(world.name, "team-b"))
    made = theirs.make(kind)
    resources = AwsEnvironmentResources(resource_clients(world.cloud), ours)
    found = resources.find(world.name, world.platform)
    expected = [] if kind is ResourceKind.ACCESS_POINT else [(made, False, "team-b")]
    assert [(r.id, r.is_ours, r.owner) for r in found] == expected
    world.clear(world.platform, ours)
    assert resources.find(world.name, world.platform) == found
    world.clear(world.platform, "team-b")


@pytest.mark.parametrize("kind", MADE)
def test_a_named_installation_finds_what_it_made_with_and_without_its_name(
    world: World, kind: ResourceKind
) -> None:
    ours = _marks(world.name, "team-a")
    resources = AwsEnvironmentResources(resource_clients(world.cloud), "team-a")
    for marks in (ours, None):
        Leftovers(world.cloud, world.platform, world.name, "tyk", marks).make(kind)
        assert {r.is_ours for r in resources.find(world.name, world.platform)} == {True}
        world.clear(world.platform, "team-a")
        assert resources.find(world.name, world.platform) == []


@pytest.mark.parametrize(
    "kind", [ResourceKind.DISCOVERY, ResourceKind.LOG_GROUP, ResourceKind.DEFINITION]
)
def test_the_name_is_enough_in_places_of_gromits_own(world: World, kind: ResourceKind) -> None:
    made = Leftovers(world.cloud, world.platform, world.name, "tyk", {}).make(kind)
    assert [(r.id, r.is_ours) for r in world.find()] == [(made, True)]
    world.clear(world.platform)
    assert world.find() == []


def test_anothers_name_in_an_unknown_namespace_is_not_ours(world: World) -> None:
    Leftovers(world.cloud, world.platform, world.name, "tyk", {}).make(ResourceKind.DISCOVERY)
    assert list(world.resources.find(world.name, None)) == []


@pytest.mark.parametrize("marks", [{}, {"env": "another", "managed": "gromit"}])
def test_anothers_access_point_is_in_nobodys_way(world: World, marks: dict[str, str]) -> None:
    Leftovers(world.cloud, world.platform, world.name, "tyk", marks).make(ResourceKind.ACCESS_POINT)
    assert world.find() == []


def test_the_newest_revision_of_a_component_comes_first(world: World) -> None:
    left = Leftovers(world.cloud, world.platform, world.name, "tyk")
    made = [left.definition() for _ in range(11)]
    Leftovers(world.cloud, world.platform, world.name, "tyk-pump").definition()
    assert [r.id for r in world.find() if r.component == "tyk"] == made[::-1]


def test_what_is_gone_already_counts_as_removed(world: World) -> None:
    one_of_each(world.cloud, world.platform, world.name, "tyk")
    found = [r for r in world.find() if r.kind not in {ResourceKind.TASK, ResourceKind.DEFINITION}]
    world.clear(world.platform)
    assert [r for r in found if not world.resources.remove(r)] == []


def test_a_group_that_another_group_uses_is_in_use(world: World) -> None:
    group = Leftovers(world.cloud, world.platform, world.name, "tyk").group()
    ec2 = world.cloud.client("ec2")
    subnet = world.platform.private_subnets[0]
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
    found = next(r for r in world.find() if r.kind is ResourceKind.GROUP)
    assert not world.resources.remove(found)
    ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    assert world.resources.remove(found)
