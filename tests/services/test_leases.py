"""Claims, renewals and outcomes: repeated requests, and refused ones."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from gromit.core.environments.claims import Claimant, Fence
from gromit.core.environments.environment import Environment
from gromit.core.environments.failures import Failure, FailureClass, first_pause_ms
from gromit.core.environments.phases import Phase, Work
from gromit.core.environments.row_writes import NotExists, RowWrite
from gromit.core.stack.made import MadeStack
from gromit.errors import Conflict
from gromit.services.leases import CANDIDATES, Leases, NoWorkAvailable
from gromit.services.ledger import Ledger
from tests.services.registry import GRACE_MS, RETRY_MAX_MS, RETRY_MS, TTL_MS, Registry


@pytest.fixture
def registry() -> Registry:
    return Registry()


def claimed(
    registry: Registry, holder: str = "w1", nonce: str = "n1", kind: Work = Work.SOW
) -> Environment:
    found = registry.leases.claim(kind, Claimant(holder, nonce), registry.now_ms)
    assert isinstance(found, Environment)
    return found


def fence_of(environment: Environment) -> Fence:
    assert environment.lease
    return Fence(environment.lease.holder, environment.lease.epoch)


def fail(registry: Registry, fence: Fence, message: str = "no") -> Environment:
    return registry.leases.failed("app-test", fence, Failure("terraform", message, registry.now_ms))


# ── claims ────────────────────────────────────────────────────────────────────────────────────────


def test_the_work_that_is_due_longest_is_claimed_first(registry: Registry) -> None:
    for ref in ("c", "a", "b"):
        registry.report(ref=ref)
        registry.now_ms += 1
    names = [claimed(registry, nonce=str(i)).name for i in range(3)]
    assert names == ["c", "a", "b"]
    assert isinstance(
        registry.leases.claim(Work.SOW, Claimant("w1", "n9"), registry.now_ms), NoWorkAvailable
    )


def test_each_kind_of_work_is_for_its_own_workers(registry: Registry) -> None:
    registry.report(ref="up")
    registry.report(ref="down")
    registry.environments.delete("down", registry.stamp())
    registry.now_ms += GRACE_MS
    assert claimed(registry, kind=Work.REAP).name == "down"
    assert claimed(registry, nonce="n2").name == "up"


def test_without_work_it_is_said_when_there_will_be_some(registry: Registry) -> None:
    assert registry.leases.claim(
        Work.REAP, Claimant("w1", "n1"), registry.now_ms
    ) == NoWorkAvailable(None)
    registry.report()
    registry.environments.delete("app-test", registry.stamp())
    assert registry.leases.claim(
        Work.REAP, Claimant("w1", "n1"), registry.now_ms
    ) == NoWorkAvailable(registry.now_ms + GRACE_MS)


def test_a_claim_has_the_desired_state_and_its_expiry(registry: Registry) -> None:
    registry.report()
    registry.report(version="sha-2")
    lease = claimed(registry, "w7", "n7").lease
    assert lease is not None
    assert (lease.holder, lease.claim_id, lease.claimed, lease.until_ms) == (
        "w7",
        "n7",
        2,
        registry.now_ms + TTL_MS,
    )


def test_who_loses_a_race_gets_the_next_environment(registry: Registry) -> None:
    registry.report(ref="a")
    registry.now_ms += 1
    registry.report(ref="b")
    other = Leases(Ledger(registry.store, registry.announcer), registry.leases.policy, lambda: 1.0)
    registry.store.meddling = [lambda: other.claim(Work.SOW, Claimant("w2", "n2"), registry.now_ms)]
    assert claimed(registry, "w1", "n1").name == "b"


def test_in_one_process_no_race_is_lost(registry: Registry) -> None:
    for name in ("a", "b"):
        registry.report(ref=name)
        registry.now_ms += 1
    won: list[str] = []
    registry.store.meddling = [lambda: won.append(claimed(registry, "w2", "n2").name)]
    writes = registry.store.writes
    assert (claimed(registry, "w1", "n1").name, won) == ("a", ["b"])
    assert registry.store.writes == writes + 2
    assert registry.environments.get("a").lease is not None


def test_who_loses_every_race_gets_nothing(registry: Registry) -> None:
    for i in range(CANDIDATES):
        registry.report(ref=f"e{i}")

    def all_taken() -> None:
        for i in range(CANDIDATES):
            claimed(registry, "w2", f"other-{i}")

    registry.store.meddling = [all_taken]
    assert registry.leases.claim(
        Work.SOW, Claimant("w1", "n1"), registry.now_ms
    ) == NoWorkAvailable(None)


def test_a_claim_sent_again_is_the_same_claim(registry: Registry) -> None:
    for ref in ("a", "b", "c"):
        registry.report(ref=ref)
        registry.now_ms += 1
    first = claimed(registry)
    registry.now_ms += 5_000
    assert claimed(registry) == first
    assert registry.environments.get("b").lease is None


def test_a_claim_sent_again_within_its_own_race_is_the_same_claim(registry: Registry) -> None:
    # The DynamoDB client repeats a write whose answer was lost; the second one is refused.
    registry.report()
    first: list[Environment] = []
    registry.store.meddling = [lambda: first.append(claimed(registry))]
    assert claimed(registry) == first[0]


def test_a_claim_sent_again_after_another_worker_took_it_over_is_a_new_one(
    registry: Registry,
) -> None:
    registry.report(ref="a")
    registry.now_ms += 1
    registry.report(ref="b")
    first = claimed(registry)
    registry.now_ms += TTL_MS + 1
    assert claimed(registry, "w2", "n2").name == "a"
    again = claimed(registry)
    assert (first.name, again.name) == ("a", "b")


def test_two_workers_never_hold_the_same_environment(registry: Registry) -> None:
    for i in range(10):
        registry.report(ref=f"e{i}")
    names = [claimed(registry, f"w{i % 2}", f"n{i}").name for i in range(10)]
    assert sorted(names) == [f"e{i}" for i in range(10)]


# ── renewals and releases ─────────────────────────────────────────────────────────────────────────


def test_a_renewed_claim_stays_valid_and_has_the_current_desired_state(registry: Registry) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    registry.report(version="sha-2")
    heard = len(registry.announcer.heard)
    registry.now_ms += TTL_MS
    renewed = registry.leases.renew("app-test", fence, registry.now_ms)
    assert renewed.lease is not None
    assert (renewed.lease.until_ms, renewed.lease.claimed, renewed.generation) == (
        registry.now_ms + TTL_MS,
        1,
        2,
    )
    assert len(registry.announcer.heard) == heard


def test_a_claim_that_is_over_but_not_claimed_again_can_be_renewed(registry: Registry) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    registry.now_ms += 10 * TTL_MS
    registry.leases.renew("app-test", fence, registry.now_ms)
    assert isinstance(
        registry.leases.claim(Work.SOW, Claimant("w2", "n2"), registry.now_ms), NoWorkAvailable
    )


def test_work_that_was_given_back_is_due_at_once(registry: Registry) -> None:
    registry.report()
    registry.leases.release("app-test", fence_of(claimed(registry)))
    assert claimed(registry, "w2", "n2").name == "app-test"


Report = Callable[[Registry, Fence], object]
REPORTS: dict[str, Report] = {
    "renew": lambda r, f: r.leases.renew("app-test", f, r.now_ms),
    "release": lambda r, f: r.leases.release("app-test", f),
    "sown": lambda r, f: r.leases.sown("app-test", f, "n1", MadeStack("h"), r.stamp()),
    "reaped": lambda r, f: r.leases.reaped("app-test", f, "n1", r.stamp()),
    "failed": fail,
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_lost_claim_changes_nothing_and_the_error_names_its_new_holder(
    registry: Registry, name: str
) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    registry.now_ms += TTL_MS + 1
    claimed(registry, "w2", "n2")
    before = registry.store.read("app-test")
    with pytest.raises(Conflict, match="the claim on app-test is no longer valid; w2 holds it now"):
        REPORTS[name](registry, fence)
    assert registry.store.read("app-test") == before


@pytest.mark.parametrize("name", REPORTS)
def test_a_claim_that_never_was_is_refused(registry: Registry, name: str) -> None:
    with pytest.raises(Conflict, match="no worker holds it now"):
        REPORTS[name](registry, Fence("w1", 1))
    registry.report()
    with pytest.raises(Conflict, match="no worker holds it now"):
        REPORTS[name](registry, Fence("w1", registry.environments.get("app-test").epoch))
    assert registry.phase() is Phase.PENDING


# ── outcomes ──────────────────────────────────────────────────────────────────────────────────────


def test_what_was_made_runs_and_its_hash_is_for_the_next_claim(registry: Registry) -> None:
    registry.report()
    done = registry.leases.sown(
        "app-test", fence_of(claimed(registry)), "n1", MadeStack("h1"), registry.stamp()
    )
    assert done.phase(registry.now_ms) is Phase.READY
    registry.environments.redeploy("app-test", "tyk", registry.stamp())
    assert claimed(registry, "w2", "n2").trusted_hash == "h1"


def test_a_build_while_its_environment_is_sown_is_sown_afterwards(registry: Registry) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    registry.report(version="sha-2")
    done = registry.leases.sown("app-test", fence, "n1", MadeStack("h1"), registry.stamp())
    assert (done.observed, done.generation, done.phase(registry.now_ms)) == (1, 2, Phase.PENDING)
    again = claimed(registry, nonce="n2")
    assert again.lease is not None
    assert (again.lease.claimed, again.versions["tyk"].version) == (2, "sha-2")


def test_a_deletion_while_its_environment_is_sown_leads_to_reaping(registry: Registry) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    registry.environments.delete("app-test", registry.stamp())
    registry.leases.sown("app-test", fence, "n1", MadeStack("h1"), registry.stamp())
    assert isinstance(
        registry.leases.claim(Work.SOW, Claimant("w1", "n2"), registry.now_ms), NoWorkAvailable
    )
    registry.now_ms += GRACE_MS
    reaping = claimed(registry, nonce="n3", kind=Work.REAP)
    gone = registry.leases.reaped("app-test", fence_of(reaping), "n3", registry.stamp())
    assert gone.phase(registry.now_ms) is Phase.GONE


def test_a_build_while_its_environment_is_reaped_makes_it_again(registry: Registry) -> None:
    registry.report()
    registry.leases.sown(
        "app-test", fence_of(claimed(registry)), "n1", MadeStack("h1"), registry.stamp()
    )
    registry.environments.delete("app-test", registry.stamp())
    registry.now_ms += GRACE_MS
    fence = fence_of(claimed(registry, nonce="n2", kind=Work.REAP))
    registry.report(version="sha-2")
    revived = registry.leases.reaped("app-test", fence, "n2", registry.stamp())
    assert (revived.phase(registry.now_ms), revived.observed) == (Phase.PENDING, 0)
    assert claimed(registry, nonce="n3").trusted_hash is None


def test_a_second_deletion_while_the_first_is_reaped_is_reaped_after_its_own_grace(
    registry: Registry,
) -> None:
    registry.report()
    registry.environments.delete("app-test", registry.stamp())
    registry.now_ms += GRACE_MS
    fence = fence_of(claimed(registry, kind=Work.REAP))
    registry.report(version="sha-2")
    registry.environments.delete("app-test", registry.stamp())
    again = registry.leases.reaped("app-test", fence, "n1", registry.stamp())
    assert (again.phase(registry.now_ms), again.gone_ms) == (Phase.DELETING, None)
    assert again.due_ms == registry.now_ms + GRACE_MS, "a build can still revive it"


@pytest.mark.parametrize("newer", [True, False])
def test_a_success_sent_again_is_known_by_its_nonce(registry: Registry, newer: bool) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    if newer:
        registry.report(version="sha-2")
    first = registry.leases.sown("app-test", fence, "n1", MadeStack("h1"), registry.stamp())
    assert registry.leases.sown("app-test", fence, "n1", MadeStack("h1"), registry.stamp()) == first
    registry.report(version="sha-3")
    taken = claimed(registry, "w2", "n2")
    again = registry.leases.sown("app-test", fence, "n1", MadeStack("h1"), registry.stamp())
    assert again.lease == taken.lease
    with pytest.raises(Conflict):
        registry.leases.sown("app-test", fence, "another", MadeStack("h1"), registry.stamp())


def test_a_reaping_sent_again_is_known_by_its_nonce(registry: Registry) -> None:
    registry.report()
    registry.environments.delete("app-test", registry.stamp())
    registry.now_ms += GRACE_MS
    fence = fence_of(claimed(registry, kind=Work.REAP))
    first = registry.leases.reaped("app-test", fence, "n1", registry.stamp())
    assert registry.leases.reaped("app-test", fence, "n1", registry.stamp()) == first


@pytest.mark.parametrize("newer", [True, False])
def test_a_failure_sent_again_is_counted_once(registry: Registry, newer: bool) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    if newer:
        registry.report(version="sha-2")
    first = fail(registry, fence)
    registry.now_ms += 5_000
    assert fail(registry, fence) == first
    assert first.attempts == (0 if newer else 1)
    registry.now_ms += RETRY_MS
    taken = claimed(registry, "w2", "n2")
    assert fail(registry, fence).lease == taken.lease


@pytest.mark.parametrize("newer", [True, False])
def test_after_a_failure_the_hash_of_what_runs_is_unknown(registry: Registry, newer: bool) -> None:
    """The run may have changed anything before it failed."""
    registry.report()
    registry.leases.sown(
        "app-test", fence_of(claimed(registry)), "n1", MadeStack("h1"), registry.stamp()
    )
    registry.report(version="sha-2")
    taken = claimed(registry, nonce="n2")
    assert taken.spec_hash == "h1"
    if newer:
        registry.report(version="sha-3")
    assert fail(registry, fence_of(taken)).spec_hash is None


@pytest.mark.parametrize("name", ["renew", "release", "sown", "reaped"])
def test_after_a_failure_nothing_else_is_taken_for_that_claim(
    registry: Registry, name: str
) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    fail(registry, fence)
    with pytest.raises(Conflict):
        REPORTS[name](registry, fence)


def test_after_a_success_no_failure_is_taken_for_that_claim(registry: Registry) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    registry.leases.sown("app-test", fence, "n1", MadeStack("h1"), registry.stamp())
    with pytest.raises(Conflict):
        fail(registry, fence)
    assert registry.phase() is Phase.READY


def test_an_outcome_that_meets_a_build_is_recorded_all_the_same(registry: Registry) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    registry.store.meddling = [lambda: registry.report(version="sha-2")]
    assert (
        registry.leases.sown("app-test", fence, "n1", MadeStack("h1"), registry.stamp()).phase(
            registry.now_ms
        )
        is Phase.PENDING
    )
    fence = fence_of(claimed(registry, nonce="n2"))
    registry.store.meddling = [lambda: registry.report(version="sha-3")]
    assert fail(registry, fence).phase(registry.now_ms) is Phase.PENDING


def test_pauses_grow_with_each_failure_in_a_row_up_to_the_longest_and_end_with_a_success(
    registry: Registry,
) -> None:
    registry.report()
    pauses = []
    for i in range(6):
        failed = fail(registry, fence_of(claimed(registry, nonce=f"n{i}")))
        pauses.append(failed.due_ms - registry.now_ms)
        registry.now_ms = failed.due_ms
    assert pauses == [RETRY_MS, 2 * RETRY_MS, 4 * RETRY_MS, *[RETRY_MAX_MS] * 3]
    registry.leases.sown(
        "app-test", fence_of(claimed(registry, nonce="ok")), "ok", MadeStack("h"), registry.stamp()
    )
    registry.environments.redeploy("app-test", None, registry.stamp())
    failed = fail(registry, fence_of(claimed(registry, nonce="again")))
    assert (failed.attempts, failed.due_ms - registry.now_ms) == (1, RETRY_MS)


FAULTS = {
    FailureClass.TRANSIENT: Failure("temporary", "ThrottlingException", 0),
    FailureClass.PLATFORM: Failure("denied", "no", 0),
    FailureClass.QUOTA: Failure("terraform", "ServiceQuotaExceeded", 0),
    FailureClass.BUILD: Failure("rollout", "tyk: exit code 1", 0),
    FailureClass.PERSON: Failure("unsafe_state", "no", 0),
}


@pytest.mark.parametrize("found", FailureClass)
def test_the_class_of_a_failure_decides_its_pause_and_its_log_line(found: FailureClass) -> None:
    registry = Registry(retry_ms=1000)
    registry.report()
    failure = replace(FAULTS[found], at_ms=registry.now_ms)
    fence = fence_of(claimed(registry))
    with capture_logs() as lines:
        failed = registry.leases.failed("app-test", fence, failure)
    pause = failed.due_ms - registry.now_ms
    assert pause == first_pause_ms(found, 1000, RETRY_MAX_MS)
    (line,) = [line for line in lines if line["event"] == "failure.recorded"]
    assert line["failure_class"] == found
    assert (line["env"], line["attempts"], line["retry_s"]) == ("app-test", 1, round(pause / 1000))


@pytest.mark.parametrize("act", ["build", "retry", "the job again"])
def test_a_newer_build_or_a_retry_ends_the_long_pause_of_a_broken_build(
    registry: Registry, act: str
) -> None:
    registry.report(sequence=1)
    registry.leases.failed("app-test", fence_of(claimed(registry)), FAULTS[FailureClass.BUILD])
    registry.now_ms += 1
    if act == "retry":
        registry.environments.retry("app-test", registry.stamp())
    else:
        registry.report(version="sha-2" if act == "build" else "sha-1", sequence=2)
    assert claimed(registry, nonce="n2").name == "app-test"


def test_a_broken_build_that_waits_for_a_better_one_is_not_old_work(registry: Registry) -> None:
    """The alarm on unfinished work is for the operators, who cannot help it."""
    registry.report()
    registry.now_ms += 10
    failure = replace(FAULTS[FailureClass.BUILD], at_ms=registry.now_ms)
    failed = registry.leases.failed("app-test", fence_of(claimed(registry)), failure)
    assert registry.store.unfinished("sow") == {"app-test": failed.due_ms - 1}
    registry.now_ms = failed.due_ms
    registry.report(ref="untried")
    # What failed comes after untried work, also if it is due longer.
    assert [claimed(registry, nonce=n).name for n in ("1", "2")] == ["untried", "app-test"]


@pytest.mark.parametrize("newer", [True, False])
@pytest.mark.parametrize(
    ("message", "recorded"),
    [
        (
            "\x1b[31mError\x1b[0m:\x00 RespMetadata: {\n  StatusCode: 400\x07\n}",
            "Error: RespMetadata: { StatusCode: 400 }",
        ),
        ("locked by \u202eecila\r\nsince\x9b yesterday", "locked by ecila since yesterday"),
    ],
)
def test_a_failure_is_recorded_without_control_characters(
    registry: Registry, message: str, recorded: str, newer: bool
) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    if newer:
        registry.report(version="sha-2")
    failed = fail(registry, fence, message)
    assert failed.events[-1].text.startswith(f"terraform: {recorded}")
    if not newer:
        assert failed.failure is not None
        assert failed.failure.message == recorded


def test_pauses_are_scattered(registry: Registry) -> None:
    registry.report()
    registry.jitter = 0.0
    assert fail(registry, fence_of(claimed(registry))).due_ms == registry.now_ms + RETRY_MS // 2


def test_a_failing_environment_does_not_hold_up_another(registry: Registry) -> None:
    registry.report()
    fail(registry, fence_of(claimed(registry)))
    registry.now_ms += 1
    registry.report(ref="other")
    assert claimed(registry, nonce="n2").name == "other"


def test_a_row_that_is_no_environment_is_never_claimed(registry: Registry) -> None:
    registry.store.write(
        "odd", RowWrite(conditions=(NotExists("name"),), sets={"work": "sow", "due": 1})
    )
    registry.report()
    assert claimed(registry).name == "app-test"


# ── hooks ─────────────────────────────────────────────────────────────────────────────────────────


def _reap(registry: Registry) -> Environment:
    registry.environments.delete("app-test", registry.stamp())
    registry.now_ms += GRACE_MS
    return claimed(registry, nonce=f"reap-{registry.now_ms}", kind=Work.REAP)


def test_hooks_are_recorded_until_the_environment_is_destroyed(registry: Registry) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    recorded = registry.leases.record_hooks("app-test", fence, ["tyk", "redis"], registry.now_ms)
    assert recorded.hooks == ("redis", "tyk")
    registry.leases.sown("app-test", fence, "n1", MadeStack("hash"), registry.stamp())
    registry.report(version="sha-2")
    assert claimed(registry, nonce="n2").hooks == ("redis", "tyk")


@pytest.mark.parametrize("revived", [True, False], ids=["revived meanwhile", "a new life"])
def test_a_new_life_begins_without_recorded_hooks(registry: Registry, revived: bool) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    registry.leases.record_hooks("app-test", fence, ["tyk"], registry.now_ms)
    registry.leases.sown("app-test", fence, "n1", MadeStack("hash"), registry.stamp())
    reap = _reap(registry)
    if revived:
        registry.report(version="sha-2")
    assert reap.lease is not None
    registry.leases.reaped("app-test", fence_of(reap), reap.lease.claim_id, registry.stamp())
    if not revived:
        registry.report(version="sha-2")
    assert claimed(registry, nonce="n3").hooks == ()


def test_a_worker_that_lost_its_claim_records_no_hooks(registry: Registry) -> None:
    registry.report()
    fence = fence_of(claimed(registry))
    registry.now_ms += TTL_MS + 1
    claimed(registry, "w2", "n2")
    with pytest.raises(Conflict, match="w2 holds it now"):
        registry.leases.record_hooks("app-test", fence, ["tyk"], registry.now_ms)
    assert registry.environments.get("app-test").hooks == ()
