"""Migration of rows and records from gromit v1. Idempotent: it skips what is done already."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import ZoneChanges
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Want
from gromit.core.environments.precedence import is_protected_name
from gromit.core.environments.row_writes import Row, WriteAccepted
from gromit.core.environments.v1_rows import is_v1_row, v1_name
from gromit.core.migration.kept_files import find_doubtful_files
from gromit.core.migration.old_names import find_new_names
from gromit.core.migration.orphans import ConfigTexts, find_orphans
from gromit.core.migration.records import RecordMigration, plan_records
from gromit.core.migration.rows import (
    Decision,
    Fate,
    MigrationDefaults,
    MigrationFacts,
    RowMigration,
    RowStep,
    UndecidedRow,
    plan_row,
    undecided_line,
)
from gromit.core.migration.steps import MigrationResult, SkippedItem
from gromit.core.names import mapped_name
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.clusters import ClusterState
from gromit.errors import Conflict, InvalidInput
from gromit.ports import ClusterSource, EnvironmentStore, Progress
from gromit.ports.inventory import StateArchive
from gromit.ports.public_zone import RecordStore
from gromit.services.old_names import OldNames

PAGE = 100
_CLUSTER_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions of a person about rows, each a name that may have `*` as wildcard."""

    keep: tuple[str, ...] = ()
    reap: tuple[str, ...] = ()

    def of(self, name: str) -> Decision | None:
        """Return the decision about a row. Raises `InvalidInput` if there are two."""
        is_kept, is_reaped = _matches(name, self.keep), _matches(name, self.reap)
        if is_kept and is_reaped:
            raise InvalidInput(
                f"{name} is to be kept and to be reaped", hint="give --keep or --reap, not both"
            )
        if is_kept:
            return Decision.KEEP
        return Decision.REAP if is_reaped else None


