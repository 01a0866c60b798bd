"""The place in the queue of due work, and the estimate of the end."""

import pytest

from gromit.core.environments.phases import Work
from gromit.core.environments.queue_place import QueuePlace, RunSample, queue_place, queue_positions
from gromit.services.run_times import FORGOTTEN_MS, KEPT, RunTimes

NAMES = ("a", "b", "c", "d", "e")
DUE = queue_positions(NAMES)


def test_the_order_of_claims_gives_the_place() -> None:
    assert queue_place("a", DUE, RunSample()) == QueuePlace(1, 5, None)
    assert queue_place("e", DUE, RunSample()) == QueuePlace(5, 5, None)
    assert queue_place("f", DUE, RunSample()) is None


@pytest.mark.parametrize(
    ("position", "parallel", "rounds"), [(1, 1, 1), (5, 1, 5), (2, 2, 1), (3, 2, 2), (5, 8, 1)]
)
def test_the_estimate_counts_rounds_of_parallel_runs(
    position: int, parallel: int, rounds: int
) -> None:
    place = queue_place(NAMES[position - 1], DUE, RunSample((10.0, 90.0, 60.0), parallel))
    assert place is not None
    assert place.estimate_s == rounds * 60


def test_durations_and_parallel_runs_are_those_of_the_kind() -> None:
    times = RunTimes()
    times.begin(Work.SOW, "a", 0)
    times.begin(Work.SOW, "b", 1000)
    times.begin(Work.REAP, "c", 2000)
    assert times.sample(Work.SOW) == RunSample((), 2)
    times.end("a", 60_000, is_done=True)
    times.end("b", 61_000, is_done=False)
    assert times.sample(Work.SOW) == RunSample((60.0,), 2)
    assert times.sample(Work.REAP) == RunSample((), 1)


def test_a_repeated_claim_begins_no_second_run_and_an_unknown_one_counts_nothing() -> None:
    times = RunTimes()
    times.begin(Work.SOW, "a", 0)
    times.begin(Work.SOW, "a", 5000)
    times.end("a", 10_000, is_done=True)
    times.end("a", 20_000, is_done=True)
    times.end("never", 20_000, is_done=True)
    assert times.sample(Work.SOW).seconds == (10.0,)


def test_samples_are_bounded_and_lost_runs_are_forgotten() -> None:
    times = RunTimes()
    for number in range(KEPT + 5):
        times.begin(Work.SOW, f"e{number}", 0)
        times.end(f"e{number}", 1000 * number, is_done=True)
    assert len(times.sample(Work.SOW).seconds) == KEPT
    times.begin(Work.REAP, "lost", 0)
    times.begin(Work.REAP, "new", FORGOTTEN_MS + 1)
    assert times.sample(Work.REAP).parallel == 1
