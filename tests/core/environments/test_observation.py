"""Observations: when one changes a row, the phase after it, and the pace of repairs."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gromit.core.environments import desired_state, parking, work
from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import parse_environment
from gromit.core.environments.observation import Observation, observation_write
from gromit.core.environments.phases import Phase, Work
from gromit.core.environments.row_writes import Row, RowWrite, WriteAccepted, apply_write
from gromit.core.stack.addresses import NameState, NameStatus
from gromit.core.stack.health import HealthState, HealthStatus
from tests.core.environments.lives import (
    BORN,
    TTL,
    after,
    build,
    claim,
    deleted,
    failed,
    in_phase,
    lives,
    observed,
    sown,
    stamp,
)

FIRST, LONGEST = 30_000, 3_600_000
DOWN = {"tyk": "0 of 1 tasks run"}
PUBLISHED = {"tyk": NameStatus(NameState.PUBLISHED)}
WORKS = {"tyk": HealthStatus(HealthState.PASS)}
BLOCKED = {"tyk": NameStatus(NameState.BLOCKED, "a record of type CNAME exists")}


def write_of(row: Row, now_ms: int = BORN, **seen: Any) -> RowWrite | None:
    """Return the write for an observation of the row as it is."""
    before = parse_environment(row)
    observation = replace(Observation(before.name, before.epoch), **seen)
    return observation_write(before, observation, stamp(now_ms), FIRST, LONGEST)


def look(row: Row, now_ms: int = BORN, **seen: Any) -> dict[str, Any]:
    """Return the row after an observation that changes it."""
    write = write_of(row, now_ms, **seen)
    assert write is not None
    return after(row, write)


def test_a_part_that_does_not_run_degrades_a_ready_environment_and_schedules_its_repair() -> None:
    row = look(in_phase(Phase.READY), BORN + 5, problems=DOWN)
    environment = parse_environment(row)
    assert environment.phase(BORN + 5) is Phase.DEGRADED
    assert environment.degraded is not None
    assert environment.degraded.reason == "tyk: 0 of 1 tasks run"
    assert (environment.work, environment.due_ms) == (Work.SOW, BORN + 5 + FIRST)
    assert environment.generation == environment.observed == 1
    assert environment.trusted_hash is None
    assert environment.events[-1].kind == "degraded"


@pytest.mark.parametrize("phase", sorted(set(Phase) - {Phase.READY, Phase.DEGRADED}))
def test_no_other_phase_is_degraded_by_an_observation(phase: Phase) -> None:
    assert write_of(in_phase(phase), problems=DOWN) is None


@given(lives(), st.sampled_from([{}, DOWN]), st.sampled_from([{}, PUBLISHED, BLOCKED]))
def test_the_same_observation_again_changes_nothing(
    row: Row, problems: dict[str, str], names: dict[str, NameStatus]
) -> None:
    write = write_of(row, problems=problems, names=names)
    changed = row if write is None else after(row, write)
    assert write_of(changed, problems=problems, names=names) is None


@pytest.mark.parametrize("phase", Phase)
def test_an_observation_from_before_a_claim_changes_nothing(phase: Phase) -> None:
    before = parse_environment(in_phase(phase))
    old = Observation(before.name, before.epoch - 1, DOWN, PUBLISHED)
    assert observation_write(before, old, stamp(), FIRST, LONGEST) is None


def test_a_claim_between_read_and_write_refuses_the_observation() -> None:
    row = in_phase(Phase.READY)
    write = write_of(row, problems=DOWN)
    assert write is not None
    assert {c for c in write.conditions if "revision" in repr(c)}


def test_a_repair_that_succeeds_makes_it_ready_and_leaves_no_work() -> None:
    row = sown(claim(in_phase(Phase.DEGRADED)))
    environment = parse_environment(row)
    assert environment.phase(BORN) is Phase.READY
    assert environment.work is None


def test_a_repair_that_fails_leaves_it_degraded_with_the_reason_and_a_later_attempt() -> None:
    row = failed(claim(in_phase(Phase.DEGRADED)), retry_ms=70_000)
    environment = parse_environment(row)
    assert environment.phase(BORN) is Phase.DEGRADED
    assert environment.failure is not None
    assert environment.due_ms == BORN + 70_000


def test_what_runs_again_by_itself_is_ready_without_a_repair() -> None:
    row = look(failed(claim(in_phase(Phase.DEGRADED))))
    environment = parse_environment(row)
    assert environment.phase(BORN) is Phase.READY
    assert (environment.work, environment.attempts, environment.failure) == (None, 0, None)
    assert environment.events[-1].kind == "recovered"


def test_other_parts_that_do_not_run_are_shown_and_keep_the_time_of_the_first() -> None:
    row = look(in_phase(Phase.DEGRADED), BORN + 9, problems={"pump": "missing"})
    degraded = parse_environment(row).degraded
    assert degraded is not None
    assert (degraded.at_ms, dict(degraded.components)) == (BORN, {"pump": "missing"})


def test_names_are_recorded_in_every_phase_in_which_the_environment_is_wanted() -> None:
    wanted = [p for p in Phase if write_of(in_phase(p), names=BLOCKED)]
    assert set(wanted) == set(Phase) - {Phase.DELETING, Phase.REAPING, Phase.GONE}
    row = look(in_phase(Phase.READY), names=BLOCKED)
    assert parse_environment(row).phase(BORN) is Phase.READY
    assert parse_environment(row).dns == BLOCKED


def test_repairs_that_follow_each_other_wait_twice_as_long_each_time() -> None:
    row, now, pauses = in_phase(Phase.READY), BORN, []
    for nonce in range(10):
        row = look(row, now, problems=DOWN)
        pauses.append(row["due"] - now)
        now = row["due"]
        claimed = after(row, work.claim(Work.SOW, Claimant("w1", f"n{nonce}"), now, TTL))
        row = sown(claimed, now_ms=now, nonce=f"n{nonce}")
    assert pauses == [min(FIRST * 2**n, LONGEST) for n in range(10)]
    later = row["repairs"]["at"] + 2 * LONGEST + 1
    assert look(row, later, problems=DOWN)["due"] == later + FIRST


def test_a_newer_build_of_a_degraded_environment_is_sown_as_ever() -> None:
    row = sown(claim(observed(sown(claim(in_phase(Phase.PENDING))), tyk="x"), now_ms=BORN + FIRST))
    assert "problems" not in row


SICK = {"tyk": HealthStatus(HealthState.WARN, "/hello says warn: redis")}
WORDS = {"tyk": "/hello says warn: redis"}
WELL = {"tyk": HealthStatus(HealthState.PASS)}


def test_a_program_that_does_not_work_degrades_a_ready_environment_without_a_repair() -> None:
    row = look(in_phase(Phase.READY), BORN + 5, problems=WORDS, health=SICK)
    environment = parse_environment(row)
    assert environment.phase(BORN + 5) is Phase.DEGRADED
    assert environment.health == SICK
    assert (environment.work, environment.repairs, environment.needs_repair) == (None, None, False)
    assert environment.trusted_hash == parse_environment(in_phase(Phase.READY)).trusted_hash
    assert environment.events[-1].text == "tyk: /hello says warn: redis"


def test_an_unhealthy_environment_is_no_work_for_a_worker() -> None:
    row = look(in_phase(Phase.READY), problems=WORDS, health=SICK)
    claimed = work.claim(Work.SOW, Claimant("w1", "n1"), BORN + LONGEST, TTL)
    assert not isinstance(apply_write(claimed, row, {"name": row["name"]}), WriteAccepted)


def test_a_program_that_works_again_makes_the_environment_ready() -> None:
    row = look(in_phase(Phase.READY), problems=WORDS, health=SICK)
    row = look(row, BORN + 9, health=WELL)
    environment = parse_environment(row)
    assert (environment.phase(BORN + 9), environment.health) == (Phase.READY, WELL)
    assert environment.events[-1].kind == "recovered"


def test_a_part_that_stops_in_an_unhealthy_environment_is_repaired_and_then_only_asked() -> None:
    row = look(in_phase(Phase.READY), problems=WORDS, health=SICK)
    row = look(row, BORN + 7, problems={**WORDS, "pump": "missing"}, health=SICK)
    environment = parse_environment(row)
    assert (environment.needs_repair, environment.trusted_hash) == (True, None)
    assert (environment.work, environment.due_ms) == (Work.SOW, BORN + 7 + FIRST)
    assert environment.degraded is not None
    assert environment.degraded.at_ms == BORN
    again = look(row, BORN + 8, problems=WORDS, health=SICK)
    assert parse_environment(again).phase(BORN + 8) is Phase.DEGRADED
    assert parse_environment(again).work is None


def test_a_component_that_stops_after_a_bad_answer_is_repaired() -> None:
    row = look(in_phase(Phase.READY), problems=WORDS, health=SICK)
    row = look(row, problems=DOWN)
    assert parse_environment(row).needs_repair
    assert parse_environment(row).work is Work.SOW


def test_a_tolerated_answer_is_recorded_and_the_environment_stays_ready() -> None:
    row = look(in_phase(Phase.READY), health=SICK)
    environment = parse_environment(row)
    assert (environment.phase(BORN), environment.health) == (Phase.READY, SICK)
    assert write_of(row, health=SICK) is None


def test_an_apply_ends_what_is_known_of_the_health() -> None:
    row = look(in_phase(Phase.DEGRADED), problems={**DOWN, **WORDS}, health=WELL)
    assert parse_environment(sown(claim(row))).health == {}


def test_a_state_of_a_later_release_counts_as_unknown() -> None:
    row = in_phase(Phase.READY) | {"health": {"tyk": {"state": "odd", "reason": ""}}}
    assert parse_environment(row).health == {}


def test_a_revived_environment_claims_no_name_until_it_is_seen_again() -> None:
    """Its names went with the deletion, and deleted environments are not observed."""
    row = deleted(look(in_phase(Phase.READY), names=PUBLISHED, health=WORKS))
    revived = parse_environment(after(row, desired_state.report(build(version="sha-2"), stamp())))
    assert (revived.phase(BORN), revived.dns, revived.health) == (Phase.PENDING, {}, {})


def test_an_unparked_environment_claims_no_name_until_it_is_seen_again() -> None:
    """A pass may have seen its names after the request to park it, and none since."""
    row = look(in_phase(Phase.PARKED), names=PUBLISHED, health=WORKS)
    back = parse_environment(after(row, parking.unpark(stamp())))
    assert (back.phase(BORN), back.dns, back.health) == (Phase.PENDING, {}, {})
