"""The port `ImageMarks`: the fake, and ECR."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import astuple
from typing import Protocol

import boto3
import pytest
from moto import mock_aws

from gromit.adapters.aws.ecr import EcrImages
from gromit.adapters.aws.image_marks import EcrImageMarks
from gromit.core.stack.image_marks import next_mark, used_mark
from gromit.ports import ImageRegistry
from gromit.ports.image_marks import ImageMarks
from tests.aws_laws.laws import governed
from tests.contracts.ecr_images import push
from tests.fakes.images import FakeImages

ABSENT = "sha256:" + "0" * 64


class World(Protocol):
    """Registries that tests can push to, and their marks."""

    marks: ImageMarks
    registry: ImageRegistry

    def push(self, repository: str, tag: str, content: str) -> str:
        """Push an image under a tag, and return its digest."""
        ...


class _Fake:
    def __init__(self) -> None:
        self.fake = FakeImages()
        self.marks: ImageMarks = self.fake
        self.registry: ImageRegistry = self.fake

    def push(self, repository: str, tag: str, content: str) -> str:
        return self.fake.push(repository, tag, content)


class _Ecr:
    def __init__(self) -> None:
        self.client = boto3.client("ecr", region_name="eu-central-1")
        self.marks: ImageMarks = EcrImageMarks(self.client)
        self.registry: ImageRegistry = EcrImages(self.client)

    def push(self, repository: str, tag: str, content: str) -> str:
        return push(self.client, repository, tag, content)


@pytest.fixture(params=["fake", "ecr"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield _Fake()
        return
    with mock_aws():
        yield _Ecr()


def _tagged(world: World, tag: str) -> Mapping[str, str]:
    found = world.registry.digests([("tyk", tag), ("tyk-pump", tag)])
    return {repository: digest for (repository, _), digest in found.items()}


def test_marked_images_have_the_tag_and_keep_their_own(world: World) -> None:
    tyk, pump = world.push("tyk", "sha-1", "gateway"), world.push("tyk-pump", "master", "pump")
    assert not world.marks.mark([("tyk", tyk), ("tyk-pump", pump)], "gromit..app-test")
    assert _tagged(world, "gromit..app-test") == {"tyk": tyk, "tyk-pump": pump}
    assert _tagged(world, "sha-1") == {"tyk": tyk}
    assert not world.marks.mark([("tyk", tyk)], "gromit..app-test"), "again"
    assert not world.marks.mark([("tyk", tyk)], "gromit..other")
    assert _tagged(world, "gromit..app-test") == {"tyk": tyk, "tyk-pump": pump}


def test_a_mark_moves_to_another_image(world: World) -> None:
    old, new = world.push("tyk", "sha-1", "old"), world.push("tyk", "sha-2", "new")
    world.marks.mark([("tyk", old)], "gromit..app-test")
    world.marks.mark([("tyk", new)], "gromit..app-test")
    assert _tagged(world, "gromit..app-test") == {"tyk": new}
    assert _tagged(world, "sha-1") == {"tyk": old}


def test_images_that_do_not_exist_are_returned_and_the_others_are_marked(world: World) -> None:
    tyk = world.push("tyk", "sha-1", "gateway")
    absent = {("tyk-pump", tyk), ("nowhere", tyk)}
    assert set(world.marks.mark([("tyk", tyk), *absent], "gromit..app-test")) == absent
    assert set(world.marks.mark([("tyk", ABSENT)], "gromit..other")) == {("tyk", ABSENT)}
    assert _tagged(world, "gromit..app-test") == {"tyk": tyk}
    assert not world.marks.mark([], "gromit..app-test")


def test_removed_marks_leave_other_tags_and_other_repositories(world: World) -> None:
    tyk, pump = world.push("tyk", "sha-1", "gateway"), world.push("tyk-pump", "master", "pump")
    world.marks.mark([("tyk", tyk), ("tyk-pump", pump)], "gromit..a")
    world.marks.mark([("tyk", tyk)], "gromit..b")
    for _ in range(2):
        world.marks.unmark(["tyk", "nowhere"], ["gromit..a", "gromit..missing"])
    assert _tagged(world, "gromit..a") == {"tyk-pump": pump}
    assert _tagged(world, "gromit..b") == {"tyk": tyk}
    assert _tagged(world, "sha-1") == {"tyk": tyk}


def test_each_mark_is_listed_once_for_an_environment(world: World) -> None:
    """And no other tag, and no tag of another repository."""
    tyk, pump = world.push("tyk", "sha-1", "gateway"), world.push("tyk-pump", "..gromit", "pump")
    world.push("else", "gromit..a", "of another repository")
    world.push("tyk", "gromit..", "no environment")
    world.push("tyk", "gromit..a.b.c", "no installation")
    for tag in (used_mark("a"), next_mark("a"), used_mark("b", "team"), next_mark("b")):
        world.marks.mark([("tyk", tyk)], tag)
    world.marks.mark([("tyk-pump", pump)], used_mark("a"))
    assert sorted(astuple(mark) for mark in world.marks.all(["tyk", "tyk-pump", "nowhere"])) == [
        ("tyk", "a", ""),
        ("tyk", "b", ""),
        ("tyk", "b", "team"),
        ("tyk-pump", "a", ""),
    ]


def test_marks_are_listed_from_all_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gromit.adapters.aws.image_marks._PAGE", 2)
    with governed() as laws:
        client = laws.client("ecr")
        marks, digest = EcrImageMarks(client), push(client, "tyk", "sha-1", "gateway")
        names = {f"env-{number}" for number in range(5)}
        for name in names:
            marks.mark([("tyk", digest)], used_mark(name))
        assert {mark.environment for mark in marks.all(["tyk"])} == names
        assert laws.calls["ecr.ListImages"] == 3


def test_an_index_of_images_of_several_machines_is_marked_as_well() -> None:
    """ECR takes its media type from the request, and not from the manifest."""
    with mock_aws():
        world = _Ecr()
        world.client.create_repository(repositoryName="tyk")
        kind = "application/vnd.oci.image.index.v1+json"
        pushed = world.client.put_image(
            repositoryName="tyk",
            imageTag="sha-1",
            imageManifest=json.dumps({"schemaVersion": 2, "manifests": []}),
            imageManifestMediaType=kind,
        )
        digest = pushed["image"]["imageId"]["imageDigest"]
        assert not world.marks.mark([("tyk", digest)], "gromit..app-test")
        assert _tagged(world, "gromit..app-test") == {"tyk": digest}
