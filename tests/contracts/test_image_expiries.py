"""The port `ImageExpiries`: the fake, and ECR."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, Protocol

import boto3
import pytest
from moto import mock_aws

from gromit.adapters.aws.ecr import EcrImages
from gromit.adapters.aws.image_expiries import EcrExpiries
from gromit.ports import ImageRegistry
from gromit.ports.inventory import ImageExpiries
from tests.contracts.ecr_images import push
from tests.fakes.images import FakeImages
from tests.fakes.inventory import FakeExpiries

DAY_MS = 86_400_000
POLICY = {
    "rules": [
        {
            "rulePriority": 1,
            "selection": {
                "tagStatus": "tagged",
                "tagPatternList": ["master"],
                "countType": "imageCountMoreThan",
                "countNumber": 9999,
            },
            "action": {"type": "expire"},
        },
        {
            "rulePriority": 2,
            "selection": {
                "tagStatus": "any",
                "countType": "sinceImagePushed",
                "countUnit": "days",
                "countNumber": 14,
            },
            "action": {"type": "expire"},
        },
    ]
}


class World(Protocol):
    """Registries that keep `master`, and remove other images after 14 days."""

    expiries: ImageExpiries
    registry: ImageRegistry

    def push(self, repository: str, tag: str) -> int:
        """Push an image, and return the instant."""
        ...

    def expire(self, repository: str) -> None:
        """Let images of a repository expire."""
        ...


class _Fake:
    def __init__(self) -> None:
        self.images = FakeImages()
        self.fake = FakeExpiries(self.images)
        self.expiries: ImageExpiries = self.fake
        self.registry: ImageRegistry = self.images

    def push(self, repository: str, tag: str) -> int:
        self.images.push(repository, tag)
        return 1000

    def expire(self, repository: str) -> None:
        self.fake.at_ms[repository, "sha-1"] = 1000 + 14 * DAY_MS


class _Ecr:
    def __init__(self) -> None:
        self.client = boto3.client("ecr", region_name="eu-central-1")
        self.expiries: ImageExpiries = EcrExpiries(self.client)
        self.registry: ImageRegistry = EcrImages(self.client)
        self.calls: Counter[str] = Counter()
        self.client.meta.events.register("before-call.*.*", self._count)

    def _count(self, model: Any, **_more: Any) -> None:
        self.calls[model.name] += 1

    def push(self, repository: str, tag: str) -> int:
        push(self.client, repository, tag, f"{repository}:{tag}")
        found = self.client.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
        return int(found["imageDetails"][0]["imagePushedAt"].timestamp() * 1000)

    def expire(self, repository: str) -> None:
        self.client.put_lifecycle_policy(
            repositoryName=repository, lifecyclePolicyText=json.dumps(POLICY)
        )


@pytest.fixture(params=["fake", "ecr"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield _Fake()
        return
    with mock_aws():
        yield _Ecr()


def test_images_that_exist_have_the_expiry_of_their_registry(world: World) -> None:
    """And None, where none removes them."""
    pushed_ms = world.push("tyk", "sha-1")
    world.push("tyk", "master")
    world.push("tyk-pump", "sha-1")
    world.expire("tyk")
    asked = [("tyk", "sha-1"), ("tyk", "master"), ("tyk-pump", "sha-1")]
    absent = [("tyk", "sha-2"), ("never", "sha-1")]
    assert world.expiries.expiries([*asked, *absent]) == {
        ("tyk", "sha-1"): pushed_ms + 14 * DAY_MS,
        ("tyk", "master"): None,
        ("tyk-pump", "sha-1"): None,
    }


def test_an_image_without_its_own_tag_is_found_by_its_digest(world: World) -> None:
    """Its tag has moved to another image, and a digest names it as long as it exists."""
    pushed_ms = world.push("tyk", "sha-1")
    world.expire("tyk")
    (digest,) = world.registry.digests([("tyk", "sha-1")]).values()
    absent = ("tyk", "sha256:" + "0" * 64)
    asked = [("tyk", digest), ("tyk", "sha-1"), absent, ("nowhere", digest)]
    found = world.expiries.expiries(asked)
    assert found.keys() == {("tyk", digest), ("tyk", "sha-1")}
    assert found["tyk", "sha-1"] == pushed_ms + 14 * DAY_MS


def test_three_calls_answer_for_a_hundred_images_of_a_repository() -> None:
    """The number of environments does not matter otherwise."""
    with mock_aws():
        world = _Ecr()
        images = [("tyk", f"sha-{number}") for number in range(100)]
        for repository, tag in images:
            push(world.client, repository, tag, f"{repository}:{tag}")
        world.calls.clear()
        assert len(world.expiries.expiries(images)) == 100
        assert world.calls.total() == 3
