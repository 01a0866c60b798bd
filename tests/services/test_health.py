"""Health of components: single passes, watches, and what the observer makes of the answers."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from gromit.core.dns.plan import RecordSet, owner_record
from gromit.core.environments.known_environments import KnownEnvironment
from gromit.core.environments.observation import Observation
from gromit.core.stack.health import HealthCheck, HealthState, HealthStatus
from gromit.services.health import PAUSE_S, HealthFeed, HealthObserver, HealthRound, HealthWatch
from tests.fakes.health import CHECK, GOOD, SILENT, WARNING, FakePrograms, health_target
from tests.logs import lines_about
from tests.services.test_observing import APP, DOMAIN, PUBLISHED, TYK, World, service

ASKED = replace(APP, asked=frozenset({"tyk"}), made_ms=1_000_000)
WELL, SICK = {"tyk": GOOD.status}, {"tyk": WARNING.status}
LATER = 1_000_000 + CHECK.grace_s * 1000


@dataclass
class Round:
    """A single pass over programs, at an instant."""

    programs: FakePrograms = field(default_factory=FakePrograms)
    now_ms: int = LATER
    rests: list[float] = field(default_factory=list)
    check: HealthCheck = CHECK

    def world(self, **parts: Any) -> World:
        """Return what is observed."""
        world = World(**parts)
        source = HealthRound(
            programs=self.programs, rest=self.rests.append, clock=lambda: self.now_ms
        )
        health = HealthObserver(source=source, checks={"tyk": (8181, self.check)}, domain=DOMAIN)
        world.observer = replace(world.observer, health=health)
        return world

    def look(self, *known: KnownEnvironment, **parts: Any) -> list[Observation]:
        """Return what one pass reports."""
        return self.world(**parts).look(*(known or [ASKED]))


def test_a_good_answer_is_reported_once() -> None:
    asked = Round()
    assert asked.look() == [Observation("app", 7, {}, {"tyk": PUBLISHED}, WELL)]
    assert asked.look(replace(ASKED, health=WELL)) == []
    assert asked.rests == []


def test_a_program_is_asked_at_the_address_of_its_record_by_its_public_name() -> None:
    asked = Round()
    asked.look()
    ((target,),) = asked.programs.asked
    assert (target.host, target.addresses, target.port) == (TYK.name, ("1.1.1.1",), 8181)


def test_a_bad_answer_is_asked_for_again_and_makes_the_component_a_problem() -> None:
    asked = Round(FakePrograms(WARNING))
    problems = {"tyk": "/hello says warn: redis"}
    assert asked.look() == [Observation("app", 7, problems, {"tyk": PUBLISHED}, SICK)]
    assert (len(asked.programs.asked), asked.rests) == (3, [PAUSE_S, PAUSE_S])
    known = replace(ASKED, problems=problems, health=SICK)
    assert asked.look(known) == []


def test_an_answer_that_the_entry_tolerates_is_only_shown() -> None:
    mild = Round(FakePrograms(WARNING), check=replace(CHECK, degraded_by=HealthState.FAIL))
    assert mild.look() == [Observation("app", 7, {}, {"tyk": PUBLISHED}, SICK)]


def test_a_bad_answer_does_not_count_in_the_grace_after_an_apply_and_is_shown() -> None:
    asked = Round(FakePrograms(WARNING), now_ms=LATER - 1)
    pending = {"tyk": HealthStatus(HealthState.UNKNOWN, "/hello says warn: redis")}
    assert asked.look() == [Observation("app", 7, {}, {"tyk": PUBLISHED}, pending)]
    assert len(asked.programs.asked) == 1
    assert asked.look(replace(ASKED, health=pending)) == []


@pytest.mark.parametrize("shown", [WELL, SICK])
def test_an_answer_that_does_not_count_yet_does_not_hide_one_that_did(
    shown: dict[str, HealthStatus],
) -> None:
    asked = Round(FakePrograms(WARNING), now_ms=LATER - 1)
    problems = {} if shown is WELL else {"tyk": "/hello says warn: redis"}
    assert asked.look(replace(ASKED, health=shown, problems=problems)) == []


def test_a_recovered_program_is_no_problem_any_more() -> None:
    known = replace(ASKED, problems={"tyk": "/hello says warn"}, health=SICK)
    assert Round().look(known) == [Observation("app", 7, {}, {"tyk": PUBLISHED}, WELL)]


@pytest.mark.parametrize(
    "known",
    [
        replace(ASKED, is_settled=False),
        replace(ASKED, is_desired=False),
        replace(ASKED, asked=frozenset()),
        APP,
    ],
)
def test_what_a_worker_has_or_serve_does_not_ask_for_is_not_asked(known: KnownEnvironment) -> None:
    asked = Round()
    asked.look(known)
    assert not any(asked.programs.asked)


def test_what_does_not_run_is_not_asked_and_its_health_ends() -> None:
    asked = Round()
    world = asked.world()
    world.services.put("app", service("tyk", 0))
    (seen,) = world.look(replace(ASKED, health=WELL))
    assert (seen.problems, seen.health) == ({"tyk": "0 of 1 tasks run"}, {})
    assert not any(asked.programs.asked)


@pytest.mark.parametrize(
    "records", [(owner_record("app", DOMAIN),), (TYK,), (replace(TYK, routing="alias"),)]
)
def test_no_name_is_asked_that_is_missing_or_belongs_to_others(
    records: tuple[RecordSet, ...],
) -> None:
    asked = Round()
    asked.look(records=records)
    assert not any(asked.programs.asked)


def test_an_unhealthy_component_does_not_hide_one_that_does_not_run() -> None:
    asked = Round(FakePrograms(WARNING))
    world = asked.world()
    world.services.put("app", service("pump", 0))
    (seen,) = world.look(ASKED)
    assert seen.problems == {"tyk": "/hello says warn: redis", "pump": "0 of 1 tasks run"}


def test_where_nothing_can_be_reached_health_stays_as_it_was_and_one_line_says_so() -> None:
    asked = Round(FakePrograms(SILENT))
    world = asked.world()
    world.services.put("b", service("tyk"), service("pump"))
    b = replace(ASKED, name="b", names={"tyk": PUBLISHED}, health=WELL)
    world.records = (
        *world.records,
        owner_record("b", DOMAIN),
        replace(TYK, name=f"tyk.b.{DOMAIN}"),
    )
    with capture_logs() as logs:
        assert world.look(replace(ASKED, health=WELL), b) == []
    assert [e["event"] for e in lines_about("health", logs)] == ["health.unreachable"]


# ── watches ──────────────────────────────────────────────────────────────────────────────────────


class Background(Executor):
    """An executor that runs its calls when a test wants."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Keep a call for later."""
        future: Future[Any] = Future()
        self.waiting.append(lambda: future.set_result(fn(*args, **kwargs)))
        return future

    def work(self) -> None:
        """Run what waits."""
        for call in self.waiting:
            call()
        self.waiting.clear()


