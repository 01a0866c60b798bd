"""DNS plan of chitragupta: the desired public records, and the changes that lead to them.

Each component of an environment has one record, `<component>.<env>.<domain>`, with the addresses of
all its running tasks. One TXT record per environment, `_gromit.<env>.<domain>`, is its ownership
record: it marks all plain address records of that form below the environment's name as those of one
installation of gromit, except the names that it lists as foreign. Records without it belong to
others and are never changed.

Values have the form of zone files, as Route53 stores them: texts are in quotation marks.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gromit.core.dns.ownership import (
    OWNER_LABEL,
    OWNER_TTL,
    NameOwner,
    OwnershipMark,
    parse_mark,
)
from gromit.core.names import COMPONENT_NAME, is_environment_name
from gromit.core.stack.addresses import public_name

UNREADABLE = "its row in the table cannot be read"
"""Why the records of an environment stay as they are, whatever runs."""
UNCLAIMED = "its ownership record names no installation, and serve does not know its environment"
"""Why the records of an environment that may be another installation's stay as they are."""


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
    replaced: tuple[RecordSet, ...] = ()
    """Former records of `upserts`, exactly as they are now; the zone refuses any other."""
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


def owner_record(
    environment: str, domain: str, installation: str = "", foreign: Iterable[str] = ()
) -> RecordSet:
    """Ownership record of an environment; `foreign` are the first labels of names of others."""
    mark = OwnershipMark(environment, installation, frozenset(foreign))
    name = public_name(OWNER_LABEL, environment, domain)
    return RecordSet(name, "TXT", OWNER_TTL, mark.values)


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


