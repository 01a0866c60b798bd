"""Parked environments: what starts nothing, what brings them back, and what ends the parking."""

from typing import Any

import pytest

from gromit.core.environments import desired_state, parking, work
from gromit.core.environments.environment import parse_environment
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.environments.row_writes import RowWrite, WriteRefused, apply_write
from gromit.core.stack.made import MadeStack
from tests.core.environments.lives import (
    BORN,
    after,
    born,
    build,
    claim,
    deleted,
    failed,
    fence_of,
    in_phase,
    observed,
    sown,
    stamp,
)

PARKED = {**in_phase(Phase.PARKED)}


def phase(row: dict[str, Any]) -> Phase:
    return parse_environment(row).phase(BORN)


def refuses(row: dict[str, Any], write: RowWrite) -> bool:
    return isinstance(apply_write(write, row, {"name": row["name"]}), WriteRefused)


def test_parking_is_work_and_parked_is_its_result() -> None:
    asked = after(sown(claim(born())), parking.park(stamp()))
    assert (phase(asked), asked["work"], asked["generation"]) == (Phase.PENDING, Work.SOW, 2)
    assert phase(claim(asked)) is Phase.SOWING
    assert phase(failed(claim(asked))) is Phase.FAILED
    done = sown(claim(asked))
    assert (phase(done), "work" in done) == (Phase.PARKED, False)


@pytest.mark.parametrize("kind", ["report", "take_over"])
def test_a_build_of_a_parked_environment_is_recorded_and_starts_nothing(kind: str) -> None:
    new = build(version="sha-2", sequence=9)
    write = desired_state.report(new, stamp())
    if kind == "take_over":
        write = desired_state.take_over(new, PARKED["r#tyk"], stamp())
    row = after(PARKED, parking.build_write(write, is_parked=True))
    assert (phase(row), "work" in row, row["v#tyk"]) == (Phase.PARKED, False, "sha-2")
    assert row["generation"] == PARKED["generation"]
    assert row["events"][-1]["kind"] == "build"
    assert row["events"][-1]["text"].endswith("; it is parked, so this starts nothing")
    back = after(row, parking.unpark(stamp()))
    assert (phase(back), back["work"], "parked" in back) == (Phase.PENDING, Work.SOW, False)
    assert phase(sown(claim(back))) is Phase.READY


def test_a_build_meant_for_the_other_state_is_refused() -> None:
    write = desired_state.report(build(version="sha-2", sequence=9), stamp())
    assert refuses(PARKED, parking.build_write(write, is_parked=False))
    assert refuses(sown(claim(born())), parking.build_write(write, is_parked=True))


def test_a_build_keeps_the_failure_to_park_and_its_next_attempt() -> None:
    row = failed(claim(after(sown(claim(born())), parking.park(stamp()))))
    write = desired_state.report(build(version="sha-2", sequence=9), stamp())
    recorded = after(row, parking.build_write(write, is_parked=True))
    kept = ("work", "due", "since", "attempts", "last_error", "generation")
    assert [recorded[a] for a in kept] == [row[a] for a in kept]


def test_a_deletion_ends_the_parking_and_a_build_revives_a_running_one() -> None:
    row = deleted(PARKED)
    assert (row["want"], "parked" in row) == (Want.GONE, False)
    write = desired_state.report(build(version="sha-2", sequence=9), stamp())
    assert phase(after(row, parking.build_write(write, is_parked=False))) is Phase.PENDING


def test_a_parked_environment_is_never_degraded() -> None:
    assert phase(observed(PARKED, tyk="0 of 1 tasks run")) is Phase.PARKED
    parked_ill = after(in_phase(Phase.DEGRADED), parking.park(stamp()))
    assert phase(sown(claim(parked_ill))) is Phase.PARKED


@pytest.mark.parametrize("of", [Phase.DELETING, Phase.REAPING, Phase.GONE])
def test_what_is_deleted_is_not_parked(of: Phase) -> None:
    assert refuses(in_phase(of), parking.park(stamp()))
    assert refuses(in_phase(of), parking.unpark(stamp()))


def test_what_is_so_already_is_refused() -> None:
    assert refuses(PARKED, parking.park(stamp()))
    assert refuses(sown(claim(born())), parking.unpark(stamp()))


def test_a_run_that_began_before_starts_nothing_more_than_it_claimed() -> None:
    """The park comes while a worker sows: its success is recorded, and the park stays due."""
    row = after(claim(born()), parking.park(stamp()))
    done = after(row, work.sown_superseded(fence_of(row), "n1", MadeStack("hash"), stamp()))
    assert (phase(done), done["work"]) == (Phase.PENDING, Work.SOW)
