"""The port `OrphanFinder`: the fake, and AWS."""

from collections.abc import Iterator
from typing import Protocol

import boto3
import pytest
from moto import mock_aws

from gromit.adapters.aws.leftovers import AwsOrphanFinder
from gromit.ports import OrphanFinder
from tests.contracts.ecs_world import REGION, EcsWorld
from tests.fakes.leftovers import FakeOrphanFinder


class World(Protocol):
    """Environments that may leave resources behind."""

    leftovers: OrphanFinder

    def cluster(self, environment: str) -> None:
        """Create a cluster."""
        ...

    def service(self, environment: str, component: str) -> None:
        """Create a service, whether its cluster exists or not."""
        ...

    def group(self, environment: str) -> str:
        """Create a security group like the stack, and return its id."""
        ...

    def destroy(self, environment: str) -> None:
        """Remove all resources."""
        ...


class _Fake:
    def __init__(self) -> None:
        self._fake = FakeOrphanFinder()
        self.leftovers: OrphanFinder = self._fake

    def cluster(self, environment: str) -> None:
        self._put(environment, f"cluster {environment}")

    def service(self, environment: str, component: str) -> None:
        self._put(environment, f"cluster {environment}")
        self._put(environment, f"service {component}")

    def group(self, environment: str) -> str:
        self._put(environment, f"security group sg-{environment}")
        return f"sg-{environment}"

    def destroy(self, environment: str) -> None:
        self._fake.left.pop(environment)

    def _put(self, environment: str, what: str) -> None:
        left = self._fake.left.setdefault(environment, [])
        if what not in left:
            left.append(what)


class _Aws:
    def __init__(self) -> None:
        self.ecs, self.ec2 = EcsWorld(), boto3.client("ec2", region_name=REGION)
        self.leftovers: OrphanFinder = AwsOrphanFinder(self.ecs.client, self.ec2)
        self.vpc = self.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]

    def cluster(self, environment: str) -> None:
        self.ecs.client.create_cluster(clusterName=environment)

    def service(self, environment: str, component: str) -> None:
        self.ecs.serve(environment, component, self.ecs.define(environment, component))

    def group(self, environment: str) -> str:
        return self.tagged(env=environment, managed="gromit")

    def tagged(self, **tags: str) -> str:
        """Create a security group with these tags."""
        name = "-".join(tags.values()) or "untagged"
        group = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)[
            "GroupId"
        ]
        self.ec2.create_tags(
            Resources=[group], Tags=[{"Key": k, "Value": v} for k, v in tags.items()]
        )
        return group

    def destroy(self, environment: str) -> None:
        for name in [
            k.split(":")[1] for k in self.ecs.backend.services if k.startswith(f"{environment}:")
        ]:
            self.ecs.client.delete_service(cluster=environment, service=name, force=True)
        self.ecs.client.delete_cluster(cluster=environment)
        for group in self.ec2.describe_security_groups(
            Filters=[{"Name": "tag:env", "Values": [environment]}]
        )["SecurityGroups"]:
            self.ec2.delete_security_group(GroupId=group["GroupId"])


@pytest.fixture(params=["fake", "aws"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    if request.param == "fake":
        yield _Fake()
        return
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        yield _Aws()


def test_nothing_is_left_of_an_environment_that_never_was(world: World) -> None:
    assert list(world.leftovers.find("app-test")) == []


def test_a_cluster_without_services_is_found(world: World) -> None:
    world.cluster("app-test")
    assert list(world.leftovers.find("app-test")) == ["cluster app-test"]


def test_a_security_group_without_a_cluster_is_found(world: World) -> None:
    group = world.group("app-test")
    assert list(world.leftovers.find("app-test")) == [f"security group {group}"]


def test_all_that_is_left_is_named(world: World) -> None:
    world.service("app-test", "tyk")
    group = world.group("app-test")
    assert list(world.leftovers.find("app-test")) == [
        "cluster app-test",
        "service tyk",
        f"security group {group}",
    ]


def test_nothing_is_left_after_all_was_destroyed(world: World) -> None:
    world.service("app-test", "tyk")
    world.group("app-test")
    world.destroy("app-test")
    assert list(world.leftovers.find("app-test")) == []


@pytest.mark.parametrize("other", ["app-test-2", "app", "test"])
def test_what_others_have_is_not_found_even_if_named_alike(world: World, other: str) -> None:
    world.service(other, "tyk")
    world.group(other)
    assert list(world.leftovers.find("app-test")) == []


def test_security_groups_of_other_makers_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    with mock_aws():
        world = _Aws()
        world.tagged(env="app-test")
        world.tagged(env="app-test", managed="another")
        world.tagged(managed="gromit")
        assert list(world.leftovers.find("app-test")) == []
