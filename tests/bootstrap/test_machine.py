"""Facts of the machine: cores and memory."""

import os
import resource

import pytest

from gromit.bootstrap.machine import cpu_limit_percent, memory_use, parallel_runs


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


def test_the_memory_of_a_worker_grows_with_the_runs_at_once_by_its_largest_child() -> None:
    idle, one, four = memory_use(0), memory_use(1), memory_use(4)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert 0 < idle.peak_mb <= one.peak_mb
    # The process itself may grow by a little meanwhile.
    each_mb = one.peak_mb - idle.peak_mb
    assert four.peak_mb - idle.peak_mb == pytest.approx(4 * each_mb, abs=20)
    assert each_mb >= (110 if largest else 0)
    memory_mb = (os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) >> 20
    assert 0 < one.limit_mb <= memory_mb


def test_serve_uses_one_core_at_most() -> None:
    assert 0 < cpu_limit_percent() <= 100
