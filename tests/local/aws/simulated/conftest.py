"""A world with an environment of simulated programs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.aws.simulated.world import Ranges, TykWorld


@pytest.fixture
def tyk(tmp_path: Path, ranges: Ranges, monkeypatch: pytest.MonkeyPatch) -> Iterator[TykWorld]:
    """An environment without running components."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    world = TykWorld(tmp_path, ranges)
    yield world
    world.close()