def plan(
    desired: Iterable[RecordSet],
    actual: Iterable[RecordSet],
    owner: NameOwner,
    wanted: Mapping[str, bool | None],
    incomplete: str = "",
) -> ZoneChanges:
    """Changes that bring an installation's records in a zone to the desired ones.

    `wanted` has an entry for each environment that serve knows: True if it should run, False if it
    is to be, or has been, destroyed, None if its row cannot be read. `incomplete` says why the
    listing of tasks is incomplete ("" if it is complete).

    The decision for each name `<component>.<env>.<domain>` depends on the owner of the
    environment's names. *Ours*: the ownership record is this installation's, or names none. *Free*:
    there is no ownership record. *Theirs*: everything else. *Unclaimed*: ours, but the record names
    no installation, and this one has a name. A plain address is foreign where the names are free or
    theirs, or if the ownership record lists it.

    | desired | existing record      | owner      | row    | change                                |
    |---------|----------------------|------------|--------|---------------------------------------|
    | yes     | none                 | ours       | wanted | create                                |
    | yes     | none                 | free       | wanted | create, with the ownership record     |
    | yes     | none, or any         | theirs     | wanted | blocked: all names of the environment |
    | yes     | the same             | ours       | wanted | none                                  |
    | yes     | other values         | ours       | wanted | upsert; incomplete: keep all values   |
    | yes     | foreign address      | ours, free | wanted | blocked: this name only               |
    | yes     | CNAME, alias, routed | ours, free | wanted | blocked: this name only               |
    | no      | plain address        | ours       | gone   | delete                                |
    | no      | plain address        | ours       | wanted | delete, unexplained: no task runs     |
    | no      | plain address        | ours       | none   | delete, unexplained: unknown          |
    | no      | plain address        | unclaimed  | none   | left alone                            |
    | no      | plain address        | ours       | any    | left alone while incomplete           |
    | no      | foreign address      | any        | any    | left alone                            |
    | no      | anything else        | any        | any    | ignored                               |

    If the row cannot be read, nothing of the environment is desired or changed.

    The ownership record is deleted with the last address record of ours. That of a wanted
    environment gets the installation's name, and loses a foreign name without any record.
    """
    records = tuple(desired)
    parts = _misnamed(records, owner.domain)
    for environment in records_by_environment(records, actual, owner):
        parts.append(_plan_environment(environment, wanted, incomplete))
    return _joined(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentRecords:
    """Desired and existing records of one environment."""

    name: str
    owner: RecordSet
    """Ownership record that the environment should have."""
    desired: Mapping[str, RecordSet]
    plain: Mapping[str, RecordSet]
    """Plain address records of ours."""
    foreign: Mapping[str, RecordSet]
    """Plain address records of others."""
    blockers: Mapping[str, RecordSet]
    """Records that exclude a plain address record of the same name."""
    marked: RecordSet | None
    """Existing ownership record, if it is ours."""
    is_unclaimed: bool
    """Whether that names no installation although this one has a name."""
    forbidden: str
    """Why no record may be changed; empty if the environment is ours or free."""

    def obstacle(self, name: str) -> str:
        """Why a name cannot be published; empty if it can."""
        if self.forbidden:
            return self.forbidden
        if blocker := self.blockers.get(name):
            kind = f"{blocker.type} {blocker.routing}".rstrip()
            return f"a record of type {kind} exists"
        if other := self.foreign.get(name):
            return (
                f"a record of type A exists that is not gromit's: {min(other.values)}"
                " (`gromit migrate` takes it over)"
            )
        return ""


def records_by_environment(
    desired: Iterable[RecordSet], actual: Iterable[RecordSet], owner: NameOwner
) -> list[EnvironmentRecords]:
    """Group records by environment. Records with other names are left out."""
    desired_by_name: defaultdict[str, dict[str, RecordSet]] = defaultdict(dict)
    existing: defaultdict[str, list[RecordSet]] = defaultdict(list)
    for record in desired:
        if environment := environment_for_name(record.name, owner.domain):
            desired_by_name[environment][record.name] = record
    for record in actual:
        if environment := environment_for_name(record.name, owner.domain):
            existing[environment].append(record)
    return [
        _environment_records(name, owner, desired_by_name[name], existing[name])
        for name in sorted(desired_by_name.keys() | existing.keys())
    ]


def _environment_records(
    environment: str, owner: NameOwner, desired: Mapping[str, RecordSet], found: Iterable[RecordSet]
) -> EnvironmentRecords:
    owner_name = public_name(OWNER_LABEL, environment, owner.domain)
    plain: dict[str, RecordSet] = {}
    blockers: dict[str, RecordSet] = {}
    ownership_records = []
    for record in found:
        if record.name == owner_name:
            # Other types do not exclude a TXT record, and say nothing about ownership.
            if record.type in {"TXT", "CNAME"}:
                ownership_records.append(record)
        elif record.type == "A" and not record.routing:
            plain[record.name] = record
        elif record.type in {"A", "CNAME"}:
            blockers[record.name] = record
    mark, forbidden = _judge_ownership(environment, owner, ownership_records)
    listed = {_label(name) for name in plain} if mark is None else mark.foreign
    foreign = {name: record for name, record in plain.items() if _label(name) in listed}
    # A name in the list whose record is replaced by one of another type stays in it.
    kept = {_label(name) for name in (*foreign, *blockers)} & listed
    return EnvironmentRecords(
        name=environment,
        owner=owner_record(environment, owner.domain, owner.installation, kept),
        desired=desired,
        plain={name: record for name, record in plain.items() if name not in foreign},
        foreign=foreign,
        blockers=blockers,
        marked=ownership_records[0] if mark else None,
        is_unclaimed=mark is not None and mark.installation != owner.installation,
        forbidden=forbidden,
    )


def _judge_ownership(
    environment: str, owner: NameOwner, found: Sequence[RecordSet]
) -> tuple[OwnershipMark | None, str]:
    """Return the mark if it is ours, and why no record of the environment may be changed."""
    if not found:
        return None, ""
    mark = parse_mark(found[0].values)
    is_plain = len(found) == 1 and found[0].type == "TXT" and not found[0].routing
    if not is_plain or mark is None or mark.environment != environment:
        return None, f"{found[0].name} exists and is not gromit's"
    if mark.excludes(owner.installation):
        return None, f"{found[0].name} belongs to the installation {mark.installation}"
    return mark, ""


def _label(name: str) -> str:
    return name.partition(".")[0]


def _plan_environment(
    records: EnvironmentRecords, wanted: Mapping[str, bool | None], incomplete: str
) -> ZoneChanges:
    ours = len(records.plain)
    others = tuple(
        (record, records.obstacle(name))
        for name, record in sorted(records.foreign.items())
        if name not in records.desired
    )
    if wanted.get(records.name, False) is None:
        # It may have to run or not, so neither a record nor its absence is wrong.
        kept = tuple((r, UNREADABLE) for r in _stale(records))
        return ZoneChanges(left_alone=(*others, *kept), ours=ours)
    if records.is_unclaimed and records.name not in wanted:
        # It may be that of an installation without a name, which knows the environment.
        kept = tuple((r, UNCLAIMED) for r in _stale(records))
        return ZoneChanges(left_alone=(*others, *kept), ours=ours)
    writes, removals = _writes(records, incomplete), _removals(records, wanted, incomplete)
    # An incomplete listing proves no last record.
    is_last = not writes.creates and len(removals.deletes) == ours
    if not is_last:
        writes = _with_owner(records, writes, is_wanted=wanted.get(records.name) is True)
    deletes = removals.deletes
    if is_last and records.marked and not incomplete:
        deletes = (*deletes, (records.marked, f"no record of {records.name} is left"))
    return ZoneChanges(
        creates=writes.creates,
        upserts=writes.upserts,
        replaced=writes.replaced,
        deletes=deletes,
        left_alone=(*others, *removals.left_alone),
        blocked=writes.blocked,
        unexplained=removals.unexplained,
        ours=ours,
    )


def _with_owner(
    records: EnvironmentRecords, writes: ZoneChanges, *, is_wanted: bool
) -> ZoneChanges:
    """Add the ownership record to the writes of an environment, in front of all others."""
    if records.marked is None:
        first = (records.owner, f"first record of {records.name}")
        return replace(writes, creates=(first, *writes.creates))
    if is_wanted and records.marked.values != records.owner.values:
        difference = _difference(records.marked, records.owner)
        return replace(
            writes,
            upserts=((records.owner, difference), *writes.upserts),
            replaced=(records.marked, *writes.replaced),
        )
    return writes


def _stale(records: EnvironmentRecords) -> list[RecordSet]:
    """Plain address records of ours that are not desired, by name."""
    return [r for name, r in sorted(records.plain.items()) if name not in records.desired]


def _writes(records: EnvironmentRecords, incomplete: str) -> ZoneChanges:
    creates, upserts, replaced, blocked = [], [], [], []
    for name, new in sorted(records.desired.items()):
        old = records.plain.get(name)
        if obstacle := records.obstacle(name):
            blocked.append((new, obstacle))
        elif old is None:
            creates.append((new, f"runs at {_list(new.values)}"))
        else:
            # A task that the listing missed may still use an old address: keep all of them.
            values = new.values | old.values if incomplete else new.values
            changed = replace(new, values=values)
            if changed != old:
                upserts.append((changed, _difference(old, changed)))
                replaced.append(old)
    return ZoneChanges(
        creates=tuple(creates),
        upserts=tuple(upserts),
        replaced=tuple(replaced),
        blocked=tuple(blocked),
    )


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
        replaced=tuple(r for p in changes for r in p.replaced),
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