_PROGRESS_ROWS = 100
"""Rows between two lines of progress: the result names each row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """Migrates all rows and records."""

    store: EnvironmentStore | None
    """None if there is no table yet, and so no row to migrate."""
    zone: RecordStore | None
    """None if no zone is set: records are not migrated."""
    clusters: ClusterSource
    states: StateArchive
    catalogue: Catalogue
    domain: str | None
    installation: str
    """Name of this installation; empty if it has none."""
    protected: tuple[str, ...]
    grace_ms: int
    new_id: Callable[[], str]
    decisions: Decisions = field(default_factory=Decisions)
    config_texts: Callable[[], ConfigTexts] = dict
    """Reads the config files below the config root, before anything changes."""
    root: str = ""
    """The config root, for commands that people copy."""

    def run(
        self, stamp: ChangeContext, progress: Progress, *, dry_run: bool
    ) -> list[MigrationResult]:
        """Migrate rows, then records and states, or only report what would be done.

        Raises `Conflict` if a row changes during the migration.
        """
        rows = self._rows()
        steps = self._steps(rows, stamp)
        files = self._config_files(rows, steps, dry_run=dry_run)
        results: list[MigrationResult] = []
        decided = [step for step in steps if not isinstance(step, UndecidedRow)]
        for number, step in enumerate(decided, 1):
            results.append(self._row(step, dry_run=dry_run))
            if number % _PROGRESS_ROWS == 0:
                progress(f"{number} of {len(decided)} rows")
        results += _undecided(steps)
        results += files
        for sentence in _sentences(steps):
            progress(sentence)
        if self.zone is None:
            progress("no zone is set (`cluster.zoneid`): public records are not checked")
        records = self._records(_known(rows, steps))
        results += [self._record(r, progress, dry_run=dry_run) for r in records]
        old_names = OldNames(self.zone, self.states, self.catalogue, self.domain)
        return [
            *results,
            *old_names(find_new_names(rows, steps), progress, dry_run=dry_run),
        ]

    def _rows(self) -> list[Row]:
        after: str | None = None
        found: list[Row] = []
        while self.store is not None:
            page = self.store.page(after, PAGE)
            found += page.rows
            after = page.last
            if after is None:
                break
        return found

    def _steps(self, rows: Sequence[Row], stamp: ChangeContext) -> list[RowStep]:
        """Plan the steps of all flat rows, with one look at the clusters of their names."""
        flat = [row for row in rows if is_v1_row(row)]
        names = {v1_name(row) for row in flat if _CLUSTER_NAME.fullmatch(v1_name(row))}
        clusters = {c.name: c for c in self.clusters.clusters(names)} if names else {}
        renamed = any(_is_renamed(row) for row in flat)
        states = self.states.v1_names() if renamed else frozenset()
        # A row under its own name comes before one that maps to it.
        taken = Counter({str(row[Attribute.NAME]): 1 for row in rows})
        steps = []
        for row in sorted(flat, key=_is_renamed):
            facts = self._facts(row, clusters, taken, states)
            step = plan_row(row, facts, self._defaults(stamp))
            if isinstance(step, RowMigration):
                taken[step.target] += 1
            if step is not None:
                steps.append(step)
        return steps

    def _facts(
        self,
        row: Row,
        clusters: Mapping[str, ClusterState],
        taken: Mapping[str, int],
        states: Collection[str],
    ) -> MigrationFacts:
        name = v1_name(row)
        target = mapped_name(name)
        is_renamed = _is_renamed(row)
        other = target if is_renamed and name in states else None
        return MigrationFacts(
            protected=target is not None and is_protected_name(target, self.protected),
            cluster=clusters.get(name),
            decision=self.decisions.of(name),
            is_taken=is_renamed and target in taken,
            lacks_state=is_renamed and name not in states,
            has_other_state=other is not None and self.states.has_other(name, other),
        )

    def _defaults(self, stamp: ChangeContext) -> MigrationDefaults:
        return MigrationDefaults(self.catalogue, stamp, self.grace_ms, self.new_id())

    def _row(self, step: RowMigration | SkippedItem, *, dry_run: bool) -> MigrationResult:
        if isinstance(step, SkippedItem):
            return MigrationResult("row", step.name, "left alone", step.why)
        is_adopted = step.target != step.name
        if dry_run or self.store is None:
            action = "would adopt" if is_adopted else "would convert"
            return MigrationResult("row", step.name, action, step.why)
        if is_adopted:
            # Before the row: sow acts on the new name as soon as it has one.
            self.states.copy(step.name, step.target)
            is_done = self.store.move(step.name, step.unchanged, step.target, step.write)
        else:
            is_done = isinstance(self.store.write(step.name, step.write), WriteAccepted)
        if not is_done:
            raise _changed(step.name)
        return MigrationResult("row", step.name, "adopted" if is_adopted else "converted", step.why)

    def _config_files(
        self, rows: Iterable[Row], steps: Iterable[RowStep], *, dry_run: bool
    ) -> list[MigrationResult]:
        """Return what becomes of the config files and databases of the migrated rows."""
        migrations = [step for step in steps if isinstance(step, RowMigration)]
        if not migrations:
            return []
        others = {str(row[Attribute.NAME]) for row in rows} - {m.name for m in migrations}
        tree = self.config_texts()
        unused = "would be unused" if dry_run else "unused"
        orphans = find_orphans(migrations, others, tree, self.catalogue, self.root)
        doubtful = find_doubtful_files(migrations, tree, self.catalogue, self.domain)
        return [
            *(MigrationResult(o.what, o.name, unused, o.why) for o in orphans),
            *(MigrationResult("config", d.file, "stays in use", d.why) for d in doubtful),
        ]

    def _records(self, known: Mapping[str, bool]) -> list[RecordMigration | SkippedItem]:
        if self.zone is None or self.domain is None:
            return []
        owner = NameOwner(self.domain, self.installation)
        return plan_records(known, self.zone.records(), self.catalogue, owner)

    def _record(
        self, step: RecordMigration | SkippedItem, progress: Progress, *, dry_run: bool
    ) -> MigrationResult:
        if isinstance(step, SkippedItem):
            return MigrationResult("record", step.name, "left alone", step.why)
        if dry_run or self.zone is None:
            return MigrationResult("record", step.owner.name, "would write", step.why)
        written = ((step.owner, step.why),)
        changes = ZoneChanges(creates=written) if step.is_new else ZoneChanges(upserts=written)
        self.zone.apply(changes, progress)
        return MigrationResult("record", step.owner.name, "written", step.why)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_renamed(row: Row) -> bool:
    return mapped_name(v1_name(row)) != v1_name(row)


def _changed(name: str) -> Conflict:
    return Conflict(
        f"the row of {name} has changed during the migration",
        hint="stop the tasks of gromit v1, then run `gromit migrate` again;"
        " rows that are converted already are skipped",
    )


def _undecided(steps: Iterable[RowStep]) -> list[MigrationResult]:
    names = [step.name for step in steps if isinstance(step, UndecidedRow)]
    if not names:
        return []
    listed, why = undecided_line(names)
    return [MigrationResult("row", listed, "left alone", why)]


def _sentences(steps: Sequence[RowStep]) -> list[str]:
    """Return one line for each consequence, with the number of environments."""
    fates = Counter(step.fate for step in steps if isinstance(step, RowMigration))
    left = sum(not isinstance(step, RowMigration) for step in steps)
    counted = [*((str(fate), fates[fate]) for fate in Fate), ("rows that are left alone", left)]
    return [f"{text}: {count}" for text, count in counted if count]


def _known(rows: Iterable[Row], steps: Iterable[RowStep]) -> dict[str, bool]:
    """Return each environment with a row that is gromit's, and whether its desired state is up."""
    known = {
        str(row[Attribute.NAME]): row.get(Attribute.WANT) == Want.UP
        for row in rows
        if not is_v1_row(row)
    }
    migrated = (step for step in steps if isinstance(step, RowMigration))
    return {**known, **{s.target: s.write.sets[Attribute.WANT] == Want.UP for s in migrated}}
