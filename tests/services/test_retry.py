"""Retries that a person requests: whatever failed or was put off is due at once."""

from collections.abc import Callable

import pytest

from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import Environment
from gromit.core.environments.failures import Failure
from gromit.core.environments.phases import Phase, Work
from gromit.core.stack.made import MadeStack
from gromit.errors import Conflict, NotFound, UnreadableRow
from gromit.services.leases import NoWorkAvailable
from tests.services.registry import GRACE_MS, TTL_MS, Registry


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.report()
    return registry


def claim(registry: Registry, kind: Work, nonce: str = "n") -> Environment | NoWorkAvailable:
    return registry.leases.claim(kind, Claimant("w", nonce), registry.now_ms)


def claimed(registry: Registry, kind: Work, nonce: str = "n") -> Environment:
    found = claim(registry, kind, nonce)
    assert isinstance(found, Environment)
    return found


def fail(registry: Registry, kind: Work, nonce: str = "n") -> None:
    fence = registry.fence(claimed(registry, kind, nonce))
    registry.leases.failed("app-test", fence, Failure("terraform", "no", registry.now_ms))


def delete(registry: Registry) -> None:
    registry.environments.delete("app-test", registry.stamp())


def retry(registry: Registry) -> Environment:
    return registry.environments.retry("app-test", registry.stamp("alice"))


def failed_to_sow(registry: Registry) -> Work:
    fail(registry, Work.SOW)
    return Work.SOW


def failed_to_reap(registry: Registry) -> Work:
    delete(registry)
    registry.now_ms += GRACE_MS
    for number in range(3):
        fail(registry, Work.REAP, f"n{number}")
        registry.now_ms = registry.environments.inspect("app-test").due_ms
    fail(registry, Work.REAP)
    return Work.REAP


def put_off(registry: Registry) -> Work:
    row = registry.store.read("app-test") or {}
    registry.store.put({**row, "events": "x"})
    assert isinstance(claim(registry, Work.SOW), NoWorkAvailable)
    registry.store.put({**row, "due": (registry.store.read("app-test") or {})["due"]})
    return Work.SOW


def accepted_while_the_clock_was_ahead(registry: Registry) -> Work:
    registry.now_ms -= 600_000
    return Work.SOW


@pytest.mark.parametrize(
    "postpone", [failed_to_sow, failed_to_reap, put_off, accepted_while_the_clock_was_ahead]
)
def test_a_retry_makes_work_due_at_once(
    registry: Registry, postpone: Callable[[Registry], Work]
) -> None:
    kind = postpone(registry)
    assert isinstance(claim(registry, kind, "before"), NoWorkAvailable)
    retried = retry(registry)
    assert (retried.due_ms, retried.attempts) == (registry.now_ms, 0)
    assert (retried.events[-1].kind, retried.events[-1].actor) == ("retry", "alice")
    assert claimed(registry, kind, "after").name == "app-test"


def test_a_retry_of_what_is_due_changes_nothing(registry: Registry) -> None:
    before = registry.store.read("app-test")
    assert retry(registry).due_ms == registry.now_ms
    assert registry.store.read("app-test") == before


def test_a_retry_sent_again_after_a_lost_answer_changes_nothing(registry: Registry) -> None:
    failed_to_reap(registry)
    registry.store.lose_next_answer()
    assert retry(registry).attempts == 0
    assert [e.kind for e in registry.environments.inspect("app-test").events].count("retry") == 1


def test_a_retry_meets_another_change_and_counts_all_the_same(registry: Registry) -> None:
    failed_to_sow(registry)
    registry.store.meddling = [
        lambda: registry.environments.protect("app-test", protected=True, stamp=registry.stamp())
    ]
    assert retry(registry).due_ms == registry.now_ms


def test_the_work_of_a_killed_worker_is_retried_when_its_lease_is_over(registry: Registry) -> None:
    failed_to_sow(registry)
    registry.now_ms = registry.environments.get("app-test").due_ms
    claimed(registry, Work.SOW, "killed")
    with pytest.raises(Conflict, match="w is working on app-test"):
        retry(registry)
    registry.now_ms += TTL_MS + 1
    assert retry(registry).attempts == 0
    assert claimed(registry, Work.SOW, "next").name == "app-test"


def test_a_retry_does_not_end_the_grace_of_a_deletion(registry: Registry) -> None:
    delete(registry)
    before = registry.store.read("app-test")
    with pytest.raises(Conflict, match="app-test is deleted, and its grace period is not over"):
        retry(registry)
    assert registry.store.read("app-test") == before


def test_where_there_is_no_work_it_says_so(registry: Registry) -> None:
    found = claimed(registry, Work.SOW)
    registry.leases.sown("app-test", registry.fence(found), "n", MadeStack("h"), registry.stamp())
    with pytest.raises(Conflict, match="there is nothing to retry: app-test is ready") as refused:
        retry(registry)
    assert "gromit env redeploy app-test" in str(refused.value.hint)


def test_what_is_gone_or_damaged_is_not_retried(registry: Registry) -> None:
    with pytest.raises(NotFound):
        registry.environments.retry("nowhere", registry.stamp())
    registry.store.put({**(registry.store.read("app-test") or {}), "events": "x"})
    with pytest.raises(UnreadableRow):
        retry(registry)


def redeploy(registry: Registry) -> object:
    return registry.environments.redeploy("app-test", None, registry.stamp())


def protect(registry: Registry) -> object:
    return registry.environments.protect("app-test", protected=True, stamp=registry.stamp())


@pytest.mark.parametrize("change", [redeploy, protect])
def test_a_refusal_because_of_a_failed_deletion_points_to_the_retry(
    registry: Registry, change: Callable[[Registry], object]
) -> None:
    delete(registry)
    with pytest.raises(Conflict) as refused:
        change(registry)
    assert refused.value.hint == "report a build of it to revive it"
    registry.now_ms += GRACE_MS
    fail(registry, Work.REAP)
    assert registry.phase() is Phase.DELETING
    with pytest.raises(Conflict, match="app-test is deleted, but destroying it failed") as refused:
        change(registry)
    assert "gromit env retry app-test" in str(refused.value.hint)
