"""DNS plan of chitragupta: the desired public records, and the changes that lead to them.

Each component of an environment has one record, `<component>.<env>.<domain>`, with the addresses of
all its running tasks. One TXT record per environment, `_gromit.<env>.<domain>`, is its ownership
record: it marks all plain address records of that form below the environment's name as gromit's.
Records without it belong to others and are never changed.

Values have the form of zone files, as Route53 stores them: texts are in quotation marks.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gromit.core.names import is_environment_name, normalize_dns_name
from gromit.core.stack.addresses import public_name
from gromit.core.stack.catalogue import COMPONENT_NAME
from gromit.errors import UnsafePlan

OWNER_LABEL = "_gromit"
OWNER_TTL = 300
_NAMED = 20
UNREADABLE = "its row in the table cannot be read"
"""Why the records of an environment stay as they are, whatever runs."""
_OCTAL = re.compile(r"\\([0-3][0-7]{2})")


@dataclass(frozen=True, slots=True)
class PublicTask:
    """A running task of a public component."""

    environment: str
    component: str
    address: str
    """Its public IPv4 address."""


@dataclass(frozen=True, slots=True)
class TaskListing:
    """Running public tasks that a listing found."""

    tasks: tuple[PublicTask, ...]
    complete: bool
    """False if a part of the listing failed or was cut short; then nothing may be deleted."""
    reason: str = ""
    """Why the listing is incomplete."""


@dataclass(frozen=True, slots=True)
class RecordSet:
    """Record set: all values of a name and type."""

    name: str
    """Fully qualified, lower case, without the trailing dot."""
    type: str
    ttl: int
    """Seconds."""
    values: frozenset[str]
    routing: str = ""
    """Routing policy of the zone (`alias`, `weighted` …); empty for a plain record, like ours."""


RecordWithReason = tuple[tuple[RecordSet, str], ...]
"""Records, each with the reason for its change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneChanges:
    """Changes of a zone, and the records that are not changed although they differ."""

    creates: RecordWithReason = ()
    """New records. The zone refuses them if another process was faster."""
    upserts: RecordWithReason = ()
    """Our records, with new values."""
    deletes: RecordWithReason = ()
    """Our records, exactly as they are now."""
    left_alone: RecordWithReason = ()
    """Records kept although no running task backs them, as they are now."""
    blocked: RecordWithReason = ()
    """Desired records that cannot be written because of records of others."""
    unexplained: tuple[str, ...] = ()
    """Names of address records in `deletes` without a row that says their environment is gone."""
    ours: int = 0
    """Number of our address records before the change."""

    def __bool__(self) -> bool:
        return bool(self.creates or self.upserts or self.deletes)


def normalize_name(text: str) -> str:
    r"""Return a name in the form for comparison: lower case, no trailing dot.

    Route53's octal escapes (`\052`) are decoded, but for a dot: an escaped one separates no labels.
    """

    def decode(found: re.Match[str]) -> str:
        character = chr(int(found[1], 8))
        return found[0] if character == "." else character

    return normalize_dns_name(_OCTAL.sub(decode, text))


def owner_record(environment: str, domain: str) -> RecordSet:
    """Ownership record of an environment."""
    value = f'"heritage=gromit,environment={environment}"'
    return RecordSet(
        public_name(OWNER_LABEL, environment, domain), "TXT", OWNER_TTL, frozenset({value})
    )


def environment_for_name(name: str, domain: str) -> str | None:
    """Environment that a public name or ownership record can belong to; None for other names."""
    head = name.removesuffix(f".{domain}")
    label, dot, environment = head.partition(".")
    if head == name or not dot or not is_environment_name(environment):
        return None
    is_component = COMPONENT_NAME.fullmatch(label) and "--" not in label
    if label == OWNER_LABEL or is_component:
        return environment
    return None


def desired_records(
    tasks: Iterable[PublicTask], domain: str, ttl: int, wanted: Mapping[str, bool | None]
) -> tuple[RecordSet, ...]:
    """Records for the running tasks of the `wanted` environments, and of no other cluster."""
    addresses: defaultdict[str, set[str]] = defaultdict(set)
    for task in tasks:
        if wanted.get(task.environment):
            addresses[public_name(task.component, task.environment, domain)].add(task.address)
    return tuple(
        RecordSet(name, "A", ttl, frozenset(values)) for name, values in sorted(addresses.items())
    )


