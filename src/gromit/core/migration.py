"""What `gromit migrate` does to a table and a zone as the earlier system left them: a plan, with a reason for everything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gromit.core.dns.plan import RecordSet, environment_for_name, owner_record
from gromit.core.environments.attributes import FALLBACK, VERSION, Attribute
from gromit.core.environments.environment import Source, Want, Work, is_v1_row
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.rows import Equals, NotExists, Row, RowWrite
from gromit.core.environments.work import schedule_work
from gromit.core.names import is_environment_name, is_tag
from gromit.core.stack.catalogue import Catalogue

STATES = frozenset({"new", "processed", "deleted"})
"""What the earlier system wrote into `state`. `processed` means that it had been made true."""


@dataclass(frozen=True, slots=True)
class RowMigration:
    """One flat row, and the write that makes it a row of ours."""

    name: str
    write: RowWrite
    why: str


@dataclass(frozen=True, slots=True)
class RecordMigration:
    """Existing public records of an environment, and the TXT record that makes them ours."""

    owner: RecordSet
    why: str


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """What is not touched, and what a person may do about it."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class MigrationDefaults:
    """What a new row needs to know."""

    catalogue: Catalogue
    stamp: ChangeContext
    grace_ms: int
    incarnation: str
    protected: bool


def plan_row(row: Row, terms: MigrationDefaults) -> RowMigration | SkippedItem | None:
    """What to do with a row of the table; None for one that is ours already.

    | flat row                  | becomes                                                      |
    |---------------------------|--------------------------------------------------------------|
    | state `new`               | wanted, nothing observed: pending                            |
    | state `processed`         | wanted, generation 1 observed: ready                         |
    | state `deleted`           | gone is wanted, reaped after the grace                       |
    | … of a protected name     | wanted, nothing observed: the earlier system deleted by      |
    |                           | mistake, too                                                 |
    | a default branch's tag    | the fallback of that repository                              |
    | the environment's name    | the fallback of that repository: its branch's tag            |
    | any other version         | reported by that repository                                  |
    """
    if not is_v1_row(row):
        return None
    name, state = str(row.get(Attribute.NAME, "")), row.get("state")
    if not is_environment_name(name):
        return SkippedItem(
            name,
            "its name cannot be one of an environment: report a build of that branch, and delete this row by hand",
        )
    if not isinstance(state, str) or state not in STATES:
        return SkippedItem(name, f"its state {state!r} is none that the earlier system knew")
    versions = {a: v for a, v in row.items() if a not in {Attribute.NAME, "state"}}
    strange = sorted(a for a, v in versions.items() if not isinstance(v, str) or not is_tag(v))
    if strange:
        return SkippedItem(
            name, f"{strange[0]} has no usable version: mend or remove that attribute"
        )
    kept = state == "deleted" and terms.protected
    but = ", but its name is protected: it is kept, and made if it is not there" if kept else ""
    return RowMigration(
        name, _conversion(name, state, versions, terms), f"was {state} in the earlier system{but}"
    )


def _conversion(
    name: str, state: str, versions: Mapping[str, str], terms: MigrationDefaults
) -> RowWrite:
    """The write of a flat row: refused if the earlier system has changed anything in it since it was looked at."""
    gone, finished = state == "deleted" and not terms.protected, state == "processed"
    now_ms = terms.stamp.now_ms
    scheduled = schedule_work(Work.SOW, now_ms)
    if gone:
        scheduled = schedule_work(Work.REAP, now_ms + terms.grace_ms)
    sets = {
        **_attributes(name, versions, terms.catalogue),
        **({} if finished else scheduled),
        Attribute.INCARNATION: terms.incarnation,
        Attribute.WANT: Want.GONE if gone else Want.UP,
        Attribute.GENERATION: 1,
        Attribute.OBSERVED: 1 if finished else 0,
        Attribute.EPOCH: now_ms,
        Attribute.REVISION: 1,
        Attribute.INFRA: True,
        Attribute.PROTECTED: terms.protected,
        Attribute.CREATED: now_ms,
        Attribute.CHANGED: now_ms,
        Attribute.EVENTS: [terms.stamp.event("migrated", f"was {state} in the earlier system")],
    }
    same = [Equals(repository, version) for repository, version in versions.items()]
    no_more = [
        NotExists(repository) for repository in sorted(terms.catalogue.repositories - set(versions))
    ]
    return RowWrite(
        conditions=(NotExists(Attribute.GENERATION), Equals("state", state), *same, *no_more),
        sets=sets,
        removes=frozenset({"state", *versions}) - set(sets),
    )


def plan_records(
    rows: Mapping[str, bool], records: Iterable[RecordSet], catalogue: Catalogue, domain: str
) -> list[RecordMigration | SkippedItem]:
    """Which environments' existing records become ours. `rows`: every environment that has a row, True if it is wanted up."""
    public = {c.name for c in catalogue.components.values() if c.public}
    found: dict[str, set[str]] = {}
    for record in records:
        environment = environment_for_name(record.name, domain)
        if environment is not None:
            label = record.name.removesuffix(f".{environment}.{domain}")
            kind = (
                label
                if record.type == "A" and not record.routing and label in public
                else f"{record.type} {record.name}"
            )
            found.setdefault(environment, set()).add(kind)
    return [
        step
        for name in sorted(found)
        if (step := _take_over(name, found[name], public, rows, domain))
    ]


def _take_over(
    name: str, kinds: set[str], public: set[str], rows: Mapping[str, bool], domain: str
) -> RecordMigration | SkippedItem | None:
    owner = owner_record(name, domain)
    ours, others = sorted(kinds & public), sorted(kinds - public)
    if f"TXT {owner.name}" in kinds or not ours:
        return None
    if name not in rows:
        return SkippedItem(f"{ours[0]}.{name}.{domain}", "there is no row of that environment")
    if others:
        return SkippedItem(
            f"{ours[0]}.{name}.{domain}", f"there is also {others[0]}, which may be somebody else's"
        )
    return RecordMigration(owner, f"takes over {', '.join(ours)}")


def _attributes(name: str, versions: Mapping[str, str], catalogue: Catalogue) -> dict[str, object]:
    attributes: dict[str, object] = {}
    for repository, version in versions.items():
        if version == catalogue.default_tag(repository):
            attributes[FALLBACK + repository] = {"tag": version, "source": Source.DEFAULT}
        elif version == name:
            attributes[FALLBACK + repository] = {"tag": version, "source": Source.BRANCH}
        else:
            attributes[VERSION + repository] = version
    return attributes
