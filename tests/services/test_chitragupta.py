"""Passes of chitragupta, deletion of an environment's records, and the watch."""

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace

import pytest
from structlog.testing import capture_logs

from gromit.core.dns.plan import RecordSet, owner_record
from gromit.core.dns.tasks import PublicTask
from gromit.core.environments.known_environments import KnownEnvironment
from gromit.errors import (
    BackendError,
    ConfigError,
    ConfigRootUnusable,
    Denied,
    Suspended,
    Temporary,
    UnsafePlan,
)
from gromit.services.chitragupta import Chitragupta, DnsPolicy
from gromit.services.watch_loop import SLICE_S, WatchIntervals
from tests.fakes.dns import FakeEnvironments, FakeFeed, FakeTasks, FakeZone, records_of

DOMAIN = "dev.example.com"
TYK, DASH = f"tyk.app.{DOMAIN}", f"dash.app.{DOMAIN}"
OWNER = owner_record("app", DOMAIN)
APP = (PublicTask("app", "tyk", "1.1.1.1"), PublicTask("app", "dash", "2.2.2.2"))


def silent(_line: str) -> None:
    """Show no progress."""


def allowed() -> None:
    """Forbid nothing."""


@dataclass
class World:
    """Chitragupta with fakes, and one environment that runs and is published."""

    zone: FakeZone = field(
        default_factory=lambda: FakeZone.of(OWNER, *records_of(*APP, domain=DOMAIN))
    )
    tasks: FakeTasks = field(default_factory=lambda: FakeTasks(list(APP)))
    wanted: FakeEnvironments = field(default_factory=lambda: FakeEnvironments({"app": True}))

    @property
    def keeper(self) -> Chitragupta:
        policy = DnsPolicy(
            domain=DOMAIN,
            ttl=10,
            components=frozenset({"tyk", "dash"}),
            delete_percent=30,
            delete_free=10,
        )
        return Chitragupta(wanted=self.wanted, tasks=self.tasks, zone=self.zone, policy=policy)


def test_an_unchanged_world_writes_nothing_and_asks_ecs_nothing() -> None:
    world = World()
    assert not world.keeper.run(silent).changes
    assert (world.zone.batches, world.tasks.asked) == (0, [])


def test_a_new_environment_is_published_once_its_tasks_run() -> None:
    world = World(zone=FakeZone(), tasks=FakeTasks(list(APP), not_running=set(APP)))
    assert not world.keeper.run(silent).changes
    assert world.zone.names() == set()
    world.tasks.not_running.clear()
    world.keeper.run(silent)
    assert (world.zone.values(TYK), world.zone.values(DASH)) == ({"1.1.1.1"}, {"2.2.2.2"})
    assert OWNER in world.zone.records()
    assert world.tasks.asked == [{"app"}, {"app"}]


def test_a_rollover_publishes_the_new_task_and_not_the_one_that_stops() -> None:
    world = World()
    new = PublicTask("app", "tyk", "9.9.9.9")
    world.tasks.seen.append(new)
    world.tasks.not_running = {new}
    assert not world.keeper.run(silent).changes
    world.tasks.not_running = {APP[0]}
    world.keeper.run(silent)
    assert world.zone.values(TYK) == {"9.9.9.9"}


def test_tasks_whose_interfaces_carry_no_tags_are_published_all_the_same() -> None:
    world = World(zone=FakeZone(), tasks=FakeTasks(untagged=list(APP)))
    world.keeper.run(silent)
    assert world.zone.names() == {TYK, DASH}


def test_a_component_that_ecs_calls_running_is_not_deleted_because_its_interface_was_not_seen() -> (
    None
):
    world = World(tasks=FakeTasks([APP[0]], untagged=[APP[1]]))
    assert not world.keeper.run(silent).changes
    assert world.zone.names() == {TYK, DASH}


def test_an_environment_that_is_gone_loses_its_records() -> None:
    world = World(wanted=FakeEnvironments({"app": False}))
    found = world.keeper.run(silent)
    assert world.zone.records() == ()
    assert found.changes.unexplained == ()
    assert world.tasks.asked == []