def plan(
    desired: Iterable[RecordSet],
    actual: Iterable[RecordSet],
    domain: str,
    wanted: Mapping[str, bool | None],
    incomplete: str = "",
) -> ZoneChanges:
    """Changes that bring gromit's records in a zone to the desired ones.

    `wanted` has an entry for each environment that serve knows: True if it should run, False if it
    is to be, or has been, destroyed, None if its row cannot be read. `incomplete` says why the
    listing of tasks is incomplete ("" if it is complete).

    The decision for each name `<component>.<env>.<domain>` depends on the owner of the
    environment's names. *Ours*: the ownership record exists. *Free*: neither it nor any plain
    address record of the environment exists. *Theirs*: everything else.

    | desired | existing record      | owner      | row    | change                                |
    |---------|----------------------|------------|--------|---------------------------------------|
    | yes     | none                 | ours       | wanted | create                                |
    | yes     | none                 | free       | wanted | create, with the ownership record     |
    | yes     | none, or any         | theirs     | wanted | blocked: all names of the environment |
    | yes     | the same             | ours       | wanted | none                                  |
    | yes     | other values         | ours       | wanted | upsert; incomplete: keep all values   |
    | yes     | CNAME, alias, routed | ours, free | wanted | blocked: this name only               |
    | no      | plain address        | ours       | gone   | delete                                |
    | no      | plain address        | ours       | wanted | delete, unexplained: no task runs     |
    | no      | plain address        | ours       | none   | delete, unexplained: unknown          |
    | no      | plain address        | ours       | any    | left alone while incomplete           |
    | no      | plain address        | theirs     | any    | left alone                            |
    | no      | anything else        | any        | any    | ignored                               |

    If the row cannot be read, nothing of the environment is desired or changed.

    The ownership record is deleted with the last address record.
    """
    records = tuple(desired)
    parts = _misnamed(records, domain)
    for environment in records_by_environment(records, actual, domain):
        parts.append(_plan_environment(environment, wanted, incomplete))
    return _joined(parts)


def enforce_delete_limits(changes: ZoneChanges, percent: int, free: int) -> None:
    """Limit the unexplained deletes of a plan.

    Raises `UnsafePlan` if there are more than `free`, and more than `percent` of our records.
    """
    count = len(changes.unexplained)
    if count <= free or count * 100 <= percent * changes.ours:
        return
    named = ", ".join(changes.unexplained[:_NAMED])
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    raise UnsafePlan(
        f"{count} of {changes.ours} public records would be deleted"
        f" although no row says that their environments are gone: {named}{more}",
        hint="check that serve lists all environments and that their tasks run;"
        " --force deletes the records anyway",
    )


@dataclass(frozen=True, slots=True)
class EnvironmentRecords:
    """Desired and existing records of one environment."""

    name: str
    owner: RecordSet
    """Ownership record that the environment has or would get."""
    desired: Mapping[str, RecordSet]
    plain: Mapping[str, RecordSet]
    """Plain address records of its names: ours if it is ours."""
    blockers: Mapping[str, RecordSet]
    """Records that exclude a plain address record of the same name."""
    ownership_records: tuple[RecordSet, ...]
    """Existing records with the name of the ownership record."""

    @property
    def is_ours(self) -> bool:
        """Whether exactly the ownership record exists, with any TTL."""
        existing = [replace(record, ttl=OWNER_TTL) for record in self.ownership_records]
        return existing == [self.owner]

    @property
    def forbidden(self) -> str:
        """Why no record may be changed; empty if the environment is ours or free."""
        if self.is_ours:
            return ""
        if self.ownership_records:
            return f"{self.owner.name} exists and is not gromit's"
        if self.plain:
            return (
                f"{min(self.plain)} exists without {self.owner.name}, so it is not gromit's"
                " (`gromit migrate` takes it over)"
            )
        return ""


def records_by_environment(
    desired: Iterable[RecordSet], actual: Iterable[RecordSet], domain: str
) -> list[EnvironmentRecords]:
    """Group records by environment. Records with other names are left out."""
    desired_by_name: defaultdict[str, dict[str, RecordSet]] = defaultdict(dict)
    existing: defaultdict[str, list[RecordSet]] = defaultdict(list)
    for record in desired:
        if environment := environment_for_name(record.name, domain):
            desired_by_name[environment][record.name] = record
    for record in actual:
        if environment := environment_for_name(record.name, domain):
            existing[environment].append(record)
    return [
        _environment_records(name, domain, desired_by_name[name], existing[name])
        for name in sorted(desired_by_name.keys() | existing.keys())
    ]


def _environment_records(
    environment: str, domain: str, desired: Mapping[str, RecordSet], found: Iterable[RecordSet]
) -> EnvironmentRecords:
    owner = owner_record(environment, domain)
    plain: dict[str, RecordSet] = {}
    blockers: dict[str, RecordSet] = {}
    ownership_records = []
    for record in found:
        if record.name == owner.name:
            # Other types do not exclude a TXT record, and say nothing about ownership.
            if record.type in {"TXT", "CNAME"}:
                ownership_records.append(record)
        elif record.type == "A" and not record.routing:
            plain[record.name] = record
        elif record.type in {"A", "CNAME"}:
            blockers[record.name] = record
    return EnvironmentRecords(
        environment, owner, desired, plain, blockers, tuple(ownership_records)
    )