@dataclass
class Watched:
    """A watch with its clock."""

    programs: FakePrograms = field(default_factory=FakePrograms)
    background: Background = field(default_factory=Background)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.watch = HealthWatch(
            programs=self.programs,
            background=self.background,
            monotonic=lambda: self.now_s,
            clock=lambda: LATER,
        )

    def turn(self, seconds: float = 0.0) -> bool:
        """Let time pass, ask who is due, and record the answers."""
        self.now_s += seconds
        first = self.watch.advance()
        self.background.work()
        return self.watch.advance() or first


def test_a_watch_answers_at_once_and_asks_in_the_background() -> None:
    watched, target = Watched(), health_target()
    assert watched.watch.look([target]) == {}
    assert not watched.watch.advance()
    assert watched.programs.asked == []  # no thread has worked yet
    assert watched.turn()
    assert watched.watch.look([target]) == {target.key: GOOD.status}


def test_a_change_is_announced_once() -> None:
    watched, target = Watched(), health_target()
    watched.watch.look([target])
    assert [watched.turn(), watched.turn(60), watched.turn(60)] == [True, False, False]
    watched.programs.finding = WARNING
    assert [watched.turn(60), watched.turn(5), watched.turn(5)] == [False, False, True]
    assert watched.watch.look([target]) == {target.key: WARNING.status}
    watched.programs.finding = GOOD
    assert [watched.turn(14), watched.turn(1), watched.turn(1)] == [False, True, False]


def test_a_slow_round_is_not_joined_by_another_one() -> None:
    watched = Watched()
    watched.watch.look([health_target()])
    for _ in range(5):
        watched.now_s += 100
        watched.watch.advance()
    assert len(watched.background.waiting) == 1


def test_a_healthy_environment_costs_one_request_a_minute() -> None:
    watched = Watched()
    watched.watch.look([health_target()])
    for _ in range(600):
        watched.turn(1)
    assert sum(map(len, watched.programs.asked)) == 10


def test_a_feed_announces_health_as_it_announces_changes() -> None:
    @dataclass
    class Quiet:
        announced: bool = False

        def wait(self, seconds: float) -> bool:
            assert seconds == 0.5
            return self.announced

    watched = Watched()
    watched.watch.look([health_target()])
    quiet = Quiet()
    feed = HealthFeed(quiet, watched.watch)
    assert not feed.wait(0.5)
    watched.background.work()
    assert feed.wait(0.5)
    assert not feed.wait(0.5)
    quiet.announced = True
    assert feed.wait(0.5)
