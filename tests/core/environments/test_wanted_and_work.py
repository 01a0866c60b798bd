"""Transitions of an environment: the changes that each phase accepts, and their results."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments import desired_state, history, protection, work
from gromit.core.environments.claims import Claimant, Fence, backoff_ms
from gromit.core.environments.environment import RepositoryVersion, Source, parse_environment
from gromit.core.environments.history import HISTORY_KEPT, HISTORY_MAX, TOMBSTONE_MS
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.environments.row_writes import Row, RowWrite, WriteAccepted, WriteRefused
from gromit.core.stack.made import MadeStack
from tests.core.environments.lives import (
    BORN,
    GRACE,
    TTL,
    after,
    birth,
    born,
    build,
    claim,
    deleted,
    failed,
    fence_of,
    in_phase,
    outcome,
    sown,
    stamp,
)

UP = (Phase.PENDING, Phase.SOWING, Phase.READY, Phase.FAILED)
LATER = BORN + 30_000
"""Instant at which a failure is due again. Every lease of the examples is still valid."""

P, S, R, G, K, F, D, X = (
    Phase.PENDING,
    Phase.SOWING,
    Phase.READY,
    Phase.DEGRADED,
    Phase.PARKED,
    Phase.FAILED,
    Phase.DELETING,
    Phase.REAPING,
)


@dataclass(frozen=True)
class Transition:
    """A change, and the phase after it for each phase that accepts it."""

    write: Callable[[Row], RowWrite]
    leads_to: dict[Phase, Phase]


TRANSITIONS = {
    "a newer build": Transition(
        lambda _: desired_state.report(build(version="sha-2"), stamp(LATER)),
        {P: P, S: S, R: P, G: P, K: P, F: P, D: P, X: S},
    ),
    "the same build again": Transition(
        lambda _: desired_state.report(build(), stamp(LATER)), {D: P, X: S}
    ),
    "another ref of the repository": Transition(
        lambda _: desired_state.report(build(version="sha-2", ref="other/app-test"), stamp(LATER)),
        {D: P, X: S},
    ),
    "a branch in the place of another": Transition(
        lambda _: desired_state.take_over(
            build(version="sha-2", ref="App-test"), build().ref.full, stamp(LATER)
        ),
        {P: P, S: S, R: P, G: P, K: P, F: P},
    ),
    "another repository": Transition(
        lambda _: desired_state.report(build("tyk-pump", "sha-1"), stamp(LATER)),
        {P: P, S: S, R: P, G: P, K: P, F: P, D: P, X: S},
    ),
    "versions replaced": Transition(
        lambda row: desired_state.replace_versions(row, {"v#tyk": "x"}, {}, stamp(LATER)),
        {P: P, S: S, R: P, G: P, K: P, F: P, D: P, X: S},
    ),
    "versions merged": Transition(
        lambda _: desired_state.merge_versions({"v#tyk": "x"}, stamp(LATER)),
        {P: P, S: S, R: P, G: P, K: P, F: P, D: P, X: S},
    ),
    "a deletion": Transition(
        lambda _: desired_state.delete(stamp(LATER), GRACE, ""),
        {P: D, S: X, R: D, G: D, K: D, F: D},
    ),
    "a part retired": Transition(
        lambda row: desired_state.retire(row, "tyk", "master", stamp(LATER)),
        {P: P, S: S, R: P, G: P, K: P, F: P},
    ),
    "the last part retired": Transition(
        lambda row: desired_state.retire_last_repository(row, "tyk", "master", stamp(LATER), GRACE),
        {P: D, S: X, R: D, G: D, K: D, F: D},
    ),
    "protection": Transition(
        lambda _: protection.protect(protected=True, stamp=stamp(LATER)),
        {P: P, S: S, R: R, G: G, K: K, F: F},
    ),
    "a redeployment": Transition(
        lambda _: desired_state.redeploy(["tyk"], "1", stamp(LATER)),
        {P: P, S: S, R: P, G: P, K: P, F: P},
    ),
    "another try": Transition(lambda _: desired_state.retry_now(stamp(LATER)), {F: P}),
    "a sequence noted": Transition(
        lambda _: desired_state.record_sequence(build(sequence=5)),
        {P: P, S: S, R: R, G: G, K: K, F: F, D: D, X: X},
    ),
    "a birth": Transition(
        lambda _: desired_state.create_incarnation(None, birth(), {}, stamp(LATER), ""), {}
    ),
    "a new incarnation": Transition(
        lambda row: desired_state.create_incarnation(row, birth(), {}, stamp(LATER), ""),
        {Phase.GONE: P},
    ),
    "a claim to sow": Transition(
        lambda _: work.claim(Work.SOW, Claimant("w2", "n2"), LATER, TTL), {P: S, G: S, F: S}
    ),
    "a claim to reap": Transition(
        lambda _: work.claim(Work.REAP, Claimant("w2", "n2"), LATER, TTL), {D: X}
    ),
    "a renewal of the holder": Transition(
        lambda row: work.renew(Fence("w1", row["epoch"]), LATER, TTL), {S: S, X: X}
    ),
    "a release by the holder": Transition(
        lambda row: work.release(Fence("w1", row["epoch"])), {S: P, X: D}
    ),
    "sown by the holder": Transition(
        lambda row: work.sown(Fence("w1", row["epoch"]), "n1", MadeStack("h"), stamp(LATER)), {S: R}
    ),
    "reaped by the holder": Transition(
        lambda row: work.reaped(Fence("w1", row["epoch"]), "n1", stamp(LATER)), {X: Phase.GONE}
    ),
    "failed by the holder": Transition(
        lambda row: work.failed(
            Fence("w1", row["epoch"]), {"kind": "k", "message": "m"}, 1, stamp(LATER)
        ),
        {S: F, X: D},
    ),
    "a success of another worker": Transition(
        lambda row: work.sown(Fence("w2", row["epoch"]), "n2", MadeStack("h"), stamp(LATER)), {}
    ),
    "a success of an earlier claim": Transition(
        lambda row: work.sown(Fence("w1", row["epoch"] - 1), "n1", MadeStack("h"), stamp(LATER)), {}
    ),
    "an overtaken success without anything newer": Transition(
        lambda row: work.sown_superseded(
            Fence("w1", row["epoch"]), "n1", MadeStack("h"), stamp(LATER)
        ),
        {},
    ),
}


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("name", TRANSITIONS)
def test_each_change_is_accepted_in_its_phases_and_leads_where_it_should(
    name: str, phase: Phase
) -> None:
    transition, row = TRANSITIONS[name], in_phase(phase)
    result = outcome(row, transition.write(row))
    if phase in transition.leads_to:
        assert isinstance(result, WriteAccepted)
        assert parse_environment(result.row).phase(LATER) is transition.leads_to[phase]
    else:
        assert result == WriteRefused(row)


@pytest.mark.parametrize("name", TRANSITIONS)
def test_without_a_row_only_a_birth_is_accepted(name: str) -> None:
    write = TRANSITIONS[name].write({"revision": 0, "epoch": 0})
    assert isinstance(outcome(None, write), WriteAccepted) is (name == "a birth")


WANTED = (
    "a newer build",
    "versions replaced",
    "versions merged",
    "a deletion",
    "a part retired",
    "a redeployment",
)


@pytest.mark.parametrize("name", WANTED)
def test_every_change_of_what_is_wanted_is_a_generation_and_an_event(name: str) -> None:
    before = in_phase(Phase.READY)
    row = after(before, TRANSITIONS[name].write(before))
    assert row["generation"] == before["generation"] + 1
    assert row["revision"] == before["revision"] + 1
    assert row["observed"] == before["observed"]
    assert row["changed"] == LATER
    assert len(row["events"]) == len(before["events"]) + 1
    assert row["events"][-1]["actor"] == "ci"


@pytest.mark.parametrize(
    "name",
    ["protection", "another try", "a sequence noted", "a claim to sow", "a renewal of the holder"],
)
def test_other_changes_are_none_of_what_is_wanted(name: str) -> None:
    (phase, *_) = TRANSITIONS[name].leads_to
    before = in_phase(phase)
    assert after(before, TRANSITIONS[name].write(before))["generation"] == before["generation"]


# ── builds ────────────────────────────────────────────────────────────────────────────────────────


def test_a_build_never_loses_what_another_repository_has_reported() -> None:
    row = after(
        born(build("tyk", "sha-1")), desired_state.report(build("tyk-pump", "sha-p"), stamp())
    )
    row = after(row, desired_state.report(build("tyk", "sha-2"), stamp()))
    assert {r: v.version for r, v in parse_environment(row).versions.items()} == {
        "tyk": "sha-2",
        "tyk-pump": "sha-p",
        "tyk-analytics": "master",
    }


def test_a_build_while_another_generation_is_being_sown_stays_to_be_done() -> None:
    row = after(claim(born()), desired_state.report(build(version="sha-2"), stamp(LATER)))
    fence = fence_of(row)
    assert outcome(row, work.sown(fence, "n1", MadeStack("h"), stamp(LATER))) == WriteRefused(row)
    row = after(row, work.sown_superseded(fence, "n1", MadeStack("h"), stamp(LATER)))
    environment = parse_environment(row)
    assert (environment.phase(LATER), environment.observed, environment.generation) == (
        Phase.PENDING,
        1,
        2,
    )
    assert (environment.work, environment.due_ms) == (Work.SOW, LATER)


def test_a_deletion_while_sowing_leads_to_reaping() -> None:
    row = deleted(claim(born()), now_ms=LATER)
    row = after(row, work.sown_superseded(fence_of(row), "n1", MadeStack("h"), stamp(LATER)))
    environment = parse_environment(row)
    assert (environment.phase(LATER), environment.work, environment.due_ms) == (
        Phase.DELETING,
        Work.REAP,
        LATER + GRACE,
    )
    assert environment.infra is True


def test_a_build_while_reaping_makes_everything_again() -> None:
    row = after(in_phase(Phase.REAPING), desired_state.report(build(version="sha-2"), stamp(LATER)))
    fence = fence_of(row)
    assert outcome(row, work.reaped(fence, "n1", stamp(LATER))) == WriteRefused(row)
    environment = parse_environment(after(row, work.reaped_revived(fence, "n1", stamp(LATER))))
    assert (environment.phase(LATER), environment.observed, environment.infra) == (
        Phase.PENDING,
        0,
        False,
    )
    assert (environment.work, environment.spec_hash) == (Work.SOW, None)


@pytest.mark.parametrize(
    ("known", "reported", "accepted"),
    [
        (None, 1, True),
        (5, 6, True),
        (5, 5, False),
        (5, 4, False),
        (5, None, True),
        (None, None, True),
        (0, 0, False),
    ],
)
def test_a_build_with_a_sequence_must_be_newer_than_the_newest(
    known: int | None, reported: int | None, accepted: bool
) -> None:
    row = born(build(sequence=known))
    result = outcome(row, desired_state.report(build(version="sha-2", sequence=reported), stamp()))
    assert isinstance(result, WriteAccepted) is accepted
    if isinstance(result, WriteAccepted):
        assert result.row.get("s#tyk") == (known if reported is None else reported)


def test_sequences_of_different_repositories_do_not_meddle() -> None:
    row = born(build(sequence=100))
    assert isinstance(
        outcome(row, desired_state.report(build("tyk-pump", "x", sequence=1), stamp())),
        WriteAccepted,
    )


def test_a_noted_sequence_only_grows() -> None:
    row = after(born(build(sequence=5)), desired_state.record_sequence(build(sequence=7)))
    assert parse_environment(row).sequences == {"tyk": 7}
    assert outcome(row, desired_state.record_sequence(build(sequence=7))) == WriteRefused(row)
    assert outcome(row, desired_state.record_sequence(build(sequence=6))) == WriteRefused(row)
    assert len(row["events"]) == 1


def test_a_new_build_forgets_failures_but_keeps_the_lease() -> None:
    row = after(
        claim(failed(claim(born()), 0)), desired_state.report(build(version="sha-2"), stamp(LATER))
    )
    environment = parse_environment(row)
    assert (environment.attempts, environment.failure, environment.due_ms) == (0, None, LATER)
    assert environment.lease is not None


def test_another_try_is_due_now_and_pauses_start_over() -> None:
    before = in_phase(Phase.FAILED)
    row = parse_environment(after(before, desired_state.retry_now(stamp(BORN + 1))))
    assert (row.due_ms, row.attempts, row.failure) == (
        BORN + 1,
        0,
        parse_environment(before).failure,
    )


# ── PUT, PATCH, retirement ────────────────────────────────────────────────────────────────────────


def test_replaced_versions_are_reported_and_no_others() -> None:
    row = after(born(build(sequence=3)), desired_state.report(build("tyk-pump", "sha-p"), stamp()))
    fallbacks = {r: RepositoryVersion("app-test", Source.BRANCH) for r in ("tyk", "tyk-pump")}
    row = after(
        row, desired_state.replace_versions(row, {"v#tyk-analytics": "sha-a"}, fallbacks, stamp())
    )
    assert parse_environment(row).versions == {
        "tyk": RepositoryVersion("app-test", Source.BRANCH),
        "tyk-pump": RepositoryVersion("app-test", Source.BRANCH),
        "tyk-analytics": RepositoryVersion("sha-a", Source.REPORTED),
    }
    assert parse_environment(row).sequences == {"tyk": 3}


def test_versions_are_replaced_only_in_the_row_that_was_read() -> None:
    before = born()
    row = after(before, desired_state.report(build("tyk-pump", "sha-p"), stamp()))
    assert outcome(
        row, desired_state.replace_versions(before, {"v#tyk": "x"}, {}, stamp())
    ) == WriteRefused(row)


def test_merged_versions_leave_the_others() -> None:
    row = after(born(), desired_state.merge_versions({"v#tyk-pump": "sha-p"}, stamp()))
    assert {r: v.version for r, v in parse_environment(row).versions.items()} == {
        "tyk": "sha-1",
        "tyk-pump": "sha-p",
        "tyk-analytics": "master",
    }


def test_a_retired_part_falls_back_to_the_default_and_another_ref_may_take_its_place() -> None:
    row = after(born(build(sequence=4)), desired_state.report(build("tyk-pump", "sha-p"), stamp()))
    row = after(row, desired_state.retire(row, "tyk", "main", stamp()))
    environment = parse_environment(row)
    assert environment.versions["tyk"] == RepositoryVersion("main", Source.DEFAULT)
    assert environment.reported == {"tyk-pump"}
    assert environment.want is Want.UP
    assert environment.sequences == {"tyk": 4}
    assert isinstance(
        outcome(row, desired_state.report(build(version="sha-3", ref="other/app-test"), stamp())),
        WriteAccepted,
    )
    assert isinstance(
        outcome(row, desired_state.report(build(version="sha-3", sequence=4), stamp())),
        WriteRefused,
    )


def test_the_last_part_retired_deletes_with_its_grace_and_keeps_the_sequence() -> None:
    row = born(build(sequence=4))
    row = after(row, desired_state.retire_last_repository(row, "tyk", "main", stamp(), GRACE))
    environment = parse_environment(row)
    assert (environment.want, environment.work, environment.due_ms) == (
        Want.GONE,
        Work.REAP,
        BORN + GRACE,
    )
    assert environment.reported == frozenset()
    assert environment.sequences == {"tyk": 4}


@pytest.mark.parametrize("last", [True, False])
def test_a_part_is_retired_only_in_the_row_that_was_read(last: bool) -> None:
    before = born()
    row = after(before, desired_state.report(build(version="sha-2"), stamp()))
    write = (
        desired_state.retire_last_repository(before, "tyk", "master", stamp(), GRACE)
        if last
        else desired_state.retire(before, "tyk", "master", stamp())
    )
    assert outcome(row, write) == WriteRefused(row)


# ── deletion, protection, revival, tombstones ─────────────────────────────────────────────────────


def test_a_protected_environment_can_be_neither_deleted_nor_reaped() -> None:
    row = born(protected=True)
    assert outcome(row, desired_state.delete(stamp(), 0, "")) == WriteRefused(row)
    assert outcome(
        row, desired_state.retire_last_repository(row, "tyk", "master", stamp(), 0)
    ) == WriteRefused(row)
    meddled = {**deleted(born(), 0), "protected": True}
    assert outcome(meddled, work.claim(Work.REAP, Claimant("w", "n"), LATER, TTL)) == WriteRefused(
        meddled
    )
    freed = after(row, protection.protect(protected=False, stamp=stamp()))
    assert isinstance(outcome(freed, desired_state.delete(stamp(), 0, "")), WriteAccepted)


@pytest.mark.parametrize("protected", [True, False])
def test_protecting_twice_changes_nothing(protected: bool) -> None:
    row = born(protected=protected)
    assert outcome(row, protection.protect(protected=protected, stamp=stamp())) == WriteRefused(row)


def test_a_deletion_is_reaped_after_its_grace_and_not_before() -> None:
    row = deleted(in_phase(Phase.READY), GRACE)
    write = work.claim(Work.REAP, Claimant("w", "n"), BORN + GRACE - 1, TTL)
    assert outcome(row, write) == WriteRefused(row)
    assert isinstance(
        outcome(row, work.claim(Work.REAP, Claimant("w", "n"), BORN + GRACE, TTL)), WriteAccepted
    )


def test_a_build_within_the_grace_revives_with_all_that_was_reported() -> None:
    row = after(born(), desired_state.report(build("tyk-pump", "sha-p"), stamp()))
    row = after(deleted(row), desired_state.report(build(version="sha-2"), stamp(LATER)))
    environment = parse_environment(row)
    assert (environment.want, environment.work, environment.due_ms) == (Want.UP, Work.SOW, LATER)
    assert {r: environment.versions[r].version for r in environment.reported} == {
        "tyk": "sha-2",
        "tyk-pump": "sha-p",
    }


def test_a_tombstone_expires_after_thirty_days_and_has_no_work_and_no_lease() -> None:
    row = in_phase(Phase.GONE)
    assert row["expire_at"] == (BORN + TOMBSTONE_MS) // 1000
    assert not {
        "work",
        "due",
        "since",
        "holder",
        "lease_until",
        "claimed",
        "claim_id",
        "spec_hash",
        "attempts",
    } & set(row)
    assert (row["infra"], row["observed"]) == (False, row["generation"])


def test_a_new_incarnation_keeps_sequences_and_epoch_and_nothing_else_of_the_tombstone() -> None:
    old = sown(claim(born(build(sequence=9))))
    old = after(old, desired_state.report(build("tyk-pump", "sha-p", sequence=3), stamp()))
    old = after(old, desired_state.redeploy(["tyk"], "1", stamp()))
    old = claim(deleted(old, 0), Work.REAP)
    gone = after(old, work.reaped(fence_of(old), "n1", stamp()))
    reported = desired_state.build_attributes(build(version="sha-5", sequence=10))
    row = after(
        gone,
        desired_state.create_incarnation(
            gone, birth(protected=True), reported, stamp(LATER), "again"
        ),
    )
    environment = parse_environment(row)
    assert environment.sequences == {"tyk": 10, "tyk-pump": 3}
    assert environment.versions["tyk-pump"] == RepositoryVersion("master", Source.DEFAULT)
    assert environment.reported == {"tyk"}
    assert (environment.epoch, environment.generation) == (gone["epoch"], gone["generation"] + 1)
    assert (environment.observed, environment.infra, environment.redeploys) == (0, False, {})
    assert (environment.protected, environment.created_ms, environment.gone_ms) == (
        True,
        LATER,
        None,
    )
    assert [e.kind for e in environment.events] == ["created"]
    assert not {"expire_at", "spec_hash", "last_done"} & set(row)


def test_a_new_incarnation_takes_the_place_of_the_tombstone_that_was_read_alone() -> None:
    gone = in_phase(Phase.GONE)
    reborn = after(
        gone, desired_state.create_incarnation(gone, birth(), {"v#tyk": "a"}, stamp(), "")
    )
    assert outcome(
        reborn, desired_state.create_incarnation(gone, birth(), {"v#tyk": "b"}, stamp(), "")
    ) == WriteRefused(reborn)


def test_an_epoch_never_repeats_even_if_the_tombstone_is_gone() -> None:
    last = in_phase(Phase.GONE)["epoch"]
    assert born(now_ms=BORN + TOMBSTONE_MS)["epoch"] > last


# ── workers ───────────────────────────────────────────────────────────────────────────────────────


def test_a_claim_takes_the_newest_generation_under_a_new_epoch() -> None:
    before = after(born(), desired_state.report(build(version="sha-2"), stamp()))
    row = claim(before, holder="w1", nonce="n7")
    assert (row["holder"], row["claim_id"], row["lease_until"], row["claimed"]) == (
        "w1",
        "n7",
        BORN + TTL,
        2,
    )
    assert (row["epoch"], row["infra"]) == (before["epoch"] + 1, True)


def test_another_worker_claims_only_when_the_lease_is_over() -> None:
    row = claim(born())
    write = work.claim(Work.SOW, Claimant("w2", "n2"), BORN + TTL, TTL)
    assert outcome(row, write) == WriteRefused(row)
    taken = claim(row, holder="w2", now_ms=BORN + TTL + 1, nonce="n2")
    assert (taken["holder"], taken["epoch"]) == ("w2", row["epoch"] + 1)


def test_the_task_of_an_earlier_holder_does_not_stay() -> None:
    row = after(born(), work.claim(Work.SOW, Claimant("w1", "n1", "arn:1"), BORN, TTL))
    assert row["task"] == "arn:1"
    assert "task" not in claim(row, holder="w2", now_ms=BORN + TTL + 1)
    again = after(row, work.claim(Work.SOW, Claimant("w3", "n3", "arn:3"), BORN + TTL + 1, TTL))
    assert again["task"] == "arn:3"


def worker_writes(fence: Fence) -> dict[str, RowWrite]:
    failure = {"kind": "k", "message": "m"}
    return {
        "renew": work.renew(fence, LATER, TTL),
        "release": work.release(fence),
        "record_hooks": work.record_hooks(fence, ["tyk"], BORN, TTL),
        "sown": work.sown(fence, "n1", MadeStack("h"), stamp()),
        "sown_but_changed": work.sown_superseded(fence, "n1", MadeStack("h"), stamp()),
        "reaped": work.reaped(fence, "n1", stamp()),
        "reaped_but_revived": work.reaped_revived(fence, "n1", stamp()),
        "failed": work.failed(fence, failure, 0, stamp()),
        "failed_but_changed": work.failed_superseded(fence, failure, stamp()),
    }


@pytest.mark.parametrize("name", worker_writes(Fence("w", 0)))
@pytest.mark.parametrize("kind", Work)
@pytest.mark.parametrize("overtaken", [True, False])
def test_a_worker_that_lost_its_claim_can_change_nothing(
    name: str, kind: Work, overtaken: bool
) -> None:
    first = claim(born() if kind is Work.SOW else in_phase(Phase.DELETING), kind)
    row = claim(first, kind, "w2", BORN + TTL + 1, "n2")
    if overtaken:
        row = after(row, desired_state.report(build(version="sha-2"), stamp()))
    assert outcome(row, worker_writes(fence_of(first))[name]) == WriteRefused(row)
    same_name_again = claim(first, kind, "w1", BORN + TTL + 1, "n2")
    assert outcome(same_name_again, worker_writes(fence_of(first))[name]) == WriteRefused(
        same_name_again
    )


@pytest.mark.parametrize("name", worker_writes(Fence("w", 0)))
@pytest.mark.parametrize("kind", Work)
@pytest.mark.parametrize("overtaken", [True, False])
def test_a_worker_never_changes_what_is_wanted(name: str, kind: Work, overtaken: bool) -> None:
    row = claim(born() if kind is Work.SOW else in_phase(Phase.DELETING), kind)
    if overtaken:
        row = after(row, desired_state.report(build(version="sha-2"), stamp()))
    result = outcome(row, worker_writes(fence_of(row))[name])
    assert result.row is not None
    for attribute in ("want", "generation", "protected", "v#tyk", "r#tyk", "d#tyk-pump"):
        assert result.row[attribute] == row[attribute]


def test_a_lease_that_is_over_but_not_claimed_again_may_still_report() -> None:
    row = claim(born())
    assert (
        parse_environment(sown(row, now_ms=BORN + 10 * TTL)).phase(BORN + 10 * TTL) is Phase.READY
    )


def test_a_failure_backs_off_and_counts() -> None:
    row = failed(claim(born()), 30_000)
    row = failed(claim(row, now_ms=BORN + 30_000), 60_000, BORN + 40_000)
    environment = parse_environment(row)
    assert (environment.attempts, environment.due_ms) == (2, BORN + 100_000)
    assert environment.failure is not None
    assert environment.failure.at_ms == BORN + 40_000


def test_a_failure_of_a_superseded_generation_does_not_delay_the_newest() -> None:
    row = after(claim(born()), desired_state.report(build(version="sha-2"), stamp(LATER)))
    failure = {"kind": "k", "message": "m"}
    assert outcome(row, work.failed(fence_of(row), failure, 1, stamp(LATER))) == WriteRefused(row)
    environment = parse_environment(
        after(row, work.failed_superseded(fence_of(row), failure, stamp(LATER)))
    )
    assert (environment.phase(LATER), environment.due_ms, environment.attempts) == (
        Phase.PENDING,
        LATER,
        0,
    )


# ── histories and pauses ──────────────────────────────────────────────────────────────────────────


def full() -> dict[str, Any]:
    row = born()
    return {
        **row,
        "events": [
            {"at": i, "actor": "a", "kind": "k", "text": str(i)} for i in range(HISTORY_MAX)
        ],
    }


def test_a_full_history_takes_no_more_events_until_it_is_cut_to_the_newest() -> None:
    row = full()
    write = desired_state.report(build(version="sha-2"), stamp())
    assert outcome(row, write) == WriteRefused(row)
    cut = after(row, history.truncate_history(row))
    assert [e["text"] for e in cut["events"]] == [
        str(i) for i in range(HISTORY_MAX - HISTORY_KEPT, HISTORY_MAX)
    ]
    assert cut["generation"] == row["generation"]
    assert len(after(cut, write)["events"]) == HISTORY_KEPT + 1


def test_a_history_is_cut_only_in_the_row_that_was_read() -> None:
    row = full()
    changed = {**row, "revision": row["revision"] + 1}
    assert outcome(changed, history.truncate_history(row)) == WriteRefused(changed)


def test_a_full_history_does_not_keep_a_worker_from_renewing_or_claiming() -> None:
    row = full()
    held = claim(row)
    assert isinstance(outcome(held, work.renew(fence_of(held), LATER, TTL)), WriteAccepted)
    assert isinstance(outcome(held, work.release(fence_of(held))), WriteAccepted)


@pytest.mark.parametrize(
    ("attempts", "jitter", "pause"),
    [
        (0, 0.0, 15_000),
        (0, 1.0, 30_000),
        (1, 1.0, 60_000),
        (3, 1.0, 240_000),
        (3, 0.5, 180_000),
        (9, 1.0, 3_600_000),
    ],
)
def test_pauses_double_up_to_the_longest(attempts: int, jitter: float, pause: int) -> None:
    assert backoff_ms(attempts, 30_000, 3_600_000, jitter) == pause


@given(st.integers(0, 10_000), st.integers(1, 10**6), st.integers(1, 10**8), st.floats(0, 1))
def test_a_pause_is_never_longer_than_the_longest_nor_shorter_than_half_of_it(
    attempts: int, first: int, longest: int, jitter: float
) -> None:
    pause = backoff_ms(attempts, first, longest, jitter)
    full_pause = min(first * 2 ** min(attempts, 30), longest)
    assert full_pause // 2 <= pause <= full_pause <= longest