def test_an_environment_whose_row_is_damaged_keeps_its_records_and_stops_no_other() -> None:
    new, moved = PublicTask("new", "tyk", "3.3.3.3"), PublicTask("app", "tyk", "9.9.9.9")
    old = PublicTask("old", "tyk", "4.4.4.4")
    world = World(
        zone=FakeZone.of(OWNER, owner_record("old", DOMAIN), *records_of(*APP, old, domain=DOMAIN)),
        tasks=FakeTasks([moved, new]),
        wanted=FakeEnvironments({"app": None, "new": True, "old": False}),
    )
    found = world.keeper.run(silent)
    assert world.zone.names() == {TYK, DASH, f"tyk.new.{DOMAIN}"}
    assert world.zone.values(TYK) == {"1.1.1.1"}
    assert (found.unreadable, found.is_partial) == (("app",), True)
    assert world.tasks.asked == [frozenset({"new"})]


def test_a_new_environment_whose_row_is_damaged_is_not_published_yet() -> None:
    world = World(zone=FakeZone(), wanted=FakeEnvironments({"app": None}))
    found = world.keeper.run(silent)
    assert (world.zone.records(), found.unreadable) == ((), ("app",))


def test_any_number_of_damaged_rows_deletes_nothing() -> None:
    tasks, zone = crowd(50)
    world = World(
        zone=zone,
        tasks=FakeTasks(),
        wanted=FakeEnvironments({t.environment: None for t in tasks}),
    )
    found = world.keeper.run(silent)
    assert len(world.zone.names()) == len(tasks)
    assert not found.changes
    assert {why for _, why in found.changes.left_alone} == {"its row in the table cannot be read"}


def test_the_watch_says_once_whose_row_cannot_be_read() -> None:
    world = World(wanted=FakeEnvironments({"app": None}))
    with capture_logs() as lines:
        watched(world, lambda: True, lambda: True)
    reasons = [line["reason"] for line in lines if line["event"] == "dns.blocked"]
    assert reasons == ["the row of app cannot be read, so its records stay as they are"]


def test_other_clusters_with_public_tasks_are_not_published() -> None:
    world = World()
    world.tasks.seen.append(PublicTask("internal-tools", "tyk", "7.7.7.7"))
    assert not world.keeper.run(silent).changes


def test_nothing_is_looked_at_or_changed_when_serve_does_not_say_what_is_wanted() -> None:
    world = World(
        tasks=FakeTasks(), wanted=FakeEnvironments(failures=[Temporary("serve cannot be reached")])
    )
    with pytest.raises(Temporary):
        world.keeper.run(silent)
    assert world.zone.names() == {TYK, DASH}


@pytest.mark.parametrize(
    "tasks",
    [FakeTasks([APP[0]], reason="page 2 failed"), FakeTasks([APP[0]], confirm_reason="throttled")],
)
def test_nothing_is_deleted_when_the_tasks_were_not_seen_whole(tasks: FakeTasks) -> None:
    world = World(tasks=tasks)
    found = world.keeper.run(silent)
    assert world.zone.names() == {TYK, DASH}
    assert found.is_partial
    assert found.incomplete in {"page 2 failed", "throttled"}


def test_what_is_new_is_published_even_when_the_tasks_were_not_seen_whole() -> None:
    new = PublicTask("app", "tyk", "9.9.9.9")
    world = World(tasks=FakeTasks([*APP, new], reason="page 2 failed"))
    world.keeper.run(silent)
    assert world.zone.values(TYK) == {"1.1.1.1", "9.9.9.9"}


def test_looking_gives_the_changes_that_a_pass_then_makes() -> None:
    world = World(wanted=FakeEnvironments({"app": False}))
    found = world.keeper.preview()
    assert world.zone.names() == {TYK, DASH}
    assert world.keeper.run(silent) == found


