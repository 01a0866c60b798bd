"""Durations of runs whose ends another process of serve recorded."""

import pytest

from gromit.core.environments.phases import Work
from gromit.core.environments.queue_place import RunSample
from gromit.services.run_times import RunTimes


@pytest.mark.parametrize(
    ("change", "seconds", "parallel"),
    [
        ("sown", (30.0,), 1),
        ("reaped", (30.0,), 1),
        ("failed", (), 0),
        ("released", (), 0),
        ("build", (), 1),
    ],
)
def test_an_end_that_another_process_recorded_counts(
    change: str, seconds: tuple[float, ...], parallel: int
) -> None:
    times = RunTimes()
    times.begin(Work.SOW, "app", 0)
    times.note("app", change, 30_000)
    times.note("unknown", change, 30_000)
    assert times.sample(Work.SOW) == RunSample(seconds, parallel)
