"""The way back to gromit v1, row by row."""

import pytest

from gromit.core.environments import work
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.claims import Claimant
from gromit.core.environments.environment import parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Work
from gromit.core.environments.row_writes import Row, RowWrite, WriteAccepted, apply_write
from gromit.core.environments.suspensions import SUSPENSION_ROW
from gromit.core.migration.going_back import RowReturn, is_for_v1, plan_return
from gromit.core.migration.rows import (
    MigrationDefaults,
    MigrationFacts,
    RowMigration,
    plan_row,
)
from gromit.core.migration.steps import SkippedItem
from tests.services.registry import CATALOGUE

DEFAULTS = MigrationDefaults(CATALOGUE, ChangeContext("migrate:alice@host", 1000), 60_000, "i1")
FLAT = [
    {"name": "app", "state": "new", "tyk": "sha-1"},
    {"name": "app", "state": "processed", "tyk": "sha-1", "tyk-pump": "main"},
    {"name": "app", "state": "processed", "tyk": "app", "unknown": "x"},
    {"name": "app", "state": "deleted", "tyk": "sha-1", "tyk-analytics": "sha-2"},
    {"name": "app", "state": "new"},
]


def _apply(write: RowWrite, row: Row) -> Row:
    result = apply_write(write, row, {"name": str(row["name"])})
    assert isinstance(result, WriteAccepted)
    return result.row


def _migrated(flat: Row) -> Row:
    step = plan_row(flat, MigrationFacts(protected=False), DEFAULTS)
    assert isinstance(step, RowMigration)
    return _apply(step.write, flat)


def _returned(row: Row) -> Row:
    step = plan_return(parse_environment(row))
    assert isinstance(step, RowReturn)
    return _apply(step.write, row)


@pytest.mark.parametrize("flat", FLAT)
def test_a_row_that_no_worker_had_is_as_it_was_and_can_be_migrated_again(flat: Row) -> None:
    row = _migrated(flat)
    assert is_for_v1(row)
    assert _returned(row) == flat
    assert not is_for_v1(_returned(row))
    assert _migrated(_returned(row)) == row


def test_a_row_that_a_worker_had_stays() -> None:
    row = _migrated(FLAT[0])
    claimed = _apply(work.claim(Work.SOW, Claimant("w", "n"), 2000, 90_000), row)
    step = plan_return(parse_environment(claimed))
    assert isinstance(step, SkippedItem)
    assert "gromit has applied its own stack" in step.why


def test_a_change_since_the_look_refuses_the_write() -> None:
    row = _migrated(FLAT[0])
    step = plan_return(parse_environment(row))
    assert isinstance(step, RowReturn)
    for attribute in (Attribute.REVISION, Attribute.EPOCH):
        changed = {**row, attribute: row[attribute] + 1}
        assert not isinstance(apply_write(step.write, changed, {"name": "app"}), WriteAccepted)


def test_a_row_that_is_no_environment_is_not_looked_at() -> None:
    assert not is_for_v1({"name": SUSPENSION_ROW, "generation": 1})
    assert not is_for_v1(FLAT[0])
