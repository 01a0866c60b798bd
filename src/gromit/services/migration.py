"""Migration of rows and records from gromit v1. Idempotent: it skips what is done already."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gromit.core import migration
from gromit.core.dns.plan import ZoneChanges
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Want
from gromit.core.environments.precedence import is_protected_name
from gromit.core.environments.row_writes import Row, WriteRefused
from gromit.core.migration import RecordMigration, RowMigration, SkippedItem
from gromit.core.stack.catalogue import Catalogue
from gromit.errors import Conflict
from gromit.ports import EnvironmentStore, Progress, RecordStore

PAGE = 100


@dataclass(frozen=True, slots=True)
class MigrationResult:
    """Result for one row or record."""

    what: str
    name: str
    action: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """Migrates all rows and records."""

    store: EnvironmentStore | None
    """None if there is no table yet, and so no row to migrate."""
    zone: RecordStore | None
    """None if no zone is set: records are not migrated."""
    catalogue: Catalogue
    domain: str | None
    protected: tuple[str, ...]
    grace_ms: int
    new_id: Callable[[], str]

    def run(
        self, stamp: ChangeContext, progress: Progress, *, dry_run: bool
    ) -> list[MigrationResult]:
        """Migrate rows, then records, or only report what would be done.

        Raises `Conflict` if a row changes during the migration.
        """
        results = []
        known: dict[str, bool] = {}
        for row in self._rows():
            step = migration.plan_row(row, self._defaults(row, stamp))
            if not isinstance(step, SkippedItem):
                known[str(row[Attribute.NAME])] = _is_up(row, step)
            if step is not None:
                results.append(self._row(step, dry_run=dry_run))
                progress(f"row {results[-1].name}: {results[-1].action}")
        if self.zone is None:
            progress("no zone is set (`cluster.zoneid`): public records are not checked")
        records = self._records(known)
        return [*results, *(self._record(r, progress, dry_run=dry_run) for r in records)]

    def _defaults(self, row: Row, stamp: ChangeContext) -> migration.MigrationDefaults:
        protected = is_protected_name(str(row.get(Attribute.NAME, "")), self.protected)
        return migration.MigrationDefaults(
            self.catalogue, stamp, self.grace_ms, self.new_id(), protected
        )

    def _rows(self) -> Iterator[Row]:
        after: str | None = None
        while self.store is not None:
            page = self.store.page(after, PAGE)
            yield from page.rows
            after = page.last
            if after is None:
                return

    def _row(self, step: RowMigration | SkippedItem, *, dry_run: bool) -> MigrationResult:
        if isinstance(step, SkippedItem):
            return MigrationResult("row", step.name, "left alone", step.why)
        if dry_run or self.store is None:
            return MigrationResult("row", step.name, "would convert", step.why)
        if isinstance(self.store.write(step.name, step.write), WriteRefused):
            raise Conflict(
                f"the row of {step.name} has changed during the migration",
                hint="stop the tasks of gromit v1, then run `gromit migrate` again;"
                " rows that are converted already are skipped",
            )
        return MigrationResult("row", step.name, "converted", step.why)

    def _records(self, known: Mapping[str, bool]) -> list[RecordMigration | SkippedItem]:
        if self.zone is None or self.domain is None:
            return []
        return migration.plan_records(known, self.zone.records(), self.catalogue, self.domain)

    def _record(
        self, step: RecordMigration | SkippedItem, progress: Progress, *, dry_run: bool
    ) -> MigrationResult:
        if isinstance(step, SkippedItem):
            return MigrationResult("record", step.name, "left alone", step.why)
        if dry_run or self.zone is None:
            return MigrationResult("record", step.owner.name, "would write", step.why)
        self.zone.apply(ZoneChanges(creates=((step.owner, step.why),)), progress)
        return MigrationResult("record", step.owner.name, "written", step.why)


def _is_up(row: Row, step: RowMigration | None) -> bool:
    """Whether the desired state is up, after the conversion of a flat row."""
    attributes = step.write.sets if step else row
    return str(attributes[Attribute.WANT]) == Want.UP
