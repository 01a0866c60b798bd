"""Conditional requests of the state bucket that S3 answers with 409: sent again, never "lost"."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from gromit.adapters.aws.conflicts import ATTEMPTS, pause_s, retry_conflicts
from gromit.adapters.aws.state_bucket import S3StateBucket, lock_key
from gromit.core.environments.terraform_locks import FoundLock, Lock, Owner
from gromit.core.stack.terraform import state_key
from gromit.errors import Conflict, Temporary
from tests.aws_laws.laws import REGION, Laws

BUCKET = "terraform-state-dev"
OWNER = Owner(
    boot_id="boot-1",
    pid_namespace="pid:[1]",
    pid=7,
    started=1234,
    host="worker-1",
    ecs_task=None,
    user="user:[1]:0",
)
STATE = {"version": 4, "serial": 1, "lineage": "3f0c", "resources": []}
CODES = ("ConditionalRequestConflict", "OperationAborted")


class States:
    """A bucket with the state of `app`, and the client behind the gate."""

    def __init__(self, laws: Laws) -> None:
        self.laws, self.free = laws, laws.free("s3")
        self.free.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        self.put(state_key("app"), STATE)
        self.pauses: list[int] = []
        client = laws.client("s3")
        retry_conflicts(client, self._pause)
        numbers = itertools.count(1)
        self.bucket = S3StateBucket(
            client=client,
            bucket=BUCKET,
            who="gromit@worker-1",
            now=lambda: datetime(2026, 1, 31, tzinfo=UTC),
            new_id=lambda: f"id-{next(numbers)}",
        )

    def put(self, key: str, body: object) -> None:
        self.free.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(body).encode())

    def stored(self) -> set[str]:
        found = self.free.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {item["Key"] for item in found}

    def lock(self) -> Lock:
        taken = self.bucket.lock("app", OWNER, "create")
        assert isinstance(taken, Lock)
        return taken

    def found(self) -> FoundLock:
        self.lock()
        found = self.bucket.find_lock("app")
        assert found is not None
        return found

    def delete(self) -> bool:
        self.bucket.delete("app")
        return state_key("app") not in self.stored()

    def _pause(self, attempt: int) -> float:
        self.pauses.append(attempt)
        return 0.0


@pytest.fixture
def states(laws: Laws) -> States:
    return States(laws)


@dataclass(frozen=True)
class Case:
    """A conditional request of the bucket."""

    operation: str
    prepare: Callable[[States], Any]
    act: Callable[[States, Any], Any]
    skip: int = 0
    """Number of unconditional requests of the operation before it."""


def lineage(state: Any) -> Any:
    return {**state, "lineage": "other"}


CASES = {
    "take a lock": Case("s3.PutObject", lambda _: None, lambda s, _: s.lock()),
    "replace a lock": Case(
        "s3.PutObject", States.found, lambda s, found: s.bucket.replace_lock(found, OWNER, "delete")
    ),
    "release a lock": Case("s3.DeleteObject", States.lock, lambda s, lock: s.bucket.unlock(lock)),
    "delete a state": Case("s3.DeleteObject", lambda _: None, lambda s, _: s.delete()),
    "change a state": Case(
        "s3.PutObject", States.lock, lambda s, lock: s.bucket.rewrite(lock, lineage), skip=1
    ),
    "set a state aside": Case(
        "s3.DeleteObject", States.lock, lambda s, lock: s.bucket.set_aside(lock)
    ),
    "copy a state": Case(
        "s3.PutObject", lambda _: None, lambda s, _: s.bucket.copy("app", "new-app")
    ),
}


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@pytest.mark.parametrize("code", CODES)
def test_a_request_that_meets_another_one_is_sent_again(
    states: States, case: Case, code: str
) -> None:
    prepared = case.prepare(states)
    states.laws.fail(case.operation, code, times=ATTEMPTS - 1, skip=case.skip)
    assert case.act(states, prepared)
    assert states.pauses == list(range(1, ATTEMPTS))


@pytest.mark.parametrize("code", CODES)
def test_a_conflict_that_lasts_is_temporary_and_changes_nothing(
    states: States, case: Case, code: str
) -> None:
    prepared = case.prepare(states)
    before = states.stored()
    states.laws.fail(case.operation, code, times=ATTEMPTS, skip=case.skip)
    with pytest.raises(Temporary, match=code):
        case.act(states, prepared)
    assert len(states.pauses) == ATTEMPTS - 1
    assert {k for k in states.stored() ^ before if ".v1-" not in k and ".aside-" not in k} == set()


def test_a_lock_that_another_worker_took_during_the_conflict_is_lost(states: States) -> None:
    lock = states.lock()
    states.laws.fail("s3.DeleteObject", CODES[0])
    states.laws.meanwhile["s3.DeleteObject"] = lambda: states.put(
        lock_key("app"), {"ID": "another"}
    )
    assert not states.bucket.unlock(lock)
    found = states.bucket.find_lock("app")
    assert found is not None
    assert found.id == "another"


def test_a_state_that_changed_during_the_conflict_stays(states: States) -> None:
    lock = states.lock()
    states.laws.fail("s3.DeleteObject", CODES[0])
    states.laws.meanwhile["s3.DeleteObject"] = lambda: states.put(
        state_key("app"), {**STATE, "serial": 2}
    )
    with pytest.raises(Conflict):
        states.bucket.set_aside(lock)
    assert state_key("app") in states.stored()


def test_the_pauses_double_and_take_5_seconds_at_most() -> None:
    pauses = [pause_s(attempt) for attempt in range(1, ATTEMPTS)]
    assert sum(pauses) < 5
    assert all(0.05 * 2**n <= pause <= 0.15 * 2**n for n, pause in enumerate(pauses))
