"""The port `ResourceListing`: the fake, and the listings of an emulated AWS."""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Protocol

import pytest

from gromit.adapters.aws.resource_listing import AwsResourceListing
from gromit.core.stack.contract import Platform
from gromit.core.stack.resources import AccountedResource, ListedResource, Resource, ResourceKind
from tests.contracts.leftovers import Leftovers, resource_clients
from tests.contracts.terraform.cloud import Cloud, running_cloud
from tests.fakes.inventory import FakeListing
from tests.fakes.platform import PLATFORM
from tests.fakes.resources import FakeEnvironmentResources

_NUMBERS = itertools.count(1)
KINDS = (
    ResourceKind.GROUP,
    ResourceKind.ACCESS_POINT,
    ResourceKind.DISCOVERY,
    ResourceKind.LOG_GROUP,
    ResourceKind.DEFINITION,
)
PLACED = {ResourceKind.GROUP, ResourceKind.ACCESS_POINT, ResourceKind.DISCOVERY}
OTHERS = {"env": "another", "managed": "else"}


class World(Protocol):
    """An account in which resources can be made."""

    name: str
    """An environment of which nothing exists."""

    def make(self, kind: ResourceKind, *, is_marked: bool = True, is_here: bool = True) -> str:
        """Create a resource of the environment, and return the id that a listing gives it."""
        ...

    def all(self, *accounted: AccountedResource) -> list[ListedResource]:
        """List what exists of the environment."""
        ...


class _Fake:
    def __init__(self) -> None:
        self.name = f"app-{next(_NUMBERS)}"
        self.resources = FakeEnvironmentResources()
        self.listing = FakeListing(self.resources)

    def make(self, kind: ResourceKind, *, is_marked: bool = True, is_here: bool = True) -> str:
        id_ = listed = f"{kind.name}-{self.name}"
        if kind is ResourceKind.DEFINITION:
            id_, listed = f"arn:aws:ecs:::task-definition/{self.name}--tyk:1", f"{self.name}--tyk"
        made = Resource(kind=kind, id=id_, is_ours=is_marked)
        self.resources.existing.setdefault(self.name, []).append(made)
        if not is_here:
            self.listing.elsewhere.add(id_)
        return listed

    def all(self, *accounted: AccountedResource) -> list[ListedResource]:
        return list(self.listing.all(PLATFORM, accounted))


class KeptClients:
    """Clients of an emulated AWS, each made once."""

    def __init__(self, cloud: Cloud) -> None:
        self.client = cache(cloud.client)
        self.calls: Counter[str] = Counter()
        for service in ("ecs", "ec2", "efs", "logs", "servicediscovery"):
            events = self.client(service).meta.events
            events.register("before-call.*.*", self._count)

    def _count(self, model: Any, **_more: Any) -> None:
        self.calls[model.name] += 1


class _Aws:
    def __init__(self, clients: KeptClients, here: Platform, elsewhere: Platform) -> None:
        self.name = f"app-{next(_NUMBERS)}"
        self.clients, self._here, self._elsewhere = clients, here, elsewhere

    def make(self, kind: ResourceKind, *, is_marked: bool = True, is_here: bool = True) -> str:
        platform = self._here if is_here else self._elsewhere
        marks = None if is_marked else OTHERS
        made = Leftovers(self.clients, platform, self.name, "tyk", marks).make(kind)
        return f"{self.name}--tyk" if kind is ResourceKind.DEFINITION else made

    def all(self, *accounted: AccountedResource) -> list[ListedResource]:
        listing = AwsResourceListing(resource_clients(self.clients))
        found = listing.all(self._here, accounted)
        return [one for one in found if one.environment == self.name]


@pytest.fixture(scope="module")
def ground() -> Iterator[tuple[KeptClients, Platform, Platform]]:
    with running_cloud() as cloud:
        yield KeptClients(cloud), (here := cloud.platform()), _another(cloud, here)


