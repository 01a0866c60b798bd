"""Status of the public names of environments, from the records in the zone."""

from collections.abc import Collection, Iterable, Mapping

from gromit.core.dns.ownership import NameOwner
from gromit.core.dns.plan import EnvironmentRecords, RecordSet, ZoneChanges, records_by_environment
from gromit.core.stack.addresses import NameState, NameStatus, public_name

MISSING = NameStatus(NameState.MISSING)


def records_after(before: Iterable[RecordSet], changes: ZoneChanges) -> tuple[RecordSet, ...]:
    """Return the records of a zone after the changes."""
    records = {(r.name, r.type, r.routing): r for r in before}
    for record, _ in changes.deletes:
        records.pop((record.name, record.type, record.routing), None)
    records |= {(r.name, r.type, r.routing): r for r, _ in (*changes.creates, *changes.upserts)}
    return tuple(records.values())


def name_states(
    records: Iterable[RecordSet], owner: NameOwner, components: Mapping[str, Collection[str]]
) -> Mapping[str, Mapping[str, NameStatus]]:
    """Return the status of the name of each of the public `components`, by environment.

    | records                                        | status    |
    |------------------------------------------------|-----------|
    | the environment's names belong to others       | blocked   |
    | an address of others                           | blocked   |
    | a CNAME, an alias or a routed address          | blocked   |
    | a plain address                                | published |
    | none                                           | missing   |
    """
    found = {r.name: r for r in records_by_environment((), records, owner)}
    return {
        environment: {
            name: _status(found.get(environment), public_name(name, environment, owner.domain))
            for name in names
        }
        for environment, names in components.items()
    }


def _status(records: EnvironmentRecords | None, name: str) -> NameStatus:
    if records is None:
        return MISSING
    if obstacle := records.obstacle(name):
        return NameStatus(NameState.BLOCKED, obstacle)
    return NameStatus(NameState.PUBLISHED) if name in records.plain else MISSING
