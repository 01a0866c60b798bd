"""Plan of `gromit migrate` for a table and a zone of gromit v1, with a reason for each step."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gromit.core.dns.plan import RecordSet, environment_for_name, owner_record
from gromit.core.environments.attributes import FALLBACK, VERSION, Attribute
from gromit.core.environments.environment import Source, is_v1_row
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Want, Work
from gromit.core.environments.row_writes import Equals, NotExists, Row, RowWrite
from gromit.core.environments.work import schedule_work
from gromit.core.names import is_environment_name, is_tag
from gromit.core.stack.catalogue import Catalogue

STATES = frozenset({"new", "processed", "deleted"})
"""Values of `state` in gromit v1. `processed` means that the environment was applied."""


@dataclass(frozen=True, slots=True)
class RowMigration:
    """One flat row, and the write that converts it."""

    name: str
    write: RowWrite
    why: str


@dataclass(frozen=True, slots=True)
class RecordMigration:
    """Ownership record that makes the existing public records of an environment gromit's."""

    owner: RecordSet
    why: str


@dataclass(frozen=True, slots=True)
class SkippedItem:
    """Row or record that is left unchanged, and what a person can do about it."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class MigrationDefaults:
    """Values that a converted row needs besides its own."""

    catalogue: Catalogue
    stamp: ChangeContext
    grace_ms: int
    incarnation: str
    protected: bool


def plan_row(row: Row, defaults: MigrationDefaults) -> RowMigration | SkippedItem | None:
    """Plan the migration of one row; None for one that gromit wrote.

    | flat row                  | becomes                                                      |
    |---------------------------|--------------------------------------------------------------|
    | state `new`               | up, observed generation 0: pending                           |
    | state `processed`         | up, observed generation 1: ready                             |
    | state `deleted`           | gone, reaped after the grace period                          |
    | … of a protected name     | up, observed generation 0: gromit v1 also deleted by mistake |
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
            "its name is not valid for an environment: report a build of that branch,"
            " and delete this row manually",
        )
    if not isinstance(state, str) or state not in STATES:
        return SkippedItem(name, f"its state {state!r} is not one of gromit v1")
    versions = {a: v for a, v in row.items() if a not in {Attribute.NAME, "state"}}
    invalid = sorted(a for a, v in versions.items() if not isinstance(v, str) or not is_tag(v))
    if invalid:
        return SkippedItem(name, f"{invalid[0]} has no valid version: fix or remove that attribute")
    why = f"was {state} in gromit v1"
    if state == "deleted" and defaults.protected:
        why += ", but its name is protected: it is kept, and created if it does not exist"
    return RowMigration(name, _conversion(name, state, versions, defaults), why)


def _conversion(
    name: str, state: str, versions: Mapping[str, str], defaults: MigrationDefaults
) -> RowWrite:
    """Return the write that converts a flat row, if gromit v1 has not changed it since the read."""
    gone, finished = state == "deleted" and not defaults.protected, state == "processed"
    now_ms = defaults.stamp.now_ms
    scheduled = schedule_work(Work.SOW, now_ms)
    if gone:
        scheduled = schedule_work(Work.REAP, now_ms + defaults.grace_ms)
    sets = {
        **_attributes(name, versions, defaults.catalogue),
        **({} if finished else scheduled),
        Attribute.INCARNATION: defaults.incarnation,
        Attribute.WANT: Want.GONE if gone else Want.UP,
        Attribute.GENERATION: 1,
        Attribute.OBSERVED: 1 if finished else 0,
        Attribute.EPOCH: now_ms,
        Attribute.REVISION: 1,
        Attribute.INFRA: True,
        Attribute.PROTECTED: defaults.protected,
        Attribute.CREATED: now_ms,
        Attribute.CHANGED: now_ms,
        Attribute.EVENTS: [defaults.stamp.event("migrated", f"was {state} in gromit v1")],
    }
    # A task of gromit v1 may still write: the row must have the same state and versions as when it
    # was read, and no others.
    same = [Equals(repository, version) for repository, version in versions.items()]
    others = sorted(defaults.catalogue.repositories - set(versions))
    no_others = [NotExists(repository) for repository in others]
    return RowWrite(
        conditions=(NotExists(Attribute.GENERATION), Equals("state", state), *same, *no_others),
        sets=sets,
        removes=frozenset({"state", *versions}) - set(sets),
    )


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
