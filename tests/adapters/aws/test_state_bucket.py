"""Locks and states in S3."""

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from gromit.adapters.aws.state_bucket import S3StateBucket, lock_key
from gromit.core.environments.terraform_locks import FoundLock, Lock, Owner
from gromit.core.stack.contract import StateMark
from gromit.core.stack.terraform import state_key
from gromit.errors import BackendError, Conflict, Temporary
from tests.witnesses import delete_bucket, running, witness_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

BUCKET = "terraform-state-dev"
NOW = datetime(2026, 1, 31, 8, 15, 0, 123456, tzinfo=UTC)
OWNER = Owner(
    boot_id="boot-1",
    pid_namespace="pid:[1]",
    pid=7,
    started=1234,
    host="worker-1",
    ecs_task="arn:aws:ecs:eu-central-1:123456789012:task/internal/abc",
    user="user:[1]:0",
)
STATE = {
    "version": 4,
    "terraform_version": "1.15.5",
    "serial": 12,
    "lineage": "3f0c",
    "outputs": {},
    "resources": [
        {"mode": "managed", "type": "aws_ecs_cluster", "name": "this", "instances": [{}]},
        {"mode": "managed", "type": "aws_ecs_service", "name": "this", "instances": [{}, {}]},
        {"mode": "data", "type": "aws_region", "name": "this", "instances": [{}]},
    ],
}


@pytest.fixture(scope="module")
def ministack() -> "Iterator[str]":
    """Address of a second witness."""
    with running("ministack") as url:
        yield url


@pytest.fixture(
    params=[
        "moto",
        pytest.param("ministack", marks=pytest.mark.long),
        pytest.param("ministack with versions", marks=pytest.mark.long),
    ]
)
def s3(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> "Iterator[S3Client]":
    if request.param != "moto":
        url = request.getfixturevalue("ministack")
        yield from in_witness(url, has_versions=request.param != "ministack")
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "emulated")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def in_witness(url: str, *, has_versions: bool) -> "Iterator[S3Client]":
    """Yield a client with an empty bucket, which is deleted after the test."""
    ours = witness_client("s3", url)
    ours.create_bucket(Bucket=BUCKET)
    if has_versions:
        ours.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    # Tests add handlers to their client.
    yield witness_client("s3", url)
    delete_bucket(ours, BUCKET)


@pytest.fixture
def bucket(s3: "S3Client") -> S3StateBucket:
    return made(s3)


def made(s3: "S3Client") -> S3StateBucket:
    numbers = count(1)
    return S3StateBucket(
        client=s3,
        bucket=BUCKET,
        who="gromit@worker-1",
        now=lambda: NOW,
        new_id=lambda: f"id-{next(numbers)}",
    )


def put(s3: "S3Client", key: str, body: object) -> None:
    s3.put_object(
        Bucket=BUCKET, Key=key, Body=body if isinstance(body, bytes) else json.dumps(body).encode()
    )


def taken(answer: object) -> Lock:
    assert isinstance(answer, Lock)
    return answer


def test_locked_environments_are_found_among_states_and_other_objects(
    s3: "S3Client", bucket: S3StateBucket
) -> None:
    assert bucket.locked() == []
    for name in ("beta", "alpha"):
        taken(bucket.lock(name, OWNER, "apply"))
    for key in (state_key("gamma"), "base.tflock", "env:/x/other.tflock", "env:/a/b/devenv.tflock"):
        put(s3, key, b"{}")
    put(s3, f"{state_key('delta')}.errored-20260131T081500Z", b"{}")
    assert bucket.locked() == ["alpha", "beta"]


def found(answer: object) -> FoundLock:
    assert isinstance(answer, FoundLock)
    return answer


def test_the_lock_is_terraforms_own_object_in_its_own_form(
    s3: "S3Client", bucket: S3StateBucket
) -> None:
    lock = taken(bucket.lock("app-test", OWNER, "apply"))
    body = json.loads(
        s3.get_object(Bucket=BUCKET, Key="env:/app-test/devenv.tflock")["Body"].read()
    )
    assert body.keys() == {"ID", "Operation", "Info", "Who", "Version", "Created", "Path"}
    assert (body["ID"], body["Operation"], body["Who"]) == (lock.id, "apply", "gromit@worker-1")
    assert body["Created"] == "2026-01-31T08:15:00.123456Z"
    assert body["Path"] == f"{BUCKET}/env:/app-test/devenv"


def test_a_second_worker_finds_the_first_ones_lock_and_its_owner(bucket: S3StateBucket) -> None:
    lock = taken(bucket.lock("app-test", OWNER, "apply"))
    other = found(bucket.lock("app-test", OWNER, "destroy"))
    assert (other.id, other.etag, other.owner, other.operation) == (
        lock.id,
        lock.etag,
        OWNER,
        "apply",
    )
    assert bucket.find_lock("app-test") == other


