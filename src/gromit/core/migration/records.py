"""Public records of gromit v1: which of them become gromit's, by an ownership record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gromit.core.dns.plan import RecordSet, environment_for_name, owner_record
from gromit.core.migration.steps import SkippedItem
from gromit.core.stack.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class RecordMigration:
    """Ownership record that makes the existing public records of an environment gromit's."""

    owner: RecordSet
    why: str


def plan_records(
    rows: Mapping[str, bool], records: Iterable[RecordSet], catalogue: Catalogue, domain: str
) -> list[RecordMigration | SkippedItem]:
    """Plan the ownership records of environments that have public records already.

    `rows` has every environment with a row: True if its desired state is up.
    """
    public = {c.name for c in catalogue.components.values() if c.public}
    found: dict[str, set[str]] = {}
    for record in records:
        environment = environment_for_name(record.name, domain)
        if environment is not None:
            component = record.name.removesuffix(f".{environment}.{domain}")
            is_ours = record.type == "A" and not record.routing and component in public
            kind = component if is_ours else f"{record.type} {record.name}"
            found.setdefault(environment, set()).add(kind)
    steps = [_take_over(name, found[name], public, rows, domain) for name in sorted(found)]
    return [step for step in steps if step is not None]


def _take_over(
    name: str, kinds: set[str], public: set[str], rows: Mapping[str, bool], domain: str
) -> RecordMigration | SkippedItem | None:
    """Plan the ownership record of one environment; None if it has one, or needs none.

    `kinds` has the component of each record that gromit v1 wrote, and type and name of the others.
    """
    owner = owner_record(name, domain)
    ours, others = sorted(kinds & public), sorted(kinds - public)
    if f"TXT {owner.name}" in kinds or not ours:
        return None
    if name not in rows:
        return SkippedItem(f"{ours[0]}.{name}.{domain}", "that environment has no row")
    if others:
        return SkippedItem(
            f"{ours[0]}.{name}.{domain}",
            f"there is also {others[0]}, which may belong to someone else",
        )
    return RecordMigration(owner, f"takes over {', '.join(ours)}")
