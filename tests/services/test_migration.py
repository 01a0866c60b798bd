"""A migration, its dry run, and its reaction to a concurrent change."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from gromit.core.dns.plan import RecordSet, owner_record
from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import parse_environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.row_writes import Condition, RowWrite, WriteResult
from gromit.core.migration.steps import MigrationResult
from gromit.core.names import environment_name, reaping_name
from gromit.core.stack.catalogue import Catalogue, Component
from gromit.core.stack.contract import StateHead, StateMark
from gromit.core.stack.resources import Resource, ResourceKind
from gromit.errors import BackendError, Conflict, InvalidInput
from gromit.services.migration import PAGE, Decisions, Migration
from tests.fakes.dns import FakeZone
from tests.fakes.inventory import FakeClusters
from tests.fakes.resources import FakeEnvironmentResources
from tests.fakes.states import FakeStates
from tests.fakes.store import MemoryStore

DOMAIN = "dev.example.com"
STAMP = ChangeContext("migrate:alice@bastion", 1_700_000_000_000)
CATALOGUE = Catalogue(
    {
        "tyk": Component(name="tyk", repository="tyk", port=8181, public=True),
        "pump": Component(name="pump", repository="tyk-pump"),
    }
)
FLAT = (
    {"name": "app", "state": "processed", "tyk": "sha-1", "tyk-pump": "master"},
    {"name": "master", "state": "new", "tyk": "master"},
    {"name": "old", "state": "deleted", "tyk": "sha-2"},
    {"name": "odd", "state": "sown"},
)
UNDECIDED = Decisions()
HEAD = StateHead(3, StateMark("abc", 7), is_v1=True)
RECORDS = tuple(
    RecordSet(f"tyk.{e}.{DOMAIN}", "A", 60, frozenset({"9.9.9.9"}))
    for e in ("app", "old", "odd", "unknown")
)


class Interrupted(MemoryStore):
    """A table in which another request makes a change before a write."""

    before_write: Callable[[str], None] = staticmethod(lambda _name: None)

    def write(self, name: str, write: RowWrite) -> WriteResult:
        """Make the change, then apply the write."""
        self.before_write(name)
        return super().write(name, write)

    def move(
        self, name: str, conditions: tuple[Condition, ...], target: str, write: RowWrite
    ) -> bool:
        """Make the change, then move the row."""
        self.before_write(name)
        return super().move(name, conditions, target, write)


@dataclass
class World:
    """A table and a zone as gromit v1 left them."""

    store: Interrupted = field(default_factory=Interrupted)
    zone: FakeZone | None = field(default_factory=lambda: FakeZone.of(*RECORDS))
    domain: str | None = DOMAIN
    clusters: FakeClusters = field(
        default_factory=lambda: FakeClusters(FakeEnvironmentResources(), counts={})
    )
    states: FakeStates = field(default_factory=FakeStates)
    said: list[str] = field(default_factory=list)

    def cluster(self, name: str, services: int = 1, running: int = 1) -> None:
        """Let a cluster of gromit v1 run."""
        self.clusters.resources.existing[name] = [
            Resource(kind=ResourceKind.CLUSTER, id=name, is_ours=False)
        ]
        self.clusters.counts[name] = (services, running)

    def __post_init__(self) -> None:
        for row in FLAT:
            self.store.put(row)

    def run(
        self, *, dry_run: bool = False, table: bool = True, decisions: Decisions = UNDECIDED
    ) -> list[MigrationResult]:
        numbers = itertools.count(1)
        migration = Migration(
            store=self.store if table else None,
            zone=self.zone,
            clusters=self.clusters,
            states=self.states,
            catalogue=CATALOGUE,
            domain=self.domain,
            installation="",
            protected=("master", "release-*"),
            grace_ms=3_600_000,
            new_id=lambda: f"incarnation-{next(numbers)}",
            decisions=decisions,
        )
        return migration.run(STAMP, self.said.append, dry_run=dry_run)

    @property
    def rows(self) -> Mapping[str, Mapping[str, Any]]:
        return {r["name"]: r for r in self.store.page(None, 10_000).rows}


def actions(lines: list[MigrationResult]) -> dict[tuple[str, str], str]:
    return {(line.what, line.name): line.action for line in lines}


def test_a_dry_run_says_everything_and_changes_nothing() -> None:
    world = World()
    assert world.zone is not None
    before, records = dict(world.rows), world.zone.records()
    assert actions(world.run(dry_run=True)) == {
        ("row", "app"): "would convert",
        ("row", "master"): "would convert",
        ("row", "old"): "would convert",
        ("row", "odd"): "left alone",
        ("record", f"_gromit.app.{DOMAIN}"): "would write",
        ("record", f"_gromit.old.{DOMAIN}"): "would write",
        ("record", f"tyk.odd.{DOMAIN}"): "left alone",
        ("record", f"tyk.unknown.{DOMAIN}"): "left alone",
    }
    assert (world.rows, world.zone.records(), world.zone.batches, world.store.writes) == (
        before,
        records,
        0,
        0,
    )


def test_everything_is_done_once() -> None:
    world = World()
    assert world.zone is not None
    said = actions(world.run())
    assert {action for (what, _), action in said.items() if what == "row"} == {
        "converted",
        "left alone",
    }
    environments = {name: parse_environment(world.rows[name]) for name in ("app", "master", "old")}
    assert len({e.incarnation for e in environments.values()}) == 3
    assert [name for name, e in environments.items() if e.protected] == ["master"]
    assert world.rows["odd"] == FLAT[3]
    marks = {r for r in world.zone.records() if r.type == "TXT"}
    assert marks == {owner_record("app", DOMAIN), owner_record("old", DOMAIN)}
    assert {r for r in world.zone.records() if r.type == "A"} == set(RECORDS), (
        "the records themselves stay as they are"
    )

    rows, writes, batches = dict(world.rows), world.store.writes, world.zone.batches
    assert set(actions(world.run()).values()) == {"left alone"}
    assert (world.rows, world.store.writes, world.zone.batches) == (rows, writes, batches)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "app", "state": "new", "tyk": "sha-1", "tyk-pump": "master"},
        {"name": "app", "state": "processed", "tyk": "sha-9", "tyk-pump": "master"},
        {"name": "app", "state": "processed", "tyk": "sha-1"},
    ],
    ids=["state", "version", "repository"],
)
def test_a_change_by_gromit_v1_in_the_middle_is_noticed_and_not_lost(
    change: Mapping[str, str],
) -> None:
    world = World()
    world.store.before_write = lambda name: world.store.put(change) if name == "app" else None
    with pytest.raises(Conflict, match="the row of app has changed during the migration") as caught:
        world.run()
    assert "run `gromit migrate` again" in (caught.value.hint or "")
    assert world.rows["app"] == change
    world.store.before_write = lambda _name: None
    world.run()
    environment = parse_environment(world.rows["app"])
    versions = {r: v.version for r, v in environment.versions.items()}
    assert versions == {k: v for k, v in change.items() if k not in {"name", "state"}}


def test_a_zone_that_refuses_leaves_the_rows_done_and_the_next_run_goes_on() -> None:
    world = World()
    assert world.zone is not None
    world.zone.refused.add(f"_gromit.app.{DOMAIN}")
    with pytest.raises(BackendError, match="refused by the zone"):
        world.run()
    assert parse_environment(world.rows["app"]).generation == 1
    world.zone.refused.clear()
    world.run()
    assert owner_record("app", DOMAIN) in world.zone.records()


def test_without_a_zone_records_are_not_looked_at_and_that_is_said() -> None:
    world = World(zone=None, domain=None)
    assert {what for what, _ in actions(world.run())} == {"row"}
    assert any("public records are not checked" in line for line in world.said)


def test_without_a_table_there_are_no_rows_and_no_record_is_taken_over() -> None:
    world = World()
    assert world.zone is not None
    assert set(actions(world.run(table=False)).values()) == {"left alone"}
    assert (world.store.writes, world.zone.batches) == (0, 0)


def test_a_table_of_many_rows_is_read_to_its_end() -> None:
    world = World(zone=None)
    for number in range(2 * PAGE + 1):
        world.store.put({"name": f"app-{number}", "state": "new", "tyk": "sha"})
    world.run()
    assert all("generation" in row for name, row in world.rows.items() if name != "odd")


# ── what gromit v1 had deleted, and names that it did not check ───────────────────────────────────


def deleted_releases(world: World) -> list[str]:
    names = ["release-300", "release-310", "release-320"]
    for name in names:
        world.store.put({"name": name, "state": "deleted", "tyk": "sha-1"})
    return names


def test_deleted_release_branches_stay_deleted_and_are_one_line() -> None:
    world = World(zone=None)
    names = deleted_releases(world)
    for dry_run in (True, False):
        lines = {line.name: line for line in world.run(dry_run=dry_run)}
        assert lines[", ".join(names)].action == "left alone"
        assert not set(names) & set(lines)
    assert [world.rows[name]["state"] for name in names] == ["deleted"] * 3
    assert world.store.due("sow", STAMP.now_ms, 100).names == ("master",)


def test_a_deleted_release_branch_that_still_runs_is_kept() -> None:
    world = World(zone=None)
    deleted_releases(world)
    world.cluster("release-310")
    lines = {line.name: line for line in world.run()}
    assert lines["release-310"].action == "converted"
    assert lines["release-300, release-320"].action == "left alone"
    assert parse_environment(world.rows["release-310"]).protected


def test_decisions_are_about_names_with_wildcards() -> None:
    world = World(zone=None)
    deleted_releases(world)
    world.run(decisions=Decisions(keep=("release-300",), reap=("release-3[12]0",)))
    wanted = {n: parse_environment(r).want for n, r in world.rows.items() if "release" in n}
    assert wanted == {"release-300": "up", "release-310": "gone", "release-320": "gone"}


def test_one_row_cannot_be_kept_and_reaped() -> None:
    with pytest.raises(InvalidInput, match="app is to be kept and to be reaped"):
        World().run(decisions=Decisions(keep=("a*",), reap=("app",)))


def test_a_name_that_gromit_maps_is_adopted_once_and_its_row_is_moved() -> None:
    world = World(zone=None)
    world.store.put({"name": "TT-1234_fix", "state": "processed", "tyk": "sha-1"})
    world.cluster("TT-1234_fix")
    world.states.heads["TT-1234_fix"] = HEAD
    target = environment_name("TT-1234_fix")
    assert actions(world.run(dry_run=True))["row", "TT-1234_fix"] == "would adopt"
    assert actions(world.run())["row", "TT-1234_fix"] == "adopted"
    assert "TT-1234_fix" not in world.rows
    assert parse_environment(world.rows[target]).versions["tyk"].version == "sha-1"
    rows = dict(world.rows)
    assert set(actions(world.run()).values()) == {"left alone"}
    assert world.rows == rows


@pytest.mark.parametrize("reaped", [False, True])
def test_the_state_of_a_row_that_is_moved_goes_with_it(*, reaped: bool) -> None:
    world = World(zone=None)
    world.store.put({"name": "TT-1234_fix", "state": "processed", "tyk": "sha-1"})
    world.states.heads["TT-1234_fix"] = HEAD
    world.run(dry_run=True)
    assert set(world.states.heads) == {"TT-1234_fix"}
    world.run(decisions=Decisions(reap=("TT-*",)) if reaped else UNDECIDED)
    target = environment_name("TT-1234_fix")
    way_back = {} if reaped else {"TT-1234_fix": HEAD}
    assert world.states.heads == {**way_back, target: HEAD}
    assert world.states.aside == ([("TT-1234_fix", HEAD)] if reaped else [])
    assert parse_environment(world.rows[target]).want == ("gone" if reaped else "up")


def test_a_row_with_two_states_stays_and_both_do() -> None:
    world = World(zone=None)
    odd = {"name": "TT-1234_fix", "state": "processed", "tyk": "sha-1"}
    world.store.put(odd)
    target = environment_name("TT-1234_fix")
    states = {"TT-1234_fix": HEAD, target: StateHead(1, StateMark("other", 3))}
    world.states.heads |= states
    for dry_run in (True, False):
        (line,) = [line for line in world.run(dry_run=dry_run) if line.name == "TT-1234_fix"]
        assert line.action == "left alone"
        assert f"there is a state of {target} as well" in line.why
    assert world.rows["TT-1234_fix"] == odd
    world.run(decisions=Decisions(reap=("TT-*",)))
    reaped = reaping_name("TT-1234_fix")
    assert parse_environment(world.rows[reaped]).want == "gone"
    assert world.states.heads == {target: states[target], reaped: HEAD}


@pytest.mark.parametrize("decisions", [UNDECIDED, Decisions(reap=("TT-*",))])
def test_a_cluster_that_runs_without_a_state_is_never_doubled(decisions: Decisions) -> None:
    world = World(zone=None)
    odd = {"name": "TT-1234_fix", "state": "processed", "tyk": "sha-1"}
    world.store.put(odd)
    world.cluster("TT-1234_fix")
    (line,) = [x for x in world.run(decisions=decisions) if x.name == "TT-1234_fix"]
    assert line.action == "left alone"
    assert "copy its state to `env:/TT-1234_fix/devenv`" in line.why
    assert world.rows["TT-1234_fix"] == odd
    assert world.states.heads == {}


def test_old_records_and_states_go_when_gromit_has_replaced_them_and_not_before() -> None:
    old, target = "TT-1234_fix", environment_name("TT-1234_fix")
    name = f"tyk.{old.lower()}.{DOMAIN}"
    world = World(zone=FakeZone.of(RecordSet(name, "A", 60, frozenset({"9.9.9.9"}))))
    assert world.zone is not None
    world.store.put({"name": old, "state": "processed", "tyk": "sha-1"})
    world.states.heads[old] = HEAD
    keys = ("record", name), ("state", f"env:/{old}/devenv")

    def said(*, dry_run: bool) -> list[str]:
        found = actions(world.run(dry_run=dry_run))
        return [found[key] for key in keys if key in found]

    for dry_run in (True, False, False):
        assert said(dry_run=dry_run) == ["left alone", "left alone"]
    assert (world.zone.names(), old in world.states.heads) == ({name}, True)
    world.store.put({**world.rows[target], Attribute.OBSERVED: 1})
    assert said(dry_run=True) == ["would remove", "would set aside"]
    assert (world.zone.names(), old in world.states.heads) == ({name}, True)
    assert said(dry_run=False) == ["removed", "set aside"]
    assert (world.zone.names(), set(world.states.heads)) == (set(), {target})
    assert said(dry_run=False) == []


@pytest.mark.parametrize("other", ["app", "APP", "a.pp"])
def test_two_rows_of_one_name_stay_two(other: str) -> None:
    world = World(zone=None)
    names = sorted({"App", other})
    for name in names:
        world.store.put({"name": name, "state": "new", "tyk": name.lower()})
    world.store.put({"name": "app", "state": "new", "tyk": "first"})
    world.run()
    assert parse_environment(world.rows["app"]).versions["tyk"].version == "first"
    assert [n for n in names if n != "app" and n not in world.rows] == []


def test_a_row_that_changes_before_it_is_moved_is_neither_lost_nor_doubled() -> None:
    world = World(zone=None)
    world.store.put({"name": "Feature_X", "state": "new", "tyk": "sha-1"})
    change = {"name": "Feature_X", "state": "new", "tyk": "sha-2"}
    world.store.before_write = lambda _name: world.store.put(change)
    with pytest.raises(Conflict, match="the row of Feature_X has changed"):
        world.run()
    assert world.rows["Feature_X"] == change
    assert environment_name("Feature_X") not in world.rows
    world.store.before_write = lambda _name: None
    world.run()
    target = environment_name("Feature_X")
    assert parse_environment(world.rows[target]).versions["tyk"].version == "sha-2"


def test_the_consequences_are_counted() -> None:
    world = World(zone=None)
    deleted_releases(world)
    world.run(dry_run=True)
    assert world.said[-5:-1] == [
        "environments that stay as they run: 1",
        "environments that sow creates or updates: 1",
        "environments that reap destroys after the grace period: 1",
        "rows that are left alone: 4",
    ]
