"""Repairs are shown, and made only after a confirmation."""

import click
import pytest
from click.testing import CliRunner

from gromit.bootstrap.environment_doctor import DoctorParts
from gromit.cli.doctor_environments import make_repairs
from gromit.errors import Suspended, UnsafePlan
from gromit.services.environment_doctor import EnvironmentDoctor, EnvironmentsReport
from gromit.services.inventory import InventoryTaker
from tests.prove.environment_plants import put_records
from tests.prove.environment_world import EnvironmentWorld


@pytest.fixture
def world() -> EnvironmentWorld:
    """A world in which three environments have lost their rows."""
    world = EnvironmentWorld()
    world.report("app-test")
    for number in range(3):
        put_records(world, f"lone-{number}")
    return world


def _parts(world: EnvironmentWorld, limit: int = 10) -> tuple[DoctorParts, EnvironmentsReport]:
    doctor = EnvironmentDoctor(InventoryTaker(world.sources()))
    return DoctorParts(doctor, world.repairer(limit)), doctor((), lambda _line: None)


@pytest.mark.parametrize(("answer", "left"), [("n\n", 6), ("", 6), ("y\n", 0)])
def test_nothing_is_repaired_without_a_yes(world: EnvironmentWorld, answer: str, left: int) -> None:
    parts, found = _parts(world)
    with CliRunner().isolation(input=answer) as streams:
        try:
            results = make_repairs(parts, found, ask=True, force=False)
        except click.Abort:
            results = {}
        shown = streams[1].getvalue().decode()
    assert len(world.zone.records()) == left
    assert set(results.values()) == ({"repaired"} if not left else set())
    assert "lone-2: the record _gromit.lone-2.dev.example.com exists" in shown


def test_the_limit_is_lifted_by_force_only(world: EnvironmentWorld) -> None:
    parts, found = _parts(world, limit=2)
    with pytest.raises(UnsafePlan, match="more than 2"):
        make_repairs(parts, found, ask=False, force=False)
    assert len(world.zone.records()) == 6
    assert set(make_repairs(parts, found, ask=False, force=True).values()) == {"repaired"}


def test_a_suspension_is_said_before_anything_is_asked(world: EnvironmentWorld) -> None:
    parts, found = _parts(world)
    world.root.fault = Suspended("processing is suspended by ada")
    with pytest.raises(Suspended, match="by ada"):
        make_repairs(parts, found, ask=True, force=True)


def test_only_the_named_environments_are_looked_at(world: EnvironmentWorld) -> None:
    doctor = EnvironmentDoctor(InventoryTaker(world.sources()))
    found = doctor({"lone-1"}, lambda _line: None)
    assert {one.environment for one in found.discrepancies} == {"lone-1"}
