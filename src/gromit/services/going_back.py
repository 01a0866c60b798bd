"""The way back to gromit v1: rows become flat again, as long as gromit v1 can go on with them."""

from collections.abc import Iterator
from dataclasses import dataclass

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import parse_environment
from gromit.core.environments.row_writes import Row, WriteRefused
from gromit.core.migration.going_back import is_for_v1, plan_return
from gromit.core.migration.steps import MigrationResult, SkippedItem
from gromit.errors import Conflict, UnreadableRow
from gromit.ports import EnvironmentStore
from gromit.services.migration import PAGE


@dataclass(frozen=True, slots=True)
class GoingBack:
    """Makes all rows flat, or only reports what would be done."""

    store: EnvironmentStore | None
    """None if there is no table."""

    def run(self, *, dry_run: bool) -> Iterator[MigrationResult]:
        """Yield the result for each row. A repeated call finds nothing left.

        Raises `Conflict` if a row changes meanwhile.
        """
        for row in [row for row in self._rows() if is_for_v1(row)]:
            yield self._row(row, dry_run=dry_run)

    def _rows(self) -> Iterator[Row]:
        after: str | None = None
        while self.store is not None:
            page = self.store.page(after, PAGE)
            yield from page.rows
            after = page.last
            if after is None:
                return

    def _row(self, row: Row, *, dry_run: bool) -> MigrationResult:
        name = str(row[Attribute.NAME])
        try:
            step = plan_return(parse_environment(row))
        except UnreadableRow as error:
            return MigrationResult("row", name, "left alone", error.message)
        if isinstance(step, SkippedItem):
            return MigrationResult("row", name, "left alone", step.why)
        if dry_run or self.store is None:
            return MigrationResult("row", name, "would return", step.why)
        if isinstance(self.store.write(name, step.write), WriteRefused):
            raise Conflict(
                f"the row of {name} has changed meanwhile",
                hint="stop serve, sow and reap, then run `gromit migrate --back` again;"
                " rows that are flat already are skipped",
            )
        return MigrationResult("row", name, "returned", step.why)
