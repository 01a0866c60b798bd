"""The law of workers in processes of their own, at its smallest size."""

from pathlib import Path

import pytest

from tests.bench.law import Extent, load_law

pytestmark = pytest.mark.long


def test_workers_share_the_work_and_repositories_take_turns(tmp_path: Path) -> None:
    measured = load_law("workers").measure(Extent(True, tmp_path, print, is_smallest=True))
    assert [goal for goal in measured.all_goals if goal.is_count and not goal.is_reached] == []
