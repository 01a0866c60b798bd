"""Removal of the records and states that gromit v1 left under names of no environment."""

from collections.abc import Iterator
from dataclasses import dataclass

from gromit.core.dns.plan import ZoneChanges
from gromit.core.migration.old_names import (
    NewNames,
    OldRecord,
    OldState,
    plan_old_records,
    plan_old_states,
)
from gromit.core.migration.steps import MigrationResult, SkippedItem
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.terraform import state_key
from gromit.ports import Progress
from gromit.ports.inventory import StateArchive
from gromit.ports.public_zone import RecordStore


@dataclass(frozen=True, slots=True)
class OldNames:
    """Clears up after environments that have another name in gromit."""

    zone: RecordStore | None
    """None if no zone is set: records are not looked at."""
    states: StateArchive
    catalogue: Catalogue
    domain: str | None

    def __call__(
        self, names: NewNames, progress: Progress, *, dry_run: bool
    ) -> Iterator[MigrationResult]:
        """Yield the result for each record and state. A repeated call finds nothing left."""
        if self.zone is not None and self.domain is not None:
            records = self.zone.records()
            for record in plan_old_records(names, records, self.catalogue, self.domain):
                yield self._record(record, self.zone, progress, dry_run=dry_run)
        for state in plan_old_states(names, self.states.v1_names()):
            yield self._state(state, dry_run=dry_run)

    def _record(
        self, step: OldRecord | SkippedItem, zone: RecordStore, progress: Progress, *, dry_run: bool
    ) -> MigrationResult:
        if isinstance(step, SkippedItem):
            return MigrationResult("record", step.name, "left alone", step.why)
        if dry_run:
            return MigrationResult("record", step.record.name, "would remove", step.why)
        zone.apply(ZoneChanges(deletes=((step.record, step.why),)), progress)
        return MigrationResult("record", step.record.name, "removed", step.why)

    def _state(self, step: OldState | SkippedItem, *, dry_run: bool) -> MigrationResult:
        key = state_key(step.name)
        if isinstance(step, SkippedItem):
            return MigrationResult("state", key, "left alone", step.why)
        if dry_run:
            return MigrationResult("state", key, "would set aside", step.why)
        url = self.states.set_v1_aside(step.name)
        return MigrationResult("state", key, "set aside", f"{step.why}; it is kept as {url}")