def test_environments_have_locks_of_their_own(bucket: S3StateBucket) -> None:
    assert (
        taken(bucket.lock("one", OWNER, "apply")).id != taken(bucket.lock("two", OWNER, "apply")).id
    )


def test_an_unlocked_environment_can_be_locked_again(bucket: S3StateBucket) -> None:
    lock = taken(bucket.lock("app-test", OWNER, "apply"))
    assert bucket.unlock(lock)
    assert bucket.find_lock("app-test") is None
    taken(bucket.lock("app-test", OWNER, "apply"))


def test_a_lock_that_is_gone_or_anothers_is_not_released(bucket: S3StateBucket) -> None:
    lock = taken(bucket.lock("app-test", OWNER, "apply"))
    assert bucket.unlock(lock)
    assert not bucket.unlock(lock)
    theirs = taken(bucket.lock("app-test", OWNER, "apply"))
    assert not bucket.unlock(lock)
    assert found(bucket.find_lock("app-test")).id == theirs.id


def test_a_left_lock_is_replaced_once(bucket: S3StateBucket) -> None:
    bucket.lock("app-test", OWNER, "apply")
    left = found(bucket.find_lock("app-test"))
    mine = bucket.replace_lock(left, OWNER, "destroy")
    assert mine is not None
    assert found(bucket.find_lock("app-test")).id == mine.id
    assert bucket.replace_lock(left, OWNER, "destroy") is None
    assert bucket.unlock(mine)
    assert bucket.replace_lock(left, OWNER, "destroy") is None, (
        "a lock that is gone is not replaced"
    )
    assert bucket.find_lock("app-test") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[1]",
        b"[" * 100_000,
        b'"text"',
        b'{"ID": 7, "Info": {}}',
        b'{"ID": "x", "Info": "{}"}',
        b'{"ID": "x", "Info": "null"}',
        json.dumps({"ID": "x", "Info": json.dumps({"boot_id": "b", "pid": "7"})}).encode(),
        json.dumps(
            {
                "ID": "x",
                "Info": json.dumps(
                    dict.fromkeys(("boot_id", "pid_namespace", "pid", "started", "host"))
                ),
            }
        ).encode(),
        json.dumps({"ID": "x", "Info": json.dumps({"of": "a later gromit"})}).encode(),
    ],
)
def test_a_foreign_or_garbled_lock_is_a_lock_without_an_owner(
    s3: "S3Client", bucket: S3StateBucket, body: bytes
) -> None:
    put(s3, lock_key("app-test"), body)
    theirs = found(bucket.lock("app-test", OWNER, "apply"))
    assert theirs.owner is None
    assert theirs.who == "unknown"
    assert bucket.unlock(theirs), "what a person orders to be released is released"


def test_terraforms_own_lock_is_understood(s3: "S3Client", bucket: S3StateBucket) -> None:
    body = {
        "ID": "0e5a", "Operation": "OperationTypeApply", "Info": "", "Who": "jane@laptop",
        "Version": "1.11.4", "Created": "2026-01-31T08:00:00.5Z",
        "Path": "terraform-state-dev/env:/app-test/devenv",
    }  # fmt: skip
    put(s3, lock_key("app-test"), body)
    theirs = found(bucket.find_lock("app-test"))
    assert (theirs.owner, theirs.who, theirs.operation, theirs.created) == (
        None,
        "jane@laptop",
        body["Operation"],
        body["Created"],
    )


def test_there_is_no_head_without_a_state(bucket: S3StateBucket) -> None:
    assert bucket.head("app-test") is None


def test_the_head_counts_managed_instances(s3: "S3Client", bucket: S3StateBucket) -> None:
    put(s3, state_key("app-test"), STATE)
    head = bucket.head("app-test")
    assert head is not None
    assert (head.resources, head.mark) == (3, StateMark("3f0c", 12))


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"{}",
        b"null",
        b'{"serial": "12"}',
        b'{"serial": 1, "lineage": "x", "resources": {}}',
        b'{"lineage": "x", "resources": []}',
        b'{"serial": 1, "resources": []}',
        b'{"serial": true, "lineage": "x", "resources": []}',
        b'{"serial": -1, "lineage": "x", "resources": []}',
        b'{"serial": 9007199254740992, "lineage": "x", "resources": []}',
        b'{"serial": 1, "lineage": "", "resources": []}',
    ],
)
def test_a_state_that_is_not_understood_is_never_taken_for_an_empty_one(
    s3: "S3Client", bucket: S3StateBucket, body: bytes
) -> None:
    put(s3, state_key("app-test"), body)
    with pytest.raises(BackendError, match="app-test is not a terraform state"):
        bucket.head("app-test")
    with pytest.raises(BackendError):
        bucket.delete("app-test")
    assert s3.get_object(Bucket=BUCKET, Key=state_key("app-test"))["Body"].read() == body


