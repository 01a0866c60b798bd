"""Discrepancies that can be planted in an installation, each in an environment of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from gromit.core.discrepancies.kinds import DiscrepancyKind as Kind
from gromit.core.dns.plan import RecordSet, owner_record
from gromit.core.environments.phases import Work
from gromit.core.environments.terraform_locks import FoundLock
from gromit.core.stack.contract import StateHead, StateMark
from gromit.core.stack.image_marks import next_mark, used_mark
from gromit.core.stack.resources import Resource, ResourceKind
from tests.fakes.owners import owner
from tests.prove.environment_world import COMPONENTS, DOMAIN, PUBLIC, EnvironmentWorld, resource
from tests.services.registry import CATALOGUE, GRACE_MS

HOUR_MS = 3_600_000
_MARK = StateMark("planted", 7)

MakePlant = Callable[[EnvironmentWorld, str, Random], None]


class Start(StrEnum):
    """Life of an environment before something goes wrong."""

    NONE = "none"
    """No row has ever named it."""
    PENDING = "pending"
    READY = "ready"
    CHANGED = "changed"
    """It was ready, and a new build has come."""
    DELETING = "deleting"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Plant:
    """One or more discrepancies of one environment."""

    make: MakePlant
    starts: tuple[Start, ...]
    """One of them comes before the discrepancy."""
    kinds: frozenset[Kind]
    """Kinds to be found, and no others."""
    is_repaired: bool
    """Whether `--fix` and the workers lead to an installation without them."""


def change_row(world: EnvironmentWorld, name: str, **values: object) -> None:
    """Change a row as a person with access to the table does; None removes an attribute."""
    row = {**(world.registry.store.read(name) or {}), **values}
    world.registry.store.put({key: value for key, value in row.items() if value is not None})


def put_lock(world: EnvironmentWorld, name: str, number: int) -> None:
    """Lock a state, as the process of that number would."""
    world.states.locks[name] = FoundLock(
        environment=name,
        id=f"lock-of-{name}",
        etag=f"etag-of-{name}",
        who=f"worker-{number}",
        operation="sow",
        created="",
        owner=owner(number),
    )


def put_records(world: EnvironmentWorld, name: str, *, with_owner: bool = True) -> None:
    """Publish an address, with or without gromit's mark."""
    component = min(PUBLIC)
    address = RecordSet(f"{component}.{name}.{DOMAIN}", "A", 10, frozenset({"198.51.100.7"}))
    for record in (address, owner_record(name, DOMAIN)) if with_owner else (address,):
        world.zone.content[record.name, record.type, record.routing] = record


def _no_work(world: EnvironmentWorld, name: str, _random: Random) -> None:
    change_row(world, name, work=None, due=None, since=None)


def _stuck(world: EnvironmentWorld, name: str, random: Random) -> None:
    ended_ms = world.registry.now_ms - random.randint(2, 48) * HOUR_MS
    change_row(world, name, holder="dead", claim_id="dead", claimed=1, lease_until=ended_ms)


def _stuck_for_ever(world: EnvironmentWorld, name: str, _random: Random) -> None:
    ahead_ms = world.registry.now_ms + 999 * HOUR_MS
    change_row(world, name, holder="dead", claim_id="dead", claimed=1, lease_until=ahead_ms)


def _no_world(world: EnvironmentWorld, name: str, _random: Random) -> None:
    world.resources.existing[name].clear()


def _drifted(world: EnvironmentWorld, name: str, random: Random) -> None:
    services = len(COMPONENTS)
    counts = [(services, 0), (services, services - 1), (services - 1, services - 1), (0, 0)]
    world.clusters.counts[name] = random.choice(counts)


def _world(world: EnvironmentWorld, name: str, random: Random) -> None:
    world.make(name, random.sample(COMPONENTS, random.randint(1, len(COMPONENTS))))
    if random.random() < 0.5:
        del world.states.heads[name]


def _world_of_state_only(world: EnvironmentWorld, name: str, _random: Random) -> None:
    world.make(name, ())


def _world_without_proof(world: EnvironmentWorld, name: str, _random: Random) -> None:
    world.make(name, ())
    del world.states.heads[name]


def _world_elsewhere(world: EnvironmentWorld, name: str, _random: Random) -> None:
    """Another installation, with a bucket of its own, has an environment of that name."""
    world.make(name, COMPONENTS[:2])
    del world.states.heads[name]
    groups = [r for r in world.resources.existing[name] if r.kind is ResourceKind.GROUP]
    others = {ResourceKind.CLUSTER, ResourceKind.LOG_GROUP}
    world.listing.elsewhere |= {group.id for group in groups}
    world.resources.existing[name] = [
        r for r in world.resources.existing[name] if r in groups or r.kind in others
    ]


def _leftover(world: EnvironmentWorld, name: str, random: Random) -> None:
    kind = random.choice([ResourceKind.GROUP, ResourceKind.DISCOVERY])
    world.resources.existing[name].append(resource(kind, name, COMPONENTS[0]))