def _another(cloud: Cloud, platform: Platform) -> Platform:
    """Create the places of another installation."""
    vpc = cloud.client("ec2").create_vpc(CidrBlock="10.92.0.0/16")["Vpc"]["VpcId"]
    discovery = cloud.client("servicediscovery")
    discovery.create_private_dns_namespace(Name="other.internal", Vpc=vpc)
    found = discovery.list_namespaces()["Namespaces"]
    return replace(
        platform,
        vpc_id=vpc,
        namespace_id=next(n["Id"] for n in found if n["Name"] == "other.internal"),
        file_system_id=cloud.client("efs").create_file_system(CreationToken="o")["FileSystemId"],
    )


@pytest.fixture
def aws(ground: tuple[KeptClients, Platform, Platform]) -> _Aws:
    return _Aws(*ground)


@pytest.fixture(params=["fake", "aws"])
def world(request: pytest.FixtureRequest) -> World:
    found: World = _Fake() if request.param == "fake" else request.getfixturevalue("aws")
    return found


def _one(world: World, kind: ResourceKind, *accounted: AccountedResource) -> Resource | None:
    found = [one for one in world.all(*accounted) if one.resource.kind is kind]
    assert len(found) < 2
    if not found:
        return None
    assert found[0].environment == world.name
    assert found[0].is_here is (True if kind in PLACED else None)
    return found[0].resource


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_listed_for_its_environment(world: World, kind: ResourceKind) -> None:
    """With the place, where a kind has one."""
    made = world.make(kind)
    assert _one(world, kind) == Resource(kind=kind, id=made)


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_alone_marks_nothing(world: World, kind: ResourceKind) -> None:
    """It is listed as another's, if it is in the way."""
    made = world.make(kind, is_marked=False)
    blocks = kind not in {ResourceKind.ACCESS_POINT, ResourceKind.DEFINITION}
    foreign = Resource(kind=kind, id=made, is_ours=False)
    assert _one(world, kind) == (foreign if blocks else None)


@pytest.mark.parametrize("kind", KINDS)
def test_what_another_installation_made_is_listed_with_its_owner(
    aws: _Aws, ground: tuple[KeptClients, Platform, Platform], kind: ResourceKind
) -> None:
    """If it is in the way. This one need not have a name."""
    clients, here, _ = ground
    marks = {"env": aws.name, "managed": "gromit", "installation": "team-b"}
    made = Leftovers(clients, here, aws.name, "tyk", marks).make(kind)
    blocks = kind not in {ResourceKind.ACCESS_POINT, ResourceKind.DEFINITION}
    foreign = Resource(kind=kind, id=made, is_ours=False, owner="team-b")
    assert _one(aws, kind) == (foreign if blocks else None)


@pytest.mark.parametrize(
    "kind", [ResourceKind.DISCOVERY, ResourceKind.LOG_GROUP, ResourceKind.DEFINITION]
)
def test_what_a_state_contains_needs_no_look_at_tags(world: World, kind: ResourceKind) -> None:
    """These listings have no tags."""
    made = world.make(kind, is_marked=False)
    found = _one(world, kind, (world.name, kind, made))
    assert found == Resource(kind=kind, id=made)


def test_a_group_in_another_vpc_is_not_here(world: World) -> None:
    """Another installation has made it."""
    world.make(ResourceKind.GROUP, is_here=False)
    assert [one.is_here for one in world.all()] == [False]


@pytest.mark.parametrize("kind", [ResourceKind.DISCOVERY, ResourceKind.ACCESS_POINT])
def test_other_namespaces_and_file_systems_are_not_listed(world: World, kind: ResourceKind) -> None:
    """They are another installation's."""
    world.make(kind, is_here=False)
    assert [one for one in world.all() if one.resource.kind is kind] == []


def test_the_number_of_calls_does_not_grow_with_the_environments(
    ground: tuple[KeptClients, Platform, Platform],
) -> None:
    """Each listing costs one call for each page."""
    clients = ground[0]

    accounted: list[AccountedResource] = []

    def calls(worlds: int) -> int:
        made = [_Aws(*ground) for _ in range(worlds)]
        accounted.extend((w.name, kind, w.make(kind)) for w in made for kind in KINDS)
        clients.calls.clear()
        made[0].all(*accounted)
        return clients.calls.total()

    # What other tests have left costs the same in both.
    assert calls(1) == calls(12)
