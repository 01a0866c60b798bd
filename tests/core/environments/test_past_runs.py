"""Runs of an environment, from its history and its claim."""

from dataclasses import replace

import pytest

from gromit.core.environments import work
from gromit.core.environments.environment import parse_environment
from gromit.core.environments.past_runs import find_run, past_runs
from gromit.core.environments.phases import Work
from gromit.core.environments.row_writes import Row
from gromit.core.stack.made import MadeStack
from gromit.errors import NotFound
from tests.core.environments.lives import BORN, after, born, claim, fence_of, stamp

MINUTE = 60_000


def _ran(row: Row, now_ms: int) -> Row:
    fence = fence_of(row)
    report = replace(stamp(now_ms), run=fence.epoch, took_s=10)
    return after(row, work.sown(fence, "n1", MadeStack("h1"), report, 10))


def _failed(row: Row, now_ms: int) -> Row:
    fence = fence_of(row)
    report = replace(stamp(now_ms), run=fence.epoch)
    return after(row, work.failed(fence, {"kind": "terraform", "message": "no"}, 0, report))


def test_runs_are_counted_back_and_have_their_times() -> None:
    row = _failed(claim(born()), BORN + MINUTE)
    first = row["epoch"]
    row = _ran(claim(row, now_ms=BORN + 2 * MINUTE), BORN + 3 * MINUTE)
    environment = parse_environment(row)
    found = list(past_runs(environment, BORN + 4 * MINUTE))
    assert [(run.number, run.kinds) for run in found] == [
        (first + 1, (Work.SOW,)),
        (first, (Work.SOW, Work.REAP)),
    ]
    began = BORN + 3 * MINUTE - 10_000
    assert (found[0].from_ms, found[0].until_ms) == (began - MINUTE, BORN + 4 * MINUTE)
    assert found[1].from_ms == 0
    assert find_run(environment, 1, BORN) == find_run(environment, first + 1, BORN)
    assert find_run(environment, 2, BORN).number == first


def test_a_run_that_is_under_way_is_the_last_one() -> None:
    row = claim(born())
    run = find_run(parse_environment(row), 1, BORN)
    assert (run.number, run.kinds, run.environment) == (row["epoch"], (Work.SOW,), "app-test")
    assert run.from_ms <= BORN <= run.until_ms


@pytest.mark.parametrize("wanted", [2, 1001, 5_000_000])
def test_a_run_that_is_not_known_is_refused(wanted: int) -> None:
    environment = parse_environment(claim(born()))
    with pytest.raises(NotFound, match=f"no run {wanted}") as refused:
        find_run(environment, wanted, BORN)
    assert "it has 1" in str(refused.value.hint)


def test_events_of_an_earlier_release_have_no_run() -> None:
    row = claim(born())
    row = after(row, work.sown(fence_of(row), "n1", MadeStack("h1"), stamp()))
    assert list(past_runs(parse_environment(row), BORN)) == []