def test_a_foreign_record_makes_a_pass_partial() -> None:
    world = World(zone=FakeZone.of(*records_of(APP[0], domain=DOMAIN)))
    found = world.keeper.run(silent)
    assert found.is_partial
    assert [r.name for r, _ in found.changes.blocked] == [TYK]
    assert world.zone.values(DASH)


def crowd(count: int) -> tuple[list[PublicTask], FakeZone]:
    tasks = [PublicTask(f"e{n}", "tyk", "1.1.1.1") for n in range(count)]
    marks = [owner_record(t.environment, DOMAIN) for t in tasks]
    return tasks, FakeZone.of(*marks, *records_of(*tasks, domain=DOMAIN))


def test_a_mass_of_unexplained_deletes_is_refused_and_nothing_is_written() -> None:
    _, zone = crowd(11)
    world = World(zone=zone, tasks=FakeTasks(), wanted=FakeEnvironments())
    with pytest.raises(UnsafePlan, match=r"11 of 11"):
        world.keeper.run(silent)
    assert len(zone.names()) == 11
    with pytest.raises(UnsafePlan):
        world.keeper.check(world.keeper.preview())


def test_force_lifts_the_limit() -> None:
    _, zone = crowd(11)
    World(zone=zone, tasks=FakeTasks(), wanted=FakeEnvironments()).keeper.run(silent, force=True)
    assert zone.records() == ()


def passing(world: World) -> Callable[[], None]:
    def run() -> None:
        world.keeper.run(silent)

    return run


def test_a_pass_that_another_one_overtakes_finds_nothing_left_to_do() -> None:
    world = World(zone=FakeZone())
    other = World(zone=world.zone)
    world.zone.before_apply = [passing(other)]
    world.keeper.run(silent)
    assert world.zone.names() == {TYK, DASH}
    assert world.zone.looks == 3  # two of the first pass, and one of the other


def test_a_slow_pass_does_not_bring_back_the_address_of_a_task_that_has_stopped() -> None:
    world = World(tasks=FakeTasks([PublicTask("app", "tyk", "8.8.8.8"), APP[1]]))
    world.wanted.rows["app"] = True

    def overtake() -> None:
        world.tasks.seen = [PublicTask("app", "tyk", "9.9.9.9"), APP[1]]
        world.keeper.publish("app", silent)

    world.zone.before_apply = [overtake]
    world.keeper.run(silent)
    assert world.zone.values(TYK) == {"9.9.9.9"}


def test_a_record_that_the_zone_refuses_for_good_is_named_and_the_others_are_written() -> None:
    tasks, zone = crowd(3)
    new = PublicTask("e9", "tyk", "9.9.9.9")
    zone.refused = {f"tyk.e1.{DOMAIN}"}
    moved = [replace(t, address="8.8.8.8") for t in tasks]
    world = World(
        zone=zone,
        tasks=FakeTasks([*moved, new]),
        wanted=FakeEnvironments({t.environment: True for t in (*tasks, new)}),
    )
    with pytest.raises(BackendError, match=r"tyk\.e1\."):
        world.keeper.run(silent)
    assert zone.looks == 1  # a second look cannot help
    assert [zone.values(f"tyk.e{n}.{DOMAIN}") for n in (0, 1, 2, 9)] == [
        {"8.8.8.8"},
        {"1.1.1.1"},
        {"8.8.8.8"},
        {"9.9.9.9"},
    ]


@pytest.mark.parametrize("error", [Temporary("throttled"), Denied("no right")])
def test_what_a_second_look_cannot_help_is_raised_at_once(error: BackendError) -> None:
    world = World(zone=FakeZone(failures=[error]))
    with pytest.raises(type(error)):
        world.keeper.run(silent)
    assert world.zone.batches == 0


# ── publishing one environment ────────────────────────────────────────────────────────────────────

OTHER = PublicTask("other", "tyk", "3.3.3.3")
SERVE_IS_DOWN = Temporary("serve cannot be reached")


def replaced(*tasks: PublicTask) -> World:
    """Return a world in which these run instead of `APP`; the records of two are stale."""
    return World(
        zone=FakeZone.of(
            OWNER, owner_record("other", DOMAIN), *records_of(*APP, OTHER, domain=DOMAIN)
        ),
        tasks=FakeTasks([*tasks, replace(OTHER, address="4.4.4.4")]),
        wanted=FakeEnvironments(failures=[SERVE_IS_DOWN] * 9),
    )


