"""The port `StateArchive`: the fake, and a bucket in S3."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Protocol

import boto3
import pytest
from moto import mock_aws

from gromit.adapters.aws.state_bucket import S3StateBucket, lock_key
from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.contract import StateHead, StateMark
from gromit.core.stack.terraform import state_key
from gromit.errors import BackendError
from gromit.ports import StateBucket
from gromit.ports.inventory import StateArchive, StateNames
from tests.fakes.owners import owner
from tests.fakes.states import FakeStates

BUCKET = "terraform-state-dev"


class World(Protocol):
    """A state bucket."""

    states: StateBucket
    archive: StateArchive

    def put(self, name: str, lineage: str = "one") -> None:
        """Store a state without resources."""
        ...


class _Fake:
    def __init__(self) -> None:
        self.fake = FakeStates()
        self.states: StateBucket = self.fake
        self.archive: StateArchive = self.fake

    def put(self, name: str, lineage: str = "one") -> None:
        self.fake.heads[name] = StateHead(0, StateMark(lineage, 1))


class _S3:
    def __init__(self) -> None:
        self.client = boto3.client("s3", region_name="us-east-1")
        self.client.create_bucket(Bucket=BUCKET)
        numbers = count(1)
        made = S3StateBucket(
            client=self.client,
            bucket=BUCKET,
            who="operator@here",
            now=lambda: datetime(2026, 1, 31, 8, 15, tzinfo=UTC),
            new_id=lambda: f"lock-{next(numbers)}",
        )
        self.states: StateBucket = made
        self.archive: StateArchive = made
        self.bucket = made
        # Neither of these is an environment's state.
        for key in (
            "env:/app/other",
            "env:/Not_Valid/devenv",
            "devenv",
            "env:/app/devenv.errored-1",
        ):
            self.client.put_object(Bucket=BUCKET, Key=key, Body=b"x")

    def put(self, name: str, lineage: str = "one") -> None:
        body = json.dumps({"lineage": lineage, "serial": 1, "resources": []}).encode()
        self.client.put_object(Bucket=BUCKET, Key=state_key(name), Body=body)


@pytest.fixture(params=["fake", "s3"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    if request.param == "fake":
        yield _Fake()
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "emulated")
    with mock_aws():
        yield _S3()


def _lock(world: World, name: str) -> Lock:
    lock = world.states.lock(name, owner(1), "doctor")
    assert isinstance(lock, Lock)
    return lock


def test_states_and_locks_are_listed_by_environment(world: World) -> None:
    """Whichever of the two exists."""
    assert world.archive.names() == StateNames(frozenset(), frozenset())
    for name in ("one", "two"):
        world.put(name)
    for name in ("two", "three"):
        _lock(world, name)
    names = world.archive.names()
    assert names.states == {"one", "two"}
    assert names.locks == {"two", "three"}


def test_a_state_that_is_set_aside_is_no_state_any_more(world: World) -> None:
    """The lock stays until it is released."""
    world.put("one")
    lock = _lock(world, "one")
    assert world.archive.set_aside(lock)
    assert world.states.head("one") is None
    assert world.archive.names() == StateNames(frozenset(), frozenset({"one"}))
    assert world.states.unlock(lock)


def test_without_a_state_nothing_is_set_aside(world: World) -> None:
    """Another run may have removed it."""
    assert world.archive.set_aside(_lock(world, "one")) == ""


def test_people_find_what_was_set_aside_beside_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Byte for byte, whether or not it is a Terraform state."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "emulated")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "emulated")
    with mock_aws():
        world = _S3()
        world.client.put_object(Bucket=BUCKET, Key=state_key("one"), Body=b"no state")
        url = world.archive.set_aside(_lock(world, "one"))
        key = url.removeprefix(f"s3://{BUCKET}/")
        assert key == "env:/one/devenv.aside-20260131T081500.000000Z"
        assert world.client.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"no state"
        assert key != lock_key("one")


def test_a_state_of_a_name_of_gromit_v1_is_copied_once(world: World) -> None:
    world.put("TT-1234_fix")
    assert world.archive.copy("TT-1234_fix", "tt")
    assert world.states.head("tt") == world.states.head("TT-1234_fix")
    assert not world.archive.copy("TT-1234_fix", "tt"), "it has a state"
    assert not world.archive.copy("missing", "other")
    assert world.states.head("other") is None
    assert not world.archive.has_other("TT-1234_fix", "tt")


def test_a_state_of_a_name_of_gromit_v1_is_set_aside_once(world: World) -> None:
    before = world.archive.v1_names()
    assert "TT-1234_fix" not in before
    world.put("TT-1234_fix")
    world.put("app")
    assert world.archive.v1_names() == before | {"TT-1234_fix"}
    assert world.archive.set_v1_aside("TT-1234_fix")
    assert world.archive.v1_names() == before
    assert world.archive.set_v1_aside("TT-1234_fix") == ""


def test_two_states_of_two_names_may_differ(world: World) -> None:
    world.put("TT-1234_fix")
    assert not world.archive.has_other("TT-1234_fix", "tt")
    world.put("tt", "two")
    assert world.archive.has_other("TT-1234_fix", "tt")


def test_a_bucket_that_is_not_there_has_no_states_of_gromit_v1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "emulated")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "emulated")
    with mock_aws():
        world = _S3()
        missing = replace(world.bucket, bucket="not-there")
        assert missing.v1_names() == frozenset()
        with pytest.raises(BackendError, match="NoSuchBucket"):
            missing.names()