def _stray(world: EnvironmentWorld, name: str, random: Random) -> None:
    kind = random.choice([ResourceKind.GROUP, ResourceKind.DISCOVERY, ResourceKind.DEFINITION])
    world.resources.existing[name].append(resource(kind, name, "removed"))


def _protected_stray(world: EnvironmentWorld, name: str, random: Random) -> None:
    _stray(world, name, random)
    world.registry.environments.protect(name, protected=True, stamp=world.registry.stamp())


def _namesake(world: EnvironmentWorld, name: str, random: Random) -> None:
    kind = random.choice([ResourceKind.GROUP, ResourceKind.DISCOVERY, ResourceKind.LOG_GROUP])
    foreign = Resource(kind=kind, id=f"theirs-{name}", is_ours=False)
    world.resources.existing.setdefault(name, []).append(foreign)


def _lost_state(world: EnvironmentWorld, name: str, random: Random) -> None:
    head = world.states.heads.pop(name)
    if random.random() < 0.5:
        world.states.heads[name] = StateHead(0, head.mark)


def _orphan_state(world: EnvironmentWorld, name: str, random: Random) -> None:
    owners = random.choice([frozenset({name}), frozenset({"other"}), frozenset[str]()])
    world.states.heads[name] = StateHead(len(owners), _MARK, owners)


def _foreign_state(world: EnvironmentWorld, name: str, random: Random) -> None:
    head = world.states.heads.pop(name)
    if random.random() < 0.5:
        world.states.heads[name] = replace(head, owners=frozenset({"other", name}))
    else:
        world.states.damaged.add(name)


def _dead_lock(world: EnvironmentWorld, name: str, random: Random) -> None:
    number = random.randint(100, 999)
    put_lock(world, name, number)
    world.owners.dead.add(owner(number))


def _lock_without_proof(world: EnvironmentWorld, name: str, _random: Random) -> None:
    put_lock(world, name, 99)


def _records(world: EnvironmentWorld, name: str, _random: Random) -> None:
    put_records(world, name)


def _records_of_others(world: EnvironmentWorld, name: str, _random: Random) -> None:
    put_records(world, name, with_owner=False)


def _folder(world: EnvironmentWorld, name: str, _random: Random) -> None:
    world.root.render(name, {"tyk": {"tyk.conf": "{}"}})


def _folder_of_others(world: EnvironmentWorld, name: str, _random: Random) -> None:
    world.root.edit(name, "notes", "todo.txt", "keep me")


def _no_image(world: EnvironmentWorld, name: str, _random: Random) -> None:
    world.registry.images.remove("tyk", f"sha-{name}")


def _old_image(world: EnvironmentWorld, name: str, random: Random) -> None:
    expires_ms = world.registry.now_ms + random.randint(5, 60) * HOUR_MS
    world.expiries.at_ms["tyk", f"sha-{name}"] = expires_ms


def _marks(world: EnvironmentWorld, name: str, random: Random) -> None:
    images = world.registry.images
    for repository in random.sample(sorted(CATALOGUE.deployed), random.randint(1, 2)):
        digest = images.push(repository, "a-sha", f"what {repository} kept")
        images.mark([(repository, digest)], random.choice([used_mark, next_mark])(name))


def _marks_of_a_neighbour(world: EnvironmentWorld, name: str) -> None:
    """Another installation keeps images for environments of the same names."""
    digest = world.registry.images.push("tyk", "b-sha", "what a neighbour keeps")
    for mark in (used_mark, next_mark):
        world.registry.images.mark([("tyk", digest)], mark(name, "team-b"))


def _damaged(world: EnvironmentWorld, name: str, random: Random) -> None:
    name_, value = random.choice([("want", "maybe"), ("generation", "x"), ("epoch", None)])
    change_row(world, name, **{name_: value})


def _ruins(world: EnvironmentWorld, name: str, random: Random) -> None:
    """A row was deleted from the table while a worker was dying."""
    _world(world, name, random)
    _dead_lock(world, name, random)
    _records(world, name, random)
    _folder(world, name, random)
    _marks(world, name, random)


def _ruins_with_foreign_state(world: EnvironmentWorld, name: str, _random: Random) -> None:
    world.make(name)
    world.states.heads[name] = StateHead(3, _MARK, frozenset({"other"}))


_N, _P, _R, _C = (Start.NONE,), (Start.PENDING,), (Start.READY,), (Start.CHANGED,)
_D, _E = (Start.DELETING,), (Start.ENDED,)


def _plant(
    make: MakePlant, starts: tuple[Start, ...], *kinds: Kind, repaired: bool = True
) -> Plant:
    return Plant(make, starts, frozenset(kinds), repaired)


