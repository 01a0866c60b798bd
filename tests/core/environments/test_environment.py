"""Environments, parsed from their rows."""

import pytest

from gromit.core.environments import desired_state, work
from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import (
    WIRE_STATE,
    Environment,
    HistoryEvent,
    Lease,
    RepositoryVersion,
    Source,
    parse_environment,
)
from gromit.core.environments.failures import Failure
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.stack.made import MadeStack
from gromit.errors import Conflict
from tests.core.environments import lives
from tests.core.environments.lives import (
    BORN,
    TTL,
    after,
    born,
    build,
    claim,
    deleted,
    failed,
    fence_of,
    in_phase,
    sown,
    stamp,
)


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_is_derived_from_its_row(phase: Phase) -> None:
    assert parse_environment(in_phase(phase)).phase(BORN) is phase


@pytest.mark.parametrize(
    ("phase", "state"),
    [
        (Phase.PENDING, "new"),
        (Phase.SOWING, "new"),
        (Phase.FAILED, "new"),
        (Phase.READY, "processed"),
        (Phase.DELETING, "deleted"),
        (Phase.REAPING, "deleted"),
    ],
)
def test_phases_have_their_names_on_the_old_wire(phase: Phase, state: str) -> None:
    assert WIRE_STATE[phase] == state


def test_a_tombstone_does_not_appear_on_the_old_wire() -> None:
    assert set(Phase) - set(WIRE_STATE) == {Phase.GONE}


@pytest.mark.parametrize(
    ("phase", "afterwards"),
    [(Phase.SOWING, Phase.PENDING), (Phase.REAPING, Phase.DELETING)],
    ids=["sowing", "reaping"],
)
def test_a_lease_is_valid_up_to_its_last_millisecond(phase: Phase, afterwards: Phase) -> None:
    environment = parse_environment(in_phase(phase))
    assert environment.phase(BORN + TTL) is phase
    assert environment.phase(BORN + TTL + 1) is afterwards


def test_a_first_build_makes_this_environment() -> None:
    environment = parse_environment(
        born(
            build(version="sha-1", sequence=7, ref="refs/heads/integration/app-test"),
            protected=True,
        )
    )
    assert environment == Environment(
        name="app-test",
        incarnation="one",
        want=Want.UP,
        generation=1,
        observed=0,
        versions={
            "tyk": RepositoryVersion(
                "sha-1", Source.REPORTED, ref="integration/app-test", sequence=7
            ),
            "tyk-analytics": RepositoryVersion("master", Source.DEFAULT),
            "tyk-pump": RepositoryVersion("master", Source.DEFAULT),
        },
        sequences={"tyk": 7},
        redeploys={},
        pins={},
        rollback=None,
        protected=True,
        protected_by=None,
        parked=False,
        asleep=False,
        started_ms=None,
        ran_ms=None,
        created_ms=BORN,
        changed_ms=BORN,
        work=Work.SOW,
        due_ms=BORN,
        attempts=0,
        failure=None,
        lease=None,
        epoch=BORN,
        infra=False,
        spec_hash=None,
        hash_epoch=None,
        made=None,
        degraded=None,
        repairs=None,
        dns={},
        health={},
        state=None,
        hooks=(),
        gone_ms=None,
        touched_ms=BORN,
        keep_until_ms=0,
        warned=0,
        look_ms=BORN,
        missing={},
        revision=1,
        events=(HistoryEvent(BORN, "ci", "created", "first"),),
    )
    assert environment.reported == {"tyk"}


def test_a_claim_and_a_failure_are_parsed_completely() -> None:
    row = after(born(), work.claim(Work.SOW, Claimant("w1", "n1", "arn:task"), BORN, TTL))
    lease = Lease("w1", BORN + 1, BORN + TTL, 1, "n1", "arn:task", BORN)
    assert parse_environment(row).lease == lease
    environment = parse_environment(failed(row, now_ms=BORN + 5))
    assert (environment.lease, environment.failure) == (None, Failure("terraform", "no", BORN + 5))
    assert (environment.attempts, environment.due_ms) == (1, BORN + 5 + 30_000)


def test_a_reported_version_counts_more_than_a_fallback() -> None:
    row = after(born(), desired_state.report(build("tyk-pump", "sha-9"), stamp()))
    assert parse_environment(row).versions["tyk-pump"] == RepositoryVersion(
        "sha-9", Source.REPORTED, ref="app-test"
    )
    assert parse_environment(row).reported == {"tyk", "tyk-pump"}


def test_a_row_of_gromit_v1_is_not_taken_for_one_of_ours() -> None:
    with pytest.raises(Conflict, match="from gromit v1"):
        parse_environment({"name": "app-test", "state": "new", "tyk": "sha"})


# ── the hash of what runs ─────────────────────────────────────────────────────────────────────────


def trusted_by_the_next(row: dict[str, object]) -> str | None:
    """Return the hash that the next claimant gets, long after all leases."""
    late = BORN + 1_000_000_000
    return parse_environment(
        claim(after(row, desired_state.redeploy(["tyk"], "1", stamp(late))), now_ms=late)
    ).trusted_hash


def test_the_hash_is_trusted_right_after_a_run_that_ended_well() -> None:
    assert trusted_by_the_next(sown(claim(born()), "h1")) == "h1"


def test_without_any_run_there_is_no_hash_to_trust() -> None:
    assert parse_environment(claim(born())).trusted_hash is None


def test_the_hash_is_not_trusted_after_a_run_that_was_killed() -> None:
    row = claim(after(sown(claim(born())), desired_state.redeploy(["tyk"], "0", stamp())))
    assert trusted_by_the_next(row) is None


def test_the_hash_is_not_trusted_after_a_run_that_failed() -> None:
    row = failed(claim(after(sown(claim(born())), desired_state.redeploy(["tyk"], "0", stamp()))))
    assert trusted_by_the_next(row) is None


def test_the_hash_is_not_trusted_after_a_claim_that_was_given_back() -> None:
    row = claim(after(sown(claim(born())), desired_state.redeploy(["tyk"], "0", stamp())))
    assert trusted_by_the_next(after(row, work.release(fence_of(row)))) is None


def test_the_hash_is_trusted_after_a_run_that_something_newer_overtook() -> None:
    row = after(claim(born()), desired_state.report(build(version="sha-2"), stamp()))
    row = after(row, work.sown_superseded(fence_of(row), "n1", MadeStack("h1"), stamp()))
    assert trusted_by_the_next(row) == "h1"


def test_the_hash_is_not_trusted_after_a_reaping_that_was_overtaken_or_killed() -> None:
    reaping = claim(deleted(sown(claim(born())), 0), Work.REAP)
    revived = after(reaping, desired_state.report(build(version="sha-2"), stamp()))
    assert trusted_by_the_next(revived) is None
    done = after(revived, work.reaped_revived(fence_of(revived), "n1", stamp()))
    assert trusted_by_the_next(done) is None
    assert "spec_hash" not in done


def test_the_hash_is_still_trusted_if_a_deleted_environment_is_revived_before_reaping() -> None:
    row = after(deleted(sown(claim(born()), "h1")), desired_state.report(build(), stamp()))
    assert trusted_by_the_next(row) == "h1"


def test_a_new_incarnation_knows_no_hash() -> None:
    gone = in_phase(Phase.GONE)
    row = after(
        gone,
        desired_state.create_incarnation(gone, lives.birth(), {"v#tyk": "sha-1"}, stamp(), "again"),
    )
    assert trusted_by_the_next(row) is None
