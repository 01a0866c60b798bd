"""chitragupta's decisions: which public records there should be, and what has to change.

A component of a wanted environment has one record, `<component>.<env>.<domain>`, with the addresses of all its running tasks.
What is ours is known by one TXT record per environment, `_gromit.<env>.<domain>`: it declares every plain address record of that
shape below the environment's name to be gromit's. A record without it is somebody else's, and is never touched.

Values are in the form of zone files, as Route53 keeps them: a text stands in quotation marks.
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
    """What a look at the running public tasks gave."""

    tasks: tuple[PublicTask, ...]
    complete: bool
    """False if a part of the listing failed or was cut short: nothing may be deleted because of it."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RecordSet:
    """One record set: all values of a name and type."""

    name: str
    """Fully qualified, lower case, without the last dot."""
    type: str
    ttl: int
    values: frozenset[str]
    routing: str = ""
    """How the zone chooses among several records of that name (`alias`, `weighted` …); empty for a plain one, as ours all are."""


RecordWithReason = tuple[tuple[RecordSet, str], ...]
"""Records, each with why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneChanges:
    """What to write, and why: for each record `(record, reason)`."""

    creates: RecordWithReason = ()
    """Records that are not there: the zone is to refuse them if somebody was quicker."""
    upserts: RecordWithReason = ()
    """Records of ours with new values."""
    deletes: RecordWithReason = ()
    """Records of ours, exactly as they are."""
    left_alone: RecordWithReason = ()
    """Records as they are that stay so although no running task accounts for them."""
    blocked: RecordWithReason = ()
    """Records as they should be that cannot be written because of somebody else's."""
    unexplained: tuple[str, ...] = ()
    """Names of address records among `deletes` for which no row says that their environment is gone."""
    ours: int = 0
    """How many address records of ours there are before the change."""

    def __bool__(self) -> bool:
        return bool(self.creates or self.upserts or self.deletes)


def normalize_name(text: str) -> str:
    r"""A name as records are compared by: lower case, no last dot, Route53's octal escapes (`\052`) decoded.

    An escaped dot stays escaped: it is not the border of two labels.
    """

    def decode(found: re.Match[str]) -> str:
        character = chr(int(found[1], 8))
        return found[0] if character == "." else character

    return normalize_dns_name(_OCTAL.sub(decode, text))


def owner_record(environment: str, domain: str) -> RecordSet:
    """The record that declares an environment's public names to be gromit's."""
    value = f'"heritage=gromit,environment={environment}"'
    return RecordSet(
        public_name(OWNER_LABEL, environment, domain), "TXT", OWNER_TTL, frozenset({value})
    )


def environment_for_name(name: str, domain: str) -> str | None:
    """The environment whose public name this could be, its ownership record included; None for every other name."""
    head = name.removesuffix(f".{domain}")
    label, dot, environment = head.partition(".")
    if head == name or not dot or not is_environment_name(environment):
        return None
    usable = label == OWNER_LABEL or (COMPONENT_NAME.fullmatch(label) and "--" not in label)
    return environment if usable else None