def test_publishing_changes_the_records_of_that_environment_alone_and_asks_serve_nothing() -> None:
    world = replaced(PublicTask("app", "tyk", "9.9.9.9"), APP[1])
    changes = world.keeper.publish("app", silent)
    assert [r.name for r, _ in changes.upserts] == [TYK]
    assert (world.zone.values(TYK), world.zone.values(DASH)) == ({"9.9.9.9"}, {"2.2.2.2"})
    assert world.zone.values(f"tyk.other.{DOMAIN}") == {"3.3.3.3"}
    assert world.tasks.asked == [frozenset({"app"})]


def test_publishing_what_is_published_writes_nothing() -> None:
    world = replaced(*APP)
    assert not world.keeper.publish("app", silent)
    assert (world.zone.batches, world.tasks.asked) == (0, [frozenset({"app"})])


def test_publishing_deletes_nothing_while_the_tasks_are_not_all_known() -> None:
    world = replaced(PublicTask("app", "tyk", "9.9.9.9"))
    world.tasks.confirm_reason = "throttled"
    world.keeper.publish("app", silent)
    assert world.zone.names() >= {TYK, DASH}
    assert world.zone.values(DASH) == {"2.2.2.2"}


def test_a_task_that_still_starts_takes_no_published_name_and_gives_none() -> None:
    starts = PublicTask("app", "tyk", "9.9.9.9")
    world = replaced(starts, APP[1])
    world.tasks.not_running = {starts}
    world.keeper.publish("app", silent)
    assert world.zone.values(TYK) == {"9.9.9.9"}, "its address is ours; the former is not"
    world = World(zone=FakeZone(), tasks=FakeTasks([starts], not_running={starts}))
    world.keeper.publish("app", silent)
    assert world.zone.names() == set()


def test_publishing_is_limited_like_a_pass() -> None:
    many = [PublicTask("app", f"c{n}", "1.1.1.1") for n in range(11)]
    world = World(zone=FakeZone.of(OWNER, *records_of(*many, domain=DOMAIN)), tasks=FakeTasks())
    with pytest.raises(UnsafePlan, match="11 of 11"):
        world.keeper.publish("app", silent)
    assert len(world.zone.names()) == 11


def test_publishing_and_a_pass_at_the_same_moment_do_not_harm_each_other() -> None:
    world = World(zone=FakeZone())
    world.zone.before_apply = [passing(world)]
    world.keeper.publish("app", silent)
    assert world.zone.names() == {TYK, DASH}


def test_a_foreign_record_blocks_what_is_published_and_is_kept() -> None:
    world = World(zone=FakeZone.of(*records_of(APP[0], domain=DOMAIN)))
    changes = world.keeper.publish("app", silent)
    assert [r.name for r, _ in changes.blocked] == [TYK]
    assert world.zone.names() == {TYK, DASH}
    assert world.zone.values(TYK) == {"1.1.1.1"}


# ── retiring ──────────────────────────────────────────────────────────────────────────────────────


def test_retiring_removes_the_records_of_that_environment_alone_whatever_runs() -> None:
    tasks, zone = crowd(3)
    world = World(
        zone=zone,
        tasks=FakeTasks(tasks),
        wanted=FakeEnvironments(failures=[Temporary("serve cannot be reached")]),
    )
    world.keeper.retire("e1", silent)
    assert zone.names() == {f"tyk.e0.{DOMAIN}", f"tyk.e2.{DOMAIN}"}
    assert owner_record("e1", DOMAIN) not in zone.records()


def test_retiring_an_environment_without_records_writes_nothing() -> None:
    world = World()
    world.keeper.retire("other", silent)
    assert world.zone.batches == 0


