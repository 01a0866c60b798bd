"""Records and states under names of gromit v1 that no environment of gromit can have.

Such a row becomes the environment of another name. Until sow has replaced what gromit v1 made, the
old record answers, and the old state is the way back. After that nothing uses either of them, and
the addresses in the record may belong to others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gromit.core.dns.plan import RecordSet
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import Row
from gromit.core.environments.v1_rows import is_v1_row
from gromit.core.migration.rows import RowMigration, RowStep
from gromit.core.migration.steps import SkippedItem
from gromit.core.names import is_environment_name, mapped_name, reaping_name
from gromit.core.stack.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class NewName:
    """Environment that a name of gromit v1 has become."""

    environment: str
    is_replaced: bool
    """Whether gromit has replaced what gromit v1 made, or destroys it."""


@dataclass(frozen=True, slots=True)
class OldRecord:
    """Record under an old name at which nothing answers any longer."""

    record: RecordSet
    why: str


@dataclass(frozen=True, slots=True)
class OldState:
    """State of an old name that nothing uses any longer."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class NewNames:
    """Environments by the names that they had in gromit v1."""

    planned: Mapping[str, NewName]
    """Rows that this migration moves, by the old name."""
    held: frozenset[str]
    """Names of rows that this migration leaves alone."""
    present: Mapping[str, NewName]
    """Environments that have a row of gromit already, by their own name."""

    def of_state(self, old: str) -> NewName | None:
        """Return the environment of a state under this name; None if there is none."""
        if old in self.held:
            return None
        return self.planned.get(old) or self._present(old)

    def of_record(self, old: str) -> NewName | None:
        """Return the environment of records under this name; None if that is not certain.

        Names in DNS have no case, so that rows of several names may share a record. A name with a
        dot may be a person's below the name of an environment, if no row has it.
        """
        found = [new for name, new in self.planned.items() if name.lower() == old]
        present = None if "." in old else self._present(old)
        if present is not None:
            found.append(present)
        return min(found, key=lambda new: new.is_replaced, default=None)

    def held_name(self, old: str) -> str | None:
        """Return the row that is left alone and may have records under this name."""
        return min((name for name in self.held if name.lower() == old), default=None)

    def _present(self, old: str) -> NewName | None:
        found = (self.present.get(name) for name in (mapped_name(old) or old, reaping_name(old)))
        return next((new for new in found if new is not None), None)


def find_new_names(rows: Iterable[Row], steps: Sequence[RowStep]) -> NewNames:
    """Return what the names in the table become, and what they have become before."""
    moved = [step for step in steps if isinstance(step, RowMigration)]
    return NewNames(
        {s.name: _planned(s) for s in moved if s.name != s.target},
        frozenset(step.name for step in steps if not isinstance(step, RowMigration)),
        {str(row[Attribute.NAME]): _present(row) for row in rows if not is_v1_row(row)},
    )


def _planned(step: RowMigration) -> NewName:
    return NewName(step.target, step.write.sets[Attribute.WANT] == Want.GONE)


def _present(row: Row) -> NewName:
    is_made = bool(row.get(Attribute.OBSERVED))
    is_gone = row.get(Attribute.WANT) == Want.GONE
    return NewName(str(row[Attribute.NAME]), is_made or is_gone)


def plan_old_records(
    names: NewNames, records: Iterable[RecordSet], catalogue: Catalogue, domain: str
) -> list[OldRecord | SkippedItem]:
    """Plan the removal of records of public components under old names."""
    public = {c.name for c in catalogue.components.values() if c.public}
    steps: list[OldRecord | SkippedItem] = []
    for record in sorted(records, key=lambda record: record.name):
        component, _, old = record.name.removesuffix(f".{domain}").partition(".")
        is_v1 = record.type == "A" and not record.routing and component in public
        new = names.of_record(old) if is_v1 and not is_environment_name(old) else None
        if new is None:
            continue
        if held := names.held_name(old):
            why = f"the row {held}, which is left alone, may have this record as well"
            steps.append(SkippedItem(record.name, why))
        elif new.is_replaced:
            steps.append(OldRecord(record, f"nothing answers at it: {old} is {new.environment}"))
        else:
            steps.append(SkippedItem(record.name, _later("answers", new, "removes it")))
    return steps


def plan_old_states(names: NewNames, states: Iterable[str]) -> list[OldState | SkippedItem]:
    """Plan what becomes of the states under old names, of which the new ones have a copy."""
    steps: list[OldState | SkippedItem] = []
    for old in sorted(states):
        new = names.of_state(old)
        if new is None:
            continue
        if new.is_replaced:
            steps.append(OldState(old, f"nothing uses it: {old} is {new.environment}"))
        else:
            steps.append(SkippedItem(old, _later("is the way back", new, "sets it aside")))
    return steps


def _later(use: str, new: NewName, then: str) -> str:
    return f"{use} until sow has created {new.environment}; then `gromit migrate --apply` {then}"