def desired_records(
    tasks: Iterable[PublicTask], domain: str, ttl: int, wanted: Mapping[str, bool]
) -> tuple[RecordSet, ...]:
    """The records there should be for running tasks: of environments that are wanted up, and of no other cluster."""
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
    wanted: Mapping[str, bool],
    incomplete: str = "",
) -> ZoneChanges:
    """What has to change in the zone so that our part of it is as desired.

    For each name `<component>.<env>.<domain>`, where *ours* means that the environment has its ownership record, *nobody's* that
    it has neither that nor any plain address record of such a name, and *theirs* everything else:

    | desired | record there         | the environment is | row says | done                                              |
    |---------|----------------------|--------------------|----------|---------------------------------------------------|
    | yes     | none                 | ours               | wanted   | create                                            |
    | yes     | none                 | nobody's           | wanted   | create, together with the ownership record        |
    | yes     | none, or any         | theirs             | wanted   | blocked: none of the environment's names is written |
    | yes     | the same             | ours               | wanted   | nothing                                           |
    | yes     | other values         | ours               | wanted   | upsert (without losing an address if incomplete)  |
    | yes     | CNAME, alias, routed | ours, nobody's     | wanted   | blocked: that name alone                          |
    | no      | plain address        | ours               | gone     | delete                                            |
    | no      | plain address        | ours               | wanted   | delete, unexplained: no task of it runs           |
    | no      | plain address        | ours               | nothing  | delete, unexplained: nobody knows the environment |
    | no      | plain address        | ours               | any      | left alone while the listing is `incomplete`      |
    | no      | plain address        | theirs             | any      | left alone                                        |
    | no      | anything else        | any                | any      | not looked at                                     |

    The ownership record goes with the last address record. `incomplete` says why the listing of tasks is not whole ("" if it is).
    """
    asked = tuple(desired)
    shares = _shares(asked, actual, domain)
    return _joined(
        [*_misnamed(asked, domain), *(_plan_share(s, wanted, incomplete) for s in shares)]
    )


def enforce_delete_limits(changes: ZoneChanges, percent: int, free: int) -> None:
    """Raise `UnsafePlan` if more than `free` deletes, and more than `percent` of our address records, are unexplained."""
    count = len(changes.unexplained)
    if count <= free or count * 100 <= percent * changes.ours:
        return
    more = f" and {count - _NAMED} more" if count > _NAMED else ""
    raise UnsafePlan(
        f"{count} of {changes.ours} public records would be deleted though no row says that their environments are gone: "
        + ", ".join(changes.unexplained[:_NAMED])
        + more,
        hint="look whether serve lists all environments and their tasks run; --force deletes the records nevertheless",
    )


@dataclass(frozen=True, slots=True)
class _EnvironmentRecords:
    """What concerns one environment."""

    name: str
    owner: RecordSet
    desired: Mapping[str, RecordSet]
    plain: Mapping[str, RecordSet]
    """Plain address records of its names: ours, if it is."""
    obstacles: Mapping[str, RecordSet]
    """What makes a plain address record of that name impossible."""
    marks: tuple[RecordSet, ...]
    """What there is under the name of the ownership record."""

    @property
    def owned(self) -> bool:
        return [replace(mark, ttl=OWNER_TTL) for mark in self.marks] == [self.owner]

    @property
    def forbidden(self) -> str:
        """Why nothing of the environment may be touched; empty if it is ours or nobody's."""
        if self.owned or not (self.marks or self.plain):
            return ""
        if self.marks:
            return f"{self.owner.name} is there, and is not gromit's"
        return f"{min(self.plain)} is there without {self.owner.name}: somebody else's (`gromit migrate` takes over)"


def _shares(
    desired: Iterable[RecordSet], actual: Iterable[RecordSet], domain: str
) -> list[_EnvironmentRecords]:
    wanted: defaultdict[str, dict[str, RecordSet]] = defaultdict(dict)
    found: defaultdict[str, list[RecordSet]] = defaultdict(list)
    for record in desired:
        if environment := environment_for_name(record.name, domain):
            wanted[environment][record.name] = record
    for record in actual:
        if environment := environment_for_name(record.name, domain):
            found[environment].append(record)
    return [_share(e, domain, wanted[e], found[e]) for e in sorted(wanted.keys() | found.keys())]


def _share(
    environment: str, domain: str, desired: Mapping[str, RecordSet], found: Iterable[RecordSet]
) -> _EnvironmentRecords:
    owner = owner_record(environment, domain)
    plain: dict[str, RecordSet] = {}
    obstacles: dict[str, RecordSet] = {}
    marks = []
    for record in found:
        if record.name == owner.name:
            if record.type in {"TXT", "CNAME"}:
                marks.append(record)
        elif record.type == "A" and not record.routing:
            plain[record.name] = record
        elif record.type in {"A", "CNAME"}:
            obstacles[record.name] = record
    return _EnvironmentRecords(environment, owner, desired, plain, obstacles, tuple(marks))