def test_retiring_leaves_what_is_not_ours() -> None:
    theirs = RecordSet(f"tyk.other.{DOMAIN}", "A", 60, frozenset({"7.7.7.7"}))
    world = World(zone=FakeZone.of(theirs))
    world.keeper.retire("other", silent)
    assert world.zone.records() == (theirs,)


HAND = RecordSet(f"hand.app.{DOMAIN}", "A", 300, frozenset({"7.7.7.7"}))


def test_a_name_that_no_component_has_survives_its_environment() -> None:
    world = World()
    world.zone = FakeZone.of(HAND, *world.zone.records())
    world.keeper.retire("app", silent)
    assert world.zone.records() == (HAND,)


def test_an_environment_is_published_beside_a_name_that_no_component_has() -> None:
    world = World(zone=FakeZone.of(HAND))
    for _ in range(2):
        found = world.keeper.run(silent)
        assert [record for record, _ in found.changes.left_alone] == [HAND]
        assert not found.is_partial
    assert world.zone.names() == {TYK, DASH, HAND.name}


def test_retiring_raises_if_a_record_of_ours_stays() -> None:
    world = World()
    world.zone.refused = {DASH}
    with pytest.raises(BackendError, match=DASH):
        world.keeper.retire("app", silent)


def test_retiring_and_a_pass_at_the_same_moment_do_not_harm_each_other() -> None:
    world = World(wanted=FakeEnvironments({"app": False}))
    world.zone.before_apply = [passing(world)]
    world.keeper.retire("app", silent)
    assert world.zone.records() == ()


# ── watching ──────────────────────────────────────────────────────────────────────────────────────


def announce(change: Callable[[], None]) -> Callable[[], bool]:
    def step() -> bool:
        change()
        return True

    return step


def watched(
    world: World,
    *script: Callable[[], bool],
    check: Callable[[], None] = allowed,
    backstop_s: float = 60,
) -> FakeFeed:
    stop = threading.Event()
    feed = FakeFeed(stop, list(script))
    world.keeper.watch(feed, check, stop, intervals(feed, backstop_s=backstop_s))
    return feed


def intervals(
    feed: FakeFeed,
    *,
    backstop_s: float = 60,
    pause_s: float = 0,
    rest: Callable[[float], object] | None = None,
) -> WatchIntervals:
    return WatchIntervals(
        backstop_s=backstop_s, pause_s=pause_s, rest=rest or feed.wait, monotonic=feed.monotonic
    )


def test_the_watch_passes_once_at_once_and_again_after_an_announcement() -> None:
    world = World(zone=FakeZone())
    watched(world, announce(lambda: world.wanted.rows.update(app=False)))
    assert world.zone.records() == ()
    assert world.zone.batches == 2


def test_the_watch_passes_again_after_the_backstop_though_nothing_was_announced() -> None:
    world = World()
    quiet = [lambda: False] * 3
    world.tasks.seen.clear()
    feed = watched(world, *quiet, backstop_s=1.0)
    assert len(world.tasks.asked) == 2
    assert feed.waited == [SLICE_S, SLICE_S, SLICE_S, SLICE_S]


def test_the_watch_outlives_what_passes_and_tries_again_sooner() -> None:
    failures: list[Exception] = [
        Temporary("serve cannot be reached"),
        Temporary("serve cannot be reached"),
    ]
    world = World(zone=FakeZone(), wanted=FakeEnvironments({"app": True}, failures))
    with capture_logs() as logs:
        watched(world, *[lambda: False] * 6)
    assert world.zone.names() == {TYK, DASH}
    assert [line["failures"] for line in logs if line["event"] == "dns.pass_failed"] == [1, 2]


@pytest.mark.parametrize("error", [Suspended("by ann: upgrade"), ConfigRootUnusable("not mounted")])
def test_the_watch_does_nothing_while_processing_is_stopped(error: Exception) -> None:
    world = World(zone=FakeZone())
    halted: list[Exception] = [error]

    def check() -> None:
        if halted:
            raise halted[0]

    seen: list[bool] = []
    watched(
        world,
        announce(lambda: seen.append(bool(world.zone.names()))),
        announce(halted.clear),
        check=check,
    )
    assert seen == [False]
    assert world.zone.names() == {TYK, DASH}


