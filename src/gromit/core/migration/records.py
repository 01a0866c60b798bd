"""Public records of gromit v1: which of them become gromit's, by an ownership record."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gromit.core.dns.ownership import NameOwner, OwnershipMark, parse_mark
from gromit.core.dns.plan import RecordSet, environment_for_name, owner_record
from gromit.core.migration.steps import SkippedItem
from gromit.core.stack.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class RecordMigration:
    """Ownership record that makes the existing public records of an environment gromit's."""

    owner: RecordSet
    why: str
    is_new: bool = True
    """False if it replaces one that lists these records as foreign."""


def plan_records(
    rows: Mapping[str, bool], records: Iterable[RecordSet], catalogue: Catalogue, owner: NameOwner
) -> list[RecordMigration | SkippedItem]:
    """Plan the ownership records of environments that have public records already.

    `rows` has every environment with a row: True if its desired state is up.
    """
    public = {c.name for c in catalogue.components.values() if c.public}
    found: dict[str, set[str]] = {}
    marks: dict[str, OwnershipMark] = {}
    for record in records:
        environment = environment_for_name(record.name, owner.domain)
        if environment is None:
            continue
        component = record.name.removesuffix(f".{environment}.{owner.domain}")
        is_ours = record.type == "A" and not record.routing and component in public
        mark = parse_mark(record.values) if record.type == "TXT" and not record.routing else None
        is_named = record.name == owner_record(environment, owner.domain).name
        if mark and is_named and mark.environment == environment:
            marks[environment] = mark
        else:
            kind = component if is_ours else f"{record.type} {record.name}"
            found.setdefault(environment, set()).add(kind)
    steps = [
        _take_over(name, found[name] & public, found[name] - public, rows, owner)
        if name not in marks
        else _take_over_rest(marks[name], found[name] & public, rows, owner)
        for name in sorted(found)
    ]
    return [step for step in steps if step is not None]


def _take_over(
    name: str,
    ours: AbstractSet[str],
    others: AbstractSet[str],
    rows: Mapping[str, bool],
    owner: NameOwner,
) -> RecordMigration | SkippedItem | None:
    """Plan the ownership record of an environment without a mark; None if it needs none.

    `ours` has the component of each record that gromit v1 wrote, and `others` type and name of the
    others.
    """
    record = owner_record(name, owner.domain, owner.installation)
    if f"TXT {record.name}" in others or not ours:
        return None
    first = f"{min(ours)}.{name}.{owner.domain}"
    if name not in rows:
        return SkippedItem(first, "that environment has no row")
    if others:
        why = f"there is also {min(others)}, which may belong to someone else"
        return SkippedItem(first, why)
    return RecordMigration(record, _why(ours))


def _take_over_rest(
    mark: OwnershipMark, ours: AbstractSet[str], rows: Mapping[str, bool], owner: NameOwner
) -> RecordMigration | None:
    """Plan to take over the records that a mark of ours lists as foreign; None without any."""
    listed = mark.foreign & ours
    if not listed or mark.environment not in rows or mark.excludes(owner.installation):
        return None
    left = mark.foreign - listed
    record = owner_record(mark.environment, owner.domain, owner.installation, left)
    return RecordMigration(record, _why(listed), is_new=False)


def _why(components: AbstractSet[str]) -> str:
    return f"takes over {', '.join(sorted(components))}"