def _plan_environment(
    records: EnvironmentRecords, wanted: Mapping[str, bool | None], incomplete: str
) -> ZoneChanges:
    if reason := records.forbidden:
        return ZoneChanges(
            blocked=tuple((r, reason) for _, r in sorted(records.desired.items())),
            left_alone=tuple((r, reason) for r in _stale(records)),
        )
    if wanted.get(records.name, False) is None:
        # It may have to run or not, so neither a record nor its absence is wrong.
        kept = tuple((r, UNREADABLE) for r in _stale(records))
        return ZoneChanges(left_alone=kept, ours=len(records.plain))
    writes, removals = _writes(records, incomplete), _removals(records, wanted, incomplete)
    creates, deletes = writes.creates, removals.deletes
    # The first record brings the ownership record along, in front of it.
    if creates and not records.is_ours:
        creates = ((records.owner, f"first record of {records.name}"), *creates)
    # The last record takes the ownership record along. An incomplete listing proves no last one.
    keeps_records = bool(creates) or len(records.plain) > len(deletes)
    if records.is_ours and not keeps_records and not incomplete:
        last = (records.ownership_records[0], f"no record of {records.name} is left")
        deletes = (*deletes, last)
    return ZoneChanges(
        creates=creates,
        upserts=writes.upserts,
        deletes=deletes,
        left_alone=removals.left_alone,
        blocked=writes.blocked,
        unexplained=removals.unexplained,
        ours=len(records.plain),
    )


def _stale(records: EnvironmentRecords) -> list[RecordSet]:
    """Plain address records that are not desired, by name."""
    return [r for name, r in sorted(records.plain.items()) if name not in records.desired]


def _writes(records: EnvironmentRecords, incomplete: str) -> ZoneChanges:
    creates, upserts, blocked = [], [], []
    for name, new in sorted(records.desired.items()):
        old = records.plain.get(name)
        if blocker := records.blockers.get(name):
            kind = f"{blocker.type} {blocker.routing}".rstrip()
            blocked.append((new, f"a record of type {kind} exists"))
        elif old is None:
            creates.append((new, f"runs at {_list(new.values)}"))
        else:
            # A task that the listing missed may still use an old address: keep all of them.
            values = new.values | old.values if incomplete else new.values
            changed = replace(new, values=values)
            if changed != old:
                upserts.append((changed, _difference(old, changed)))
    return ZoneChanges(creates=tuple(creates), upserts=tuple(upserts), blocked=tuple(blocked))


def _removals(
    records: EnvironmentRecords, wanted: Mapping[str, bool | None], incomplete: str
) -> ZoneChanges:
    stale = _stale(records)
    if incomplete:
        reason = f"not deleted, because the listing of tasks is incomplete: {incomplete}"
        return ZoneChanges(left_alone=tuple((r, reason) for r in stale))
    row = wanted.get(records.name)
    reasons = {
        True: "no task of it runs",
        False: f"environment {records.name} is gone or parked",
        None: f"environment {records.name} is unknown",
    }
    # Deletes that a row explains do not count towards the limit.
    unexplained = () if row is False else tuple(r.name for r in stale)
    return ZoneChanges(deletes=tuple((r, reasons[row]) for r in stale), unexplained=unexplained)


def _misnamed(desired: Iterable[RecordSet], domain: str) -> list[ZoneChanges]:
    """Block desired records whose name has no valid component and environment."""
    reason = "neither component nor environment may be called so"
    return [
        ZoneChanges(blocked=((r, reason),))
        for r in desired
        if environment_for_name(r.name, domain) is None
    ]


def _joined(parts: Iterable[ZoneChanges]) -> ZoneChanges:
    changes = tuple(parts)
    return ZoneChanges(
        creates=tuple(c for p in changes for c in p.creates),
        upserts=tuple(c for p in changes for c in p.upserts),
        deletes=tuple(c for p in changes for c in p.deletes),
        left_alone=tuple(c for p in changes for c in p.left_alone),
        blocked=tuple(c for p in changes for c in p.blocked),
        unexplained=tuple(n for p in changes for n in p.unexplained),
        ours=sum(p.ours for p in changes),
    )


def _difference(old: RecordSet, new: RecordSet) -> str:
    parts = []
    if added := new.values - old.values:
        parts.append(f"now also {_list(added)}")
    if removed := old.values - new.values:
        parts.append(f"no longer {_list(removed)}")
    if new.ttl != old.ttl:
        parts.append(f"ttl {new.ttl} instead of {old.ttl}")
    return ", ".join(parts)


def _list(values: Iterable[str]) -> str:
    return " ".join(sorted(values))