def test_one_refused_record_does_not_end_the_watch() -> None:
    world = World(zone=FakeZone(refused={DASH}))
    watched(world, announce(world.zone.refused.clear))
    assert world.zone.names() == {TYK, DASH}


def test_an_unsafe_plan_does_not_end_the_watch_and_writes_nothing() -> None:
    tasks, zone = crowd(11)
    world = World(zone=zone, tasks=FakeTasks(), wanted=FakeEnvironments())

    def back() -> None:
        world.tasks.seen.extend(tasks)
        world.wanted.rows.update({t.environment: True for t in tasks})

    watched(world, announce(back))
    assert len(zone.names()) == 11


@pytest.mark.parametrize("error", [Denied("no right"), ConfigError("no such zone")])
def test_missing_rights_and_wrong_settings_end_the_watch(error: Exception) -> None:
    with pytest.raises(type(error)):
        watched(World(wanted=FakeEnvironments(failures=[error])))


def test_a_flood_of_announcements_leads_to_one_pass_in_each_pause() -> None:
    world, stop, rests = World(), threading.Event(), list[float]()
    feed = FakeFeed(stop, [lambda: True] * 3)
    world.keeper.watch(feed, allowed, stop, intervals(feed, pause_s=5, rest=rests.append))
    assert rests == [5, 5, 5, 5]


def test_announcements_do_not_shorten_the_pauses_after_failures() -> None:
    world, stop, rests = (
        World(wanted=FakeEnvironments(failures=[Temporary("throttled")] * 3)),
        threading.Event(),
        list[float](),
    )
    feed = FakeFeed(stop)
    world.keeper.watch(feed, allowed, stop, intervals(feed, pause_s=5, rest=rests.append))
    assert rests == [1, 2, 4, 5]


def test_the_watch_says_once_what_is_in_the_way() -> None:
    world = World(zone=FakeZone.of(*records_of(APP[0], domain=DOMAIN)))
    with capture_logs() as logs:
        watched(world, lambda: True, lambda: True)
    assert sorted(
        line["reason"].partition(":")[0] for line in logs if line["event"] == "dns.blocked"
    ) == [TYK]


def test_the_policy_of_a_keeper_is_what_its_records_look_like() -> None:
    world = World(zone=FakeZone())
    keeper = replace(world.keeper, policy=replace(world.keeper.policy, ttl=33))
    keeper.run(silent)
    assert {r.ttl for r in world.zone.records() if r.type == "A"} == {33}


def test_a_pass_that_comes_to_its_end_says_so_and_one_that_does_not_is_silent() -> None:
    world = World(zone=FakeZone())
    with capture_logs() as lines:
        world.keeper.run(silent)
        world.keeper.run(silent)
        with pytest.raises(Temporary):
            World(wanted=FakeEnvironments(failures=[Temporary("serve is gone")])).keeper.run(silent)
    passed = [line for line in lines if line["event"] == "dns.passed"]
    assert [(line["blocked"], line["incomplete"]) for line in passed] == [(0, "")] * 2
    figures = [(line["records"], line["changed"]) for line in passed]
    assert figures == [(0, 3), (2, 0)], "two address records and the mark of their environment"


# ── observation ───────────────────────────────────────────────────────────────────────────────────


def test_an_observer_sees_the_environments_and_the_records_after_each_complete_pass() -> None:
    seen: list[tuple[set[str], set[str]]] = []

    class Watcher:
        def observe(
            self, known: Iterable[KnownEnvironment], records: Collection[RecordSet]
        ) -> None:
            seen.append(({k.name for k in known}, {r.name for r in records if r.type == "A"}))

    world = World(zone=FakeZone())
    replace(world.keeper, observer=Watcher()).run(silent)
    assert seen == [({"app"}, {TYK, DASH})]
    replace(world.keeper, observer=Watcher()).preview()
    world.tasks.reason = "throttled"
    replace(world.keeper, observer=Watcher()).run(silent)
    assert len(seen) == 1