def test_an_object_of_0_bytes_is_no_state_and_is_removed(
    s3: "S3Client", bucket: S3StateBucket
) -> None:
    put(s3, state_key("app-test"), b"")
    assert bucket.head("app-test") is None
    bucket.delete("app-test")
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)


@pytest.mark.parametrize(
    ("attributes", "owners"),
    [
        ([{}, {"tags": None}, {"tags": {}}, {"tags": None, "tags_all": None}], set()),
        ([{"tags": {"env": "app-test", "managed": "gromit"}}], {"app-test"}),
        ([{"tags": {"env": "app-test"}}, {"tags": {"env": "master"}}], {"app-test", "master"}),
        ([{"tags": {"env": "app-test"}}, {"tags": {"part": "serve"}}], {"app-test", ""}),
        ([{"tags": None, "tags_all": {"env": "master"}}], {"master"}),
    ],
)
def test_the_head_has_the_owners_of_all_instances(
    s3: "S3Client",
    bucket: S3StateBucket,
    attributes: list[dict[str, Any]],
    owners: set[str],
) -> None:
    resource = {"mode": "managed", "instances": [{"attributes": a} for a in attributes]}
    data = {"mode": "data", "instances": [{"attributes": {"tags": {"env": "shared"}}}]}
    put(s3, state_key("app-test"), STATE | {"resources": [resource, data]})
    head = bucket.head("app-test")
    assert head is not None
    assert head.owners == owners


@pytest.mark.parametrize(("ours", "others"), [("", {"team-b"}), ("a", {"team-b"}), ("team-b", ())])
def test_the_state_of_another_installation_is_known_by_its_tags(
    s3: "S3Client", bucket: S3StateBucket, ours: str, others: Collection[str]
) -> None:
    tags = {"env": "app-test", "managed": "gromit", "installation": "team-b"}
    resource = {"mode": "managed", "instances": [{"attributes": {"tags": tags}}]}
    put(s3, state_key("app-test"), STATE | {"resources": [resource]})
    head = replace(bucket, installation=ours).head("app-test")
    assert head is not None
    assert head.neighbours == set(others)
    assert head.strangers("app-test") == {f"the installation {name}" for name in others}


def test_only_a_state_without_resources_is_deleted(s3: "S3Client", bucket: S3StateBucket) -> None:
    put(s3, state_key("app-test"), STATE)
    with pytest.raises(Conflict, match="still has 3 resources"):
        bucket.delete("app-test")
    put(s3, state_key("app-test"), STATE | {"resources": []})
    bucket.delete("app-test")
    assert bucket.head("app-test") is None
    bucket.delete("app-test")


def test_a_state_that_changes_while_it_is_looked_at_stays(
    s3: "S3Client", bucket: S3StateBucket
) -> None:
    put(s3, state_key("app-test"), STATE | {"resources": []})
    s3.meta.events.register(
        "before-send.s3.DeleteObject", lambda **_: put(s3, state_key("app-test"), STATE)
    )
    with pytest.raises(Conflict, match="has changed meanwhile"):
        bucket.delete("app-test")
    head = bucket.head("app-test")
    assert head is not None
    assert head.resources == 3


def test_a_state_that_is_gone_before_it_is_deleted_is_deleted(
    s3: "S3Client", bucket: S3StateBucket
) -> None:
    put(s3, state_key("app-test"), STATE | {"resources": []})
    gone: list[str] = []

    def go(**_: Any) -> None:
        if not gone:
            gone.append(state_key("app-test"))
            s3.delete_object(Bucket=BUCKET, Key=gone[0])

    s3.meta.events.register("before-call.s3.DeleteObject", go)
    bucket.delete("app-test")
    assert bucket.head("app-test") is None


V1 = STATE | {
    "resources": [
        {"mode": "managed", "type": "aws_ecs_cluster", "name": "env", "instances": [{}]},
        {"mode": "data", "type": "template_file", "name": "cd", "instances": [{}]},
    ]
}


def test_a_state_of_gromit_v1_is_recognized(s3: "S3Client", bucket: S3StateBucket) -> None:
    for state, is_v1 in ((STATE, False), (V1, True)):
        put(s3, state_key("app-test"), state)
        head = bucket.head("app-test")
        assert head is not None
        assert head.is_v1 is is_v1


