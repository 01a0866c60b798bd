"""Rows of gromit v1: what each one becomes.

gromit v1 destroyed what was deleted, but its row stayed for ever. So a deleted row says only that
the branch was deleted once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gromit.core.environments.attributes import FALLBACK, VERSION, Attribute
from gromit.core.environments.environment import Source
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Want, Work
from gromit.core.environments.row_writes import (
    Condition,
    Equals,
    Exists,
    NotExists,
    Row,
    RowWrite,
)
from gromit.core.environments.v1_rows import (
    DELETED,
    PROCESSED,
    STATE,
    is_v1_row,
    v1_fault,
    v1_name,
    v1_versions,
)
from gromit.core.environments.work import schedule_work
from gromit.core.migration.steps import SkippedItem
from gromit.core.names import environment_name, is_tag, mapped_name, reaping_name
from gromit.core.stack.catalogue import Catalogue
from gromit.core.stack.clusters import ClusterState
from gromit.core.stack.terraform import state_key


class Decision(StrEnum):
    """Decision of a person about a row."""

    KEEP = "keep"
    REAP = "reap"


class Fate(StrEnum):
    """Consequence of a migration for one environment."""

    STAYS = "environments that stay as they run"
    CREATED = "environments that sow creates or updates"
    DESTROYED = "environments that reap destroys after the grace period"


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFacts:
    """Facts about a row that it does not contain."""

    protected: bool
    """Whether its name is protected."""
    cluster: ClusterState | None = None
    """The cluster of its name, if there is one."""
    decision: Decision | None = None
    is_taken: bool = False
    """Whether another row has the name that gromit would give its environment."""
    lacks_state: bool = False
    """Whether it would get another name, and there is no state under its own."""
    has_other_state: bool = False
    """Whether there is another state under the name that gromit would give its environment."""

    @property
    def runs(self) -> bool:
        """Whether something of the environment still runs."""
        cluster = self.cluster
        return cluster is not None and bool(cluster.services or cluster.running or cluster.pending)


@dataclass(frozen=True, slots=True)
class RowMigration:
    """One flat row, and the write that converts it."""

    name: str
    write: RowWrite
    why: str
    target: str
    """Name of the converted row. If it is another one, `unchanged` guards the removal of the row.
    """
    unchanged: tuple[Condition, ...]
    fate: Fate


@dataclass(frozen=True, slots=True)
class UndecidedRow:
    """A deleted row with a protected name of which nothing runs: a person has to decide."""

    name: str


@dataclass(frozen=True, slots=True)
class MigrationDefaults:
    """Values that a converted row needs besides its own."""

    catalogue: Catalogue
    stamp: ChangeContext
    grace_ms: int
    incarnation: str


RowStep = RowMigration | SkippedItem | UndecidedRow


def plan_row(row: Row, facts: MigrationFacts, defaults: MigrationDefaults) -> RowStep | None:
    """Plan the migration of one row; None for one that gromit wrote.

    | flat row                                 | becomes                                       |
    |------------------------------------------|-----------------------------------------------|
    | state `new`                              | up, observed generation 0: pending            |
    | state `processed`                        | up, observed generation 1: ready              |
    | state `deleted`                          | gone, reaped after the grace period           |
    | … of a default branch, if protected      | up: gromit v1 also deleted it by mistake      |
    | … protected, and its cluster still runs  | up: a deletion of gromit v1 that never ended  |
    | … protected, and nothing of it runs      | stays, until a person decides                 |
    | any, decided to be kept                  | up, observed generation 0                     |
    | any, decided to be reaped                | gone, reaped after the grace period           |
    | a name that no environment can have      | the row of the name that gromit gives it      |
    | … if a cluster runs without its state    | stays: a second environment would be created  |
    | … if that name has a row or state        | stays, until it is decided to be reaped       |
    | a default branch's tag                   | the fallback of that repository               |
    | the environment's name                   | the fallback of that repository: its branch's |
    | NULL, or an empty text                   | no version                                    |
    | any other version                        | reported by that repository                   |
    """
    if not is_v1_row(row):
        return None
    name, target = v1_name(row), mapped_name(v1_name(row))
    is_reaped = facts.decision is Decision.REAP
    if facts.lacks_state and facts.runs:
        return SkippedItem(name, _without_state(name, facts))
    if is_reaped and (target is None or facts.is_taken or facts.has_other_state):
        target = reaping_name(name)
    elif refusal := _refusal(row, facts, target):
        return SkippedItem(name, refusal)
    if target is None or (not is_reaped and _is_undecided(row, facts, defaults.catalogue, target)):
        return UndecidedRow(name)
    is_gone = is_reaped or (row.get(STATE) == DELETED and not _is_kept(row, facts))
    conditions = _unchanged(row, defaults.catalogue)
    sets = _sets(row, target, facts, defaults, is_gone=is_gone)
    return RowMigration(
        name=name,
        write=RowWrite(
            conditions=conditions if target == name else (NotExists(Attribute.NAME),),
            sets=sets,
            removes=frozenset({STATE, *v1_versions(row)}) - set(sets),
        ),
        why=_reason(row, facts, defaults.catalogue, target),
        target=target,
        unchanged=conditions,
        fate=_fate(sets),
    )


def _refusal(row: Row, facts: MigrationFacts, target: str | None) -> str | None:
    """Return why a row stays as it is, and what a person can do; None if it is converted."""
    name, fault = v1_name(row), v1_fault(row)
    if fault is not None and (facts.decision is None or target is None):
        keep = "" if target is None else f"`--keep {name}` creates it from what is valid, "
        return f"{fault}; {keep}`--reap {name}` destroys it{_running(facts)}"
    if facts.is_taken:
        return (
            f"{target} is a row as well, and both are the same environment for gromit:"
            f" `--reap {name}` destroys this one{_running(facts)}"
        )
    if facts.has_other_state:
        return (
            f"there is a state of {target} as well, so its own would be lost: move that one away,"
            f" or `--reap {name}` destroys this environment{_running(facts)}"
        )
    return None


def _without_state(name: str, facts: MigrationFacts) -> str:
    return (
        "the state bucket has no state of it, so gromit would create a second environment beside"
        f" it{_running(facts)}: copy its state to `{state_key(name)}`, or destroy it with the tools"
        " of gromit v1"
    )


def _is_undecided(row: Row, facts: MigrationFacts, catalogue: Catalogue, target: str) -> bool:
    if row.get(STATE) != DELETED or not facts.protected or facts.decision is not None:
        return False
    return not facts.runs and target not in default_branches(catalogue)


def _is_kept(row: Row, facts: MigrationFacts) -> bool:
    """Whether a row is up after its conversion although gromit v1 had deleted it."""
    return row.get(STATE) == DELETED and (facts.protected or facts.decision is Decision.KEEP)


def default_branches(catalogue: Catalogue) -> frozenset[str]:
    """Return the names of the environments of default branches."""
    tags = (catalogue.default_tag(repository) for repository in catalogue.repositories)
    return frozenset(environment_name(tag) for tag in tags)


def _reason(row: Row, facts: MigrationFacts, catalogue: Catalogue, target: str) -> str:
    name, state = v1_name(row), row.get(STATE)
    why = f"was {state} in gromit v1" if isinstance(state, str) else "had no state in gromit v1"
    if facts.decision is not None:
        why += f", and is to be {'kept' if facts.decision is Decision.KEEP else 'reaped'}"
    elif _is_kept(row, facts) and target in default_branches(catalogue):
        why += ", but its name is protected: it is kept, and created if it does not exist"
    elif _is_kept(row, facts):
        why += ", but its name is protected and its cluster runs: it is kept"
    if target != name:
        why = f"becomes {target}, because no environment of gromit can be {name}; {why}"
    return why + _running(facts) if target != name else why


def _running(facts: MigrationFacts) -> str:
    if facts.cluster is None:
        return ""
    tasks = facts.cluster.running
    return f" (cluster {facts.cluster.name} has {tasks} running {_plural('task', tasks)})"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _sets(
    row: Row, target: str, facts: MigrationFacts, defaults: MigrationDefaults, *, is_gone: bool
) -> Mapping[str, object]:
    now_ms = defaults.stamp.now_ms
    is_finished = row.get(STATE) == PROCESSED and facts.decision is None and target == v1_name(row)
    scheduled = schedule_work(Work.SOW, now_ms)
    if is_gone:
        scheduled = schedule_work(Work.REAP, now_ms + defaults.grace_ms)
    renamed = "" if target == v1_name(row) else f" as {v1_name(row)}"
    event = defaults.stamp.event("migrated", f"was {row.get(STATE)} in gromit v1{renamed}")
    versions = {r: v for r, v in v1_versions(row).items() if isinstance(v, str) and is_tag(v)}
    return {
        **_versions(target, versions, defaults.catalogue),
        **({} if is_finished else scheduled),
        Attribute.INCARNATION: defaults.incarnation,
        Attribute.WANT: Want.GONE if is_gone else Want.UP,
        Attribute.GENERATION: 1,
        Attribute.OBSERVED: 1 if is_finished else 0,
        Attribute.EPOCH: now_ms,
        Attribute.REVISION: 1,
        Attribute.INFRA: True,
        Attribute.PROTECTED: facts.protected and not is_gone,
        Attribute.CREATED: now_ms,
        Attribute.CHANGED: now_ms,
        Attribute.EVENTS: [event],
    }


def _fate(sets: Mapping[str, object]) -> Fate:
    if sets[Attribute.WANT] is Want.GONE:
        return Fate.DESTROYED
    return Fate.STAYS if Attribute.WORK not in sets else Fate.CREATED


def _unchanged(row: Row, catalogue: Catalogue) -> tuple[Condition, ...]:
    """Return the conditions that a row is as it was read: a task of gromit v1 may still write."""
    given = {a: v for a, v in row.items() if a != Attribute.NAME}
    absent = sorted((catalogue.repositories | {STATE}) - set(given))
    return (
        Exists(Attribute.NAME),
        NotExists(Attribute.GENERATION),
        *(_same(attribute, value) for attribute, value in given.items()),
        *(NotExists(attribute) for attribute in absent),
    )


def _same(attribute: str, value: object) -> Condition:
    if value is None or isinstance(value, str | int):
        return Equals(attribute, value)
    return Exists(attribute)


def _versions(name: str, versions: Mapping[str, str], catalogue: Catalogue) -> dict[str, object]:
    attributes: dict[str, object] = {}
    for repository, version in versions.items():
        if version == catalogue.default_tag(repository):
            attributes[FALLBACK + repository] = {"tag": version, "source": Source.DEFAULT}
        elif version == name:
            attributes[FALLBACK + repository] = {"tag": version, "source": Source.BRANCH}
        else:
            attributes[VERSION + repository] = version
    return attributes


def undecided_line(names: Iterable[str], shown: int = 5) -> tuple[str, str]:
    """Return the names of undecided rows as one text, and what a person can do about all."""
    found = sorted(names)
    listed = ", ".join(found[:shown])
    more = f" and {len(found) - shown} more" if len(found) > shown else ""
    return listed + more, (
        f"{len(found)} {_plural('row', len(found))} with a protected name, deleted in gromit v1,"
        " and no cluster of theirs runs: `--reap NAME` removes what is left of one,"
        " `--keep NAME` creates it again (NAME may have `*`)"
    )
