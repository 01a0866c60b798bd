"""Rows for gromit v1: what each row of ours becomes if gromit v1 is to go on with the table.

Until a worker of gromit has run for an environment, what runs is what gromit v1 made. Only then can
gromit v1 go on with it: a newer Terraform has written the state since, and the stack is another.
"""

from dataclasses import dataclass

from gromit.core.environments.attributes import FALLBACK, RESERVED, VERSION, Attribute
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import Equals, Row, RowWrite
from gromit.core.environments.v1_rows import DELETED, PROCESSED, STATE, is_v1_row
from gromit.core.migration.steps import SkippedItem

NEW = "new"


@dataclass(frozen=True, slots=True)
class RowReturn:
    """One row of ours, and the write that makes it a flat row again."""

    name: str
    write: RowWrite
    why: str


def is_for_v1(row: Row) -> bool:
    """Whether a row is an environment of ours, which gromit v1 cannot read."""
    return not is_v1_row(row) and not str(row[Attribute.NAME]).startswith(RESERVED)


def plan_return(environment: Environment) -> RowReturn | SkippedItem:
    """Plan the way back of one row.

    | row of ours                           | becomes                                      |
    |---------------------------------------|----------------------------------------------|
    | a worker has run since the migration  | stays: it is to be deleted in gromit first   |
    | gone                                  | state `deleted`                              |
    | deleted                               | state `deleted`                              |
    | up, in its desired state              | state `processed`                            |
    | up, pending                           | state `new`                                  |
    """
    if environment.gone_ms is None and _was_worked_on(environment.row):
        return SkippedItem(
            environment.name,
            "gromit has applied its own stack: delete it, run `gromit reap`, and let gromit v1"
            " create it again with its next build",
        )
    state = _state(environment)
    return RowReturn(environment.name, _flat_write(environment.row, state), f"becomes {state}")


def _was_worked_on(row: Row) -> bool:
    """Whether a worker has claimed the environment: each claim raises the epoch."""
    return bool(row[Attribute.EPOCH] != row[Attribute.CREATED])


def _state(environment: Environment) -> str:
    if environment.want is Want.GONE:
        return DELETED
    row = environment.row
    is_made = row[Attribute.OBSERVED] == row[Attribute.GENERATION]
    return PROCESSED if is_made else NEW


def _flat_write(row: Row, state: str) -> RowWrite:
    """Return the write of a flat row, which another change since the read refuses."""
    versions = {
        **{a.removeprefix(FALLBACK): row[a]["tag"] for a in row if a.startswith(FALLBACK)},
        **{a.removeprefix(VERSION): row[a] for a in row if a.startswith(VERSION)},
    }
    sets = {**versions, STATE: state}
    return RowWrite(
        conditions=(
            Equals(Attribute.REVISION, row[Attribute.REVISION]),
            Equals(Attribute.EPOCH, row[Attribute.EPOCH]),
        ),
        sets=sets,
        removes=frozenset(row) - set(sets) - {Attribute.NAME},
    )
