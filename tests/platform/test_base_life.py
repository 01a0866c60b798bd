"""`terraform/base` from nothing to nothing, with each provider there is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.emulator import Emulator, running_emulator
from tests.platform.inventory import everything
from tests.platform.pushing import VARIABLES
from tests.platform.roots import Engine, Root

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(900)]


@pytest.fixture(params=["embedded", pytest.param("newer", marks=pytest.mark.long)])
def engine(request: pytest.FixtureRequest) -> Engine:
    chosen: Engine = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture
def own_emulator() -> Iterator[Emulator]:
    with running_emulator() as running:
        yield running


def test_it_is_made_at_once_and_goes_away_wholly(engine: Engine, own_emulator: Emulator, tmp_path: Path) -> None:
    before = everything(own_emulator)
    root = Root.copied("base", tmp_path, engine, own_emulator, VARIABLES)
    root.apply()
    assert root.plan().is_empty
    assert len(everything(own_emulator) - before) > 20
    root.destroy()
    assert root.resources() == []
    assert everything(own_emulator) - before == {"aws_secretsmanager_secret gromit/ca-key"}, "AWS keeps it for thirty days"
