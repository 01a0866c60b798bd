"""Facts of the machine: cores and memory."""

import os

from gromit.bootstrap.machine import parallel_runs


def test_no_more_runs_at_once_than_cores_and_memory_bear() -> None:
    memory_mib = (os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) >> 20
    assert 1 <= parallel_runs() <= 2 * len(os.sched_getaffinity(0))
    assert parallel_runs() == 1 or parallel_runs() * 640 + 256 <= memory_mib


def test_fewer_cores_mean_fewer_runs() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert parallel_runs() <= 2
    finally:
        os.sched_setaffinity(0, allowed)