def _plan_share(
    share: _EnvironmentRecords, wanted: Mapping[str, bool], incomplete: str
) -> ZoneChanges:
    if reason := share.forbidden:
        blocked = tuple((r, reason) for _, r in sorted(share.desired.items()))
        left = tuple(
            (r, reason) for name, r in sorted(share.plain.items()) if name not in share.desired
        )
        return ZoneChanges(blocked=blocked, left_alone=left)
    writes, removals = _writes(share, incomplete), _removals(share, wanted, incomplete)
    stays = bool(writes.creates) or len(share.plain) > len(removals.deletes)
    marks, deletes = writes.creates, removals.deletes
    if writes.creates and not share.owned:
        marks = ((share.owner, f"first record of {share.name}"), *marks)
    if share.owned and not stays and not incomplete:
        deletes = (*deletes, (share.marks[0], f"no record of {share.name} is left"))
    return ZoneChanges(
        creates=marks,
        upserts=writes.upserts,
        deletes=deletes,
        left_alone=removals.left_alone,
        blocked=writes.blocked,
        unexplained=removals.unexplained,
        ours=len(share.plain),
    )


def _writes(share: _EnvironmentRecords, incomplete: str) -> ZoneChanges:
    creates, upserts, blocked = [], [], []
    for name, want in sorted(share.desired.items()):
        have = share.plain.get(name)
        if obstacle := share.obstacles.get(name):
            blocked.append(
                (
                    want,
                    f"a record of type {obstacle.type} {obstacle.routing}".rstrip()
                    + " stands there",
                )
            )
        elif have is None:
            creates.append((want, "runs at " + _list(want.values)))
        else:
            new = RecordSet(name, "A", want.ttl, want.values | have.values) if incomplete else want
            if new != have:
                upserts.append((new, _difference(have, new)))
    return ZoneChanges(creates=tuple(creates), upserts=tuple(upserts), blocked=tuple(blocked))


def _removals(
    share: _EnvironmentRecords, wanted: Mapping[str, bool], incomplete: str
) -> ZoneChanges:
    row = wanted.get(share.name)
    stale = [r for name, r in sorted(share.plain.items()) if name not in share.desired]
    if incomplete:
        return ZoneChanges(
            left_alone=tuple(
                (r, f"not deleted, for the listing is not whole: {incomplete}") for r in stale
            )
        )
    why = {
        True: "no task of it runs",
        False: f"environment {share.name} is gone",
        None: f"nobody knows environment {share.name}",
    }
    unexplained = () if row is False else tuple(r.name for r in stale)
    return ZoneChanges(deletes=tuple((r, why[row]) for r in stale), unexplained=unexplained)


def _misnamed(desired: Iterable[RecordSet], domain: str) -> list[ZoneChanges]:
    reason = "neither component nor environment may be called so"
    return [
        ZoneChanges(blocked=((r, reason),))
        for r in desired
        if environment_for_name(r.name, domain) is None
    ]


def _joined(parts: Iterable[ZoneChanges]) -> ZoneChanges:
    every = tuple(parts)
    return ZoneChanges(
        creates=tuple(c for p in every for c in p.creates),
        upserts=tuple(c for p in every for c in p.upserts),
        deletes=tuple(c for p in every for c in p.deletes),
        left_alone=tuple(c for p in every for c in p.left_alone),
        blocked=tuple(c for p in every for c in p.blocked),
        unexplained=tuple(n for p in every for n in p.unexplained),
        ours=sum(p.ours for p in every),
    )


def _difference(have: RecordSet, new: RecordSet) -> str:
    parts = [
        *(["now also " + _list(new.values - have.values)] if new.values - have.values else []),
        *(["no longer " + _list(have.values - new.values)] if have.values - new.values else []),
        *([f"ttl {new.ttl} instead of {have.ttl}"] if new.ttl != have.ttl else []),
    ]
    return ", ".join(parts)


def _list(values: Iterable[str]) -> str:
    return " ".join(sorted(values))