PLANTS = (
    _plant(_no_work, _P + _C + _D, Kind.UNSCHEDULED_WORK),
    _plant(_stuck, _P + _C, Kind.STUCK_LEASE),
    _plant(_stuck_for_ever, _P + _C, Kind.STUCK_LEASE, repaired=False),
    _plant(_no_world, _R, Kind.ROW_WITHOUT_WORLD),
    _plant(_drifted, _R, Kind.DRIFTED),
    _plant(_world, _N, Kind.WORLD_WITHOUT_ROW),
    _plant(_world_of_state_only, _N, Kind.WORLD_WITHOUT_ROW),
    _plant(_world_without_proof, _N, Kind.WORLD_WITHOUT_ROW, repaired=False),
    _plant(_world_elsewhere, _N, Kind.WORLD_WITHOUT_ROW, repaired=False),
    _plant(_leftover, _E, Kind.LEAKED_RESOURCE),
    _plant(_stray, _R, Kind.LEAKED_RESOURCE),
    _plant(_protected_stray, _R, Kind.LEAKED_RESOURCE, repaired=False),
    _plant(_namesake, _P + _R, Kind.FOREIGN_RESOURCE, repaired=False),
    _plant(_lost_state, _R, Kind.LOST_STATE),
    _plant(_orphan_state, _N + _E, Kind.ORPHAN_STATE),
    _plant(_foreign_state, _R + _C + _D, Kind.FOREIGN_STATE),
    _plant(_dead_lock, _N + _R + _C, Kind.STALE_LOCK),
    _plant(_lock_without_proof, _R, Kind.STALE_LOCK, repaired=False),
    _plant(_records, _N + _E, Kind.DANGLING_RECORD),
    _plant(_records_of_others, _P, Kind.FOREIGN_RECORD, repaired=False),
    _plant(_folder, _N + _E, Kind.ORPHAN_CONFIG),
    _plant(_folder_of_others, _N + _E, Kind.ORPHAN_CONFIG, repaired=False),
    _plant(_no_image, _R + _P, Kind.IMAGE_MISSING, repaired=False),
    _plant(_old_image, _R + _P, Kind.IMAGE_EXPIRING, repaired=False),
    _plant(_marks, _N + _E, Kind.ORPHAN_IMAGE_MARK),
    _plant(_damaged, _P + _R + _D, Kind.UNREADABLE_ROW, repaired=False),
    _plant(
        _ruins,
        _N,
        Kind.WORLD_WITHOUT_ROW,
        Kind.STALE_LOCK,
        Kind.DANGLING_RECORD,
        Kind.ORPHAN_CONFIG,
    ),
    _plant(_ruins_with_foreign_state, _N, Kind.WORLD_WITHOUT_ROW, Kind.FOREIGN_STATE),
)


def begin(world: EnvironmentWorld, starts: Mapping[str, Start]) -> None:
    """Let environments live to where they start."""
    ended = [name for name, start in starts.items() if start is Start.ENDED]
    for name, start in starts.items():
        if start not in {Start.NONE, Start.PENDING}:
            world.report(name)
    world.run_pass(Work.SOW)
    for name in ended:
        world.registry.environments.delete(name, world.registry.stamp())
    world.registry.now_ms += GRACE_MS
    world.run_pass(Work.REAP)
    world.publish()
    for name, start in starts.items():
        if start in {Start.PENDING, Start.CHANGED}:
            world.report(name, None if start is Start.PENDING else f"sha-{name}-2")
        if start is Start.DELETING:
            world.registry.environments.delete(name, world.registry.stamp())


def make_busy(world: EnvironmentWorld, name: str) -> None:
    """Let a worker be in the middle of a first apply."""
    world.report(name)
    now_ms = world.registry.now_ms
    lease = {"holder": "busy", "claim_id": "busy", "claimed": 1, "infra": True}
    change_row(world, name, lease_until=now_ms + 60_000, **lease)
    world.make(name, COMPONENTS[:1])
    del world.states.heads[name]
    put_lock(world, name, 7)


def end_busy(world: EnvironmentWorld, name: str) -> None:
    """Let that worker give its claim back."""
    world.states.locks.pop(name)
    change_row(world, name, holder=None, claim_id=None, claimed=None, lease_until=None)


def make_foreign(world: EnvironmentWorld) -> None:
    """Create what others have in the same account, zone and config root."""
    for number, kind in enumerate(ResourceKind):
        theirs = Resource(kind=kind, id=f"theirs-{number}", is_ours=False)
        world.resources.existing.setdefault("theirs", []).append(theirs)
    world.clusters.counts["theirs"] = (3, 3)
    _marks_of_a_neighbour(world, "theirs")
    for record in (
        RecordSet(f"mail.{DOMAIN}", "MX", 300, frozenset({"1 mail"})),
        RecordSet(f"app.theirs.{DOMAIN}", "A", 300, frozenset({"198.51.100.1"})),
        RecordSet(f"www.else.{DOMAIN}", "CNAME", 300, frozenset({"example.com"})),
    ):
        world.zone.content[record.name, record.type, record.routing] = record