def test_a_state_is_rewritten_and_a_copy_of_it_stays(s3: "S3Client", bucket: S3StateBucket) -> None:
    put(s3, state_key("app-test"), V1)
    lock = bucket.lock("app-test", OWNER, "apply")
    assert isinstance(lock, Lock)
    kept = bucket.rewrite(lock, lambda state: {**state, "serial": 13, "resources": []})
    assert kept == "s3://terraform-state-dev/env:/app-test/devenv.v1-20260131T081500.123456Z"
    copy = s3.get_object(Bucket=BUCKET, Key=kept.removeprefix(f"s3://{BUCKET}/"))["Body"].read()
    assert json.loads(copy) == V1
    head = bucket.head("app-test")
    assert head is not None
    assert (head.resources, head.mark) == (0, StateMark("3f0c", 13))
    assert bucket.names().states == {"app-test"}, "the copy is no state of an environment"


def test_nothing_is_rewritten_without_a_state_or_a_change(
    s3: "S3Client", bucket: S3StateBucket
) -> None:
    lock = bucket.lock("app-test", OWNER, "apply")
    assert isinstance(lock, Lock)
    assert not bucket.rewrite(lock, lambda state: state)
    put(s3, state_key("app-test"), V1)
    assert not bucket.rewrite(lock, lambda _state: None)
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix="env:/")["Contents"]]
    assert [key for key in keys if ".v1-" in key] == []


def test_a_state_that_changes_before_it_is_rewritten_stays(
    s3: "S3Client", bucket: S3StateBucket
) -> None:
    put(s3, state_key("app-test"), V1)
    lock = bucket.lock("app-test", OWNER, "apply")
    assert isinstance(lock, Lock)

    def change(state: Any) -> Any:
        put(s3, state_key("app-test"), STATE)
        return state

    with pytest.raises(Conflict, match="has changed meanwhile"):
        bucket.rewrite(lock, change)
    head = bucket.head("app-test")
    assert head is not None
    assert head.resources == 3


def test_an_unsaved_state_is_put_beside_the_real_one(s3: "S3Client", bucket: S3StateBucket) -> None:
    where = bucket.keep_errored("app-test", b'{"serial": 13}')
    assert where == "s3://terraform-state-dev/env:/app-test/devenv.errored-20260131T081500.123456Z"
    assert (
        s3.get_object(Bucket=BUCKET, Key=where.removeprefix(f"s3://{BUCKET}/"))["Body"].read()
        == b'{"serial": 13}'
    )


def test_a_put_that_was_sent_twice_is_still_our_lock(s3: "S3Client", bucket: S3StateBucket) -> None:
    """The first response is lost, so the SDK sends the put again, and the first put refuses it."""
    sent: list[bytes] = []

    def lose_the_answer(params: dict[str, Any], **_: Any) -> None:
        if not sent:
            sent.append(params["Body"])
            put(s3, lock_key("app-test"), params["Body"])

    s3.meta.events.register("provide-client-params.s3.PutObject", lose_the_answer)
    lock = taken(bucket.lock("app-test", OWNER, "apply"))
    assert sent
    assert found(bucket.find_lock("app-test")).id == lock.id
    assert bucket.unlock(lock)


def test_a_lock_that_changes_hands_all_the_time_is_given_up_for_now(
    s3: "S3Client", bucket: S3StateBucket
) -> None:
    put(s3, lock_key("app-test"), b"{}")

    def away(**_: Any) -> None:
        s3.delete_object(Bucket=BUCKET, Key=lock_key("app-test"))

    def back(**_: Any) -> None:
        s3.copy_object(
            Bucket=BUCKET, Key=lock_key("app-test"), CopySource={"Bucket": BUCKET, "Key": "spare"}
        )

    put(s3, "spare", b"{}")
    s3.meta.events.register("before-send.s3.GetObject", away)
    s3.meta.events.register("before-call.s3.PutObject", back)
    with pytest.raises(Temporary, match="keeps changing its owner"):
        bucket.lock("app-test", OWNER, "apply")


def test_a_bucket_that_refuses_is_said_to(bucket: S3StateBucket, s3: "S3Client") -> None:
    elsewhere = S3StateBucket(
        client=s3, bucket="not-there", who="x", now=lambda: NOW, new_id=lambda: "id"
    )
    with pytest.raises(BackendError, match="NoSuchBucket"):
        elsewhere.lock("app-test", OWNER, "apply")
    with pytest.raises(BackendError, match="NoSuchBucket"):
        elsewhere.find_lock("app-test")
    with pytest.raises(BackendError, match="NoSuchBucket"):
        elsewhere.unlock(Lock(environment="app-test", id="id", etag='"1"'))
