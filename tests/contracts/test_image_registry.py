"""The port `ImageRegistry`: the fake, and ECR."""

import time
from collections.abc import Iterator
from typing import Protocol

import boto3
import pytest
from moto import mock_aws

from gromit.adapters.aws.ecr import EcrImages
from gromit.ports import ImageRegistry
from tests.contracts.ecr_images import push
from tests.fakes.images import FakeImages


class World(Protocol):
    """A registry that tests can push to."""

    registry: ImageRegistry

    def push(self, repository: str, tag: str, content: str, commit: str | None = None) -> str:
        """Push an image under a tag, and return its digest."""
        ...

    def now_ms(self) -> int:
        """Return the time by the registry's clock."""
        ...


class _Fake:
    def __init__(self) -> None:
        self.fake = FakeImages()
        self.registry: ImageRegistry = self.fake

    def push(self, repository: str, tag: str, content: str, commit: str | None = None) -> str:
        digest = self.fake.push(repository, tag, content)
        if commit is not None:
            self.fake.commits[repository, digest] = commit
        return digest

    def now_ms(self) -> int:
        return self.fake.now_ms


class _Ecr:
    def __init__(self) -> None:
        self.client = boto3.client("ecr", region_name="eu-central-1")
        self.registry: ImageRegistry = EcrImages(self.client)

    def push(self, repository: str, tag: str, content: str, commit: str | None = None) -> str:
        return push(self.client, repository, tag, content, commit)

    def now_ms(self) -> int:
        return round(time.time() * 1000)


@pytest.fixture(params=["fake", "ecr"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield _Fake()
        return
    with mock_aws():
        yield _Ecr()


def test_nothing_asked_is_nothing_answered(world: World) -> None:
    assert world.registry.digests([]) == {}


def test_images_that_exist_have_their_digest_and_others_are_absent(world: World) -> None:
    gateway = world.push("tyk", "sha-gw", "gateway")
    pump = world.push("tyk-pump", "master", "pump")
    asked = [
        ("tyk", "sha-gw"),
        ("tyk", "sha-other"),
        ("tyk-pump", "master"),
        ("tyk-pump", "sha-gw"),
        ("nowhere", "master"),
    ]
    assert world.registry.digests(asked) == {
        ("tyk", "sha-gw"): gateway,
        ("tyk-pump", "master"): pump,
    }


def test_a_tag_that_moves_has_the_new_digest(world: World) -> None:
    before = world.push("tyk", "master", "one")
    after = world.push("tyk", "master", "two")
    assert before != after
    assert world.registry.digests([("tyk", "master")]) == {("tyk", "master"): after}


def test_two_tags_of_one_image_both_exist(world: World) -> None:
    world.push("tyk", "sha-1", "same")
    digest = world.push("tyk", "app-test", "same")
    found = world.registry.digests([("tyk", "sha-1"), ("tyk", "app-test"), ("tyk", "missing")])
    assert found == {("tyk", "sha-1"): digest, ("tyk", "app-test"): digest}


def test_images_that_exist_have_the_instant_of_their_push(world: World) -> None:
    before = world.now_ms()
    world.push("tyk", "app-test", "gateway")
    world.push("tyk", "other", "another")
    world.push("tyk-pump", "app-test", "pump")
    there = {("tyk", "app-test"), ("tyk", "other"), ("tyk-pump", "app-test")}
    pushed = world.registry.pushed([*there, ("tyk", "missing"), ("nowhere", "app-test")])
    assert pushed.keys() == there
    # ECR counts seconds.
    assert all(before - 1000 <= at_ms <= world.now_ms() for at_ms in pushed.values())
    assert world.registry.pushed([("tyk", "missing"), ("nowhere", "app-test")]) == {}
    assert world.registry.pushed([]) == {}


def test_two_tags_of_one_image_were_both_pushed(world: World) -> None:
    world.push("tyk", "sha-1", "same")
    world.push("tyk", "app-test", "same")
    pushed = world.registry.pushed([("tyk", "app-test"), ("tyk", "sha-1")])
    assert pushed.keys() == {("tyk", "app-test"), ("tyk", "sha-1")}


@pytest.mark.parametrize(
    "image",
    [
        ("Tyk", "master"),
        ("t", "x"),
        ("a" * 300, "x"),
        ("tyk", ""),
        ("tyk", "a/b"),
        ("tyk", "-x"),
        ("", ""),
    ],
)
def test_what_no_registry_could_hold_is_absent(world: World, image: tuple[str, str]) -> None:
    there = world.push("tyk", "master", "gateway")
    assert world.registry.digests([image, ("tyk", "master")]) == {("tyk", "master"): there}


def test_an_image_asked_twice_is_answered_once(world: World) -> None:
    digest = world.push("tyk", "master", "gateway")
    assert world.registry.digests(image for image in [("tyk", "master")] * 3) == {
        ("tyk", "master"): digest
    }


def test_a_commit_is_read_where_the_manifest_names_one(world: World) -> None:
    named = world.push("tyk", "sha-1", "one", "4d5e6f")
    bare = world.push("tyk", "sha-2", "two")
    other = world.push("tyk-pump", "master", "three", "a1b2c3")
    asked = [("tyk", named), ("tyk", bare), ("tyk-pump", other)]
    missing = [("tyk", "sha256:" + "0" * 64), ("nowhere", named)]
    assert world.registry.revisions([*asked, *missing]) == {
        ("tyk", named): "4d5e6f",
        ("tyk-pump", other): "a1b2c3",
    }
    assert world.registry.revisions([]) == {}
