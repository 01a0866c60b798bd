"""Worker pool: concurrent runs that are limited, independent, and stopped by a signal."""

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from gromit.core.environments.claims import Claim, NoWork
from gromit.core.environments.phases import Work
from gromit.core.environments.worker_protocol import (
    AcquireLock,
    Execute,
    Problem,
    ProtocolStep,
    RunEnding,
)
from gromit.core.stack.contract import StateMark
from gromit.core.stack.made import MadeStack
from gromit.errors import (
    BackendError,
    ConfigRootUnusable,
    Conflict,
    GromitError,
    Suspended,
    Temporary,
    TerraformFailed,
    TrustError,
)
from gromit.ports import Progress
from gromit.services.run_states import StateOfRun
from gromit.services.runs import Runner
from gromit.services.workers import UPKEEP_S, RunResult, WorkerLimits, WorkerPool
from tests.fakes.dns import FakeFeed
from tests.fakes.owners import FakeOwners
from tests.fakes.queue import FakeQueue, a_claim
from tests.fakes.states import FakeStates
from tests.waiting import PATIENCE_S


@dataclass
class Crew:
    """Worker pool with fakes; `act` is the work of a run."""

    act: Callable[[str], None] = lambda _: None
    bounds: WorkerLimits = field(default_factory=lambda: WorkerLimits(parallel=2))
    queue: FakeQueue = field(default_factory=FakeQueue)
    states: FakeStates = field(default_factory=FakeStates)
    stop: threading.Event = field(default_factory=threading.Event)
    outcomes: list[RunResult] = field(default_factory=list)
    halts: list[GromitError | None] = field(default_factory=list)
    """Results of the next checks of the suspension file: an error, or None for no suspension."""
    clock: list[float] = field(default_factory=lambda: [0.0])
    before: Callable[[Claim, ProtocolStep], None] = lambda _claim, _step: None
    shown: list[tuple[str, str]] = field(default_factory=list)

    def workers(self, kind: Work = Work.SOW) -> WorkerPool:
        runner = Runner(
            queue=self.queue,
            states=self.states,
            owners=FakeOwners(),
            guard=self._guard,
            do=self._do,
            renew_s=60.0,
            before=self.before,
        )
        return WorkerPool(
            kind,
            runner,
            self.bounds,
            self.stop,
            lambda: self.clock[0],
            self._progress,
            self.outcomes.append,
        )

    def give(self, *names: str) -> None:
        self.queue.work.extend(a_claim(n) for n in names)

    @property
    def endings(self) -> dict[str, RunEnding]:
        return {o.name: o.ending for o in self.outcomes}

    def _progress(self, name: str) -> Progress:
        return lambda line: self.shown.append((name, line))

    def _guard(self) -> None:
        if self.halts and (error := self.halts.pop(0)):
            raise error

    def _do(self, claim: Claim, _state: StateOfRun, progress: Progress) -> MadeStack:
        progress("at it")
        self.act(claim.name)
        return MadeStack("hash")


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{i}" for i in range(count)]


def all_done(which: Iterable[str]) -> dict[str, RunEnding]:
    return dict.fromkeys(which, RunEnding.DONE)


# ── one pass ──────────────────────────────────────────────────────────────────────────────────────


def test_a_pass_does_all_that_is_due_and_ends() -> None:
    crew = Crew()
    crew.give("a", "b", "c")
    crew.workers(Work.REAP).once()
    assert crew.endings == all_done("abc")
    assert sorted(crew.shown) == [("a", "at it"), ("b", "at it"), ("c", "at it")]
    assert set(crew.queue.asked) == {Work.REAP}
    assert crew.states.locks == {}


def test_a_pass_with_nothing_to_do_asks_once() -> None:
    crew = Crew()
    crew.workers().once()
    assert (crew.queue.asked, crew.outcomes) == ([Work.SOW], [])


@pytest.mark.parametrize("parallel", [1, 3])
def test_as_many_runs_as_allowed_go_on_at_once_and_never_more(parallel: int) -> None:
    all_running = threading.Barrier(parallel, timeout=PATIENCE_S)
    counting, most, running = threading.Lock(), 0, 0

    def act(_name: str) -> None:
        nonlocal most, running
        with counting:
            running += 1
            most = max(most, running)
        all_running.wait()  # returns only if `parallel` runs are here at once
        with counting:
            running -= 1

    crew = Crew(act, WorkerLimits(parallel))
    crew.give(*names("e", parallel * 4))
    crew.workers().once()
    assert (crew.endings, most) == (all_done(names("e", parallel * 4)), parallel)


def test_a_run_that_ends_makes_room_for_the_next_while_a_slow_one_goes_on() -> None:
    others_are_done = threading.Event()

    def act(name: str) -> None:
        if name == "slow":
            assert others_are_done.wait(PATIENCE_S)
        if name == "d":
            others_are_done.set()

    crew = Crew(act)
    crew.give("slow", "a", "b", "c", "d")
    crew.workers().once()
    assert crew.endings == all_done(["slow", "a", "b", "c", "d"])


def test_one_failing_environment_does_not_stop_the_others() -> None:
    def act(name: str) -> None:
        if name == "bad":
            raise TerraformFailed("no")
        if name == "worse":
            raise ZeroDivisionError

    crew = Crew(act)
    crew.give("a", "bad", "b", "worse", "c")
    crew.workers().once()
    assert crew.endings == {**all_done("abc"), "bad": RunEnding.FAILED, "worse": RunEnding.FAILED}
    assert {o.problem.kind for o in crew.outcomes if o.problem} == {"terraform", "bug"}


def test_no_more_runs_begin_than_the_limit_allows_and_the_rest_is_not_claimed() -> None:
    crew = Crew(bounds=WorkerLimits(parallel=2, limit=3))
    crew.give(*names("e", 5))
    crew.workers().once()
    assert (len(crew.outcomes), len(crew.queue.work)) == (3, 2)


def test_a_result_contains_the_duration_of_the_run() -> None:
    crew = Crew(bounds=WorkerLimits(parallel=1))

    def act(_name: str) -> None:
        crew.clock[0] += 2.5

    crew.act = act
    crew.give("a")
    crew.workers().once()
    assert [o.seconds for o in crew.outcomes] == [2.5]


def test_one_environment_that_fails_again_and_again_does_not_use_the_limit_up() -> None:
    crew = Crew(bounds=WorkerLimits(parallel=1, limit=2, window_s=100.0))
    begun: list[str] = []
    crew.act = begun.append
    crew.give("poison", "poison", "poison", "a", "b")
    crew.workers().watch(PassingFeed(crew, 50.0), 10.0)
    assert begun == ["poison", "poison", "poison", "a"]


@pytest.mark.parametrize(
    "halt", [Suspended("an operator said so"), ConfigRootUnusable("not mounted")]
)
def test_a_pass_that_is_halted_at_once_claims_nothing(halt: GromitError) -> None:
    crew = Crew(halts=[halt])
    crew.give("a")
    with pytest.raises(type(halt)):
        crew.workers().once()
    assert (crew.queue.asked, crew.outcomes) == ([], [])


def test_what_has_begun_is_ended_before_a_pass_says_that_it_was_suspended() -> None:
    suspended = threading.Event()

    def act(_name: str) -> None:
        assert suspended.wait(PATIENCE_S)

    crew = Crew(act, WorkerLimits(parallel=3))
    crew.give("a", "b")
    workers = crew.workers()

    class Suspending(FakeQueue):
        def claim(self, kind: Work) -> Claim | NoWork:
            answer = crew.queue.claim(kind)
            if isinstance(answer, NoWork):
                suspended.set()
                raise Suspended("an operator said so")
            return answer

    workers.runner = Runner(
        queue=Suspending(),
        states=crew.states,
        owners=FakeOwners(),
        guard=lambda: None,
        do=workers.runner.do,
        renew_s=60.0,
        before=crew.before,
    )
    with pytest.raises(Suspended):
        workers.once()
    assert crew.endings == all_done("ab")


def test_a_pass_ends_what_has_begun_when_serve_is_gone() -> None:
    crew = Crew()
    crew.queue.work.extend([a_claim("a"), Temporary("serve is away")])
    with pytest.raises(Temporary):
        crew.workers().once()
    assert crew.endings == all_done("a")


def test_a_pass_passes_over_a_failed_claim_and_names_it_when_all_others_are_done() -> None:
    crew = Crew()
    bug = BackendError("serve answered 500")
    crew.queue.work.extend([a_claim("a"), bug, a_claim("b"), bug, bug, a_claim("c")])
    with pytest.raises(BackendError, match="serve answered 500"):
        crew.workers().once()
    assert crew.endings == all_done("abc")


def test_a_pass_ends_when_claims_go_on_failing() -> None:
    crew = Crew()
    crew.queue.work.extend([a_claim("a"), *[BackendError("serve answered 500")] * 100])
    with pytest.raises(BackendError, match="serve answered 500"):
        crew.workers().once()
    assert crew.endings == all_done("a")
    assert len(crew.queue.asked) < 10


def _fail(_name: str) -> None:
    raise TerraformFailed("no")


def _fail_if_stuck(name: str) -> None:
    if name.startswith("stuck"):
        raise TerraformFailed("no")


def test_what_fails_does_not_use_up_the_limit() -> None:
    crew = Crew(_fail_if_stuck, WorkerLimits(parallel=4, limit=10))
    crew.give(*names("stuck", 10), *names("good", 5))
    crew.workers(Work.REAP).once()
    assert {n for n, e in crew.endings.items() if e is RunEnding.DONE} == set(names("good", 5))


def test_the_limit_holds_among_failures_and_counts_what_is_still_running() -> None:
    crew = Crew(_fail_if_stuck, WorkerLimits(parallel=4, limit=3))
    mixed = [n for i in range(8) for n in (f"good{i}", f"stuck{i}")]
    crew.give(*mixed)
    crew.workers(Work.REAP).once()
    assert sum(e is RunEnding.DONE for e in crew.endings.values()) == 3


def test_what_ended_fenced_counts_for_it_may_have_destroyed_something() -> None:
    crew = Crew(bounds=WorkerLimits(parallel=1, limit=2))
    crew.queue.faults["done"] = [Conflict("lost"), Conflict("lost")]
    crew.give("a", "b", "c")
    crew.workers(Work.REAP).once()
    assert crew.endings == {"a": RunEnding.FENCED, "b": RunEnding.FENCED}


def test_a_watch_goes_on_after_a_failure_has_made_room_in_the_limit() -> None:
    crew = Crew(_fail_if_stuck, WorkerLimits(parallel=1, limit=1, window_s=1000.0))
    crew.give("stuck", "a", "b")
    crew.workers(Work.REAP).watch(PassingFeed(crew, 50.0), 10.0)
    assert crew.endings == {"stuck": RunEnding.FAILED, "a": RunEnding.DONE}


@dataclass
class DueAgain(FakeQueue):
    """A queue where whatever fails or is given back is due again at once, as with a short retry."""

    def release(self, claim: Claim) -> None:
        super().release(claim)
        self.work.append(claim)

    def failed(self, claim: Claim, problem: Problem, state: StateMark | None = None) -> None:
        super().failed(claim, problem, state)
        self.work.append(claim)


@pytest.mark.parametrize("parallel", [1, 3])
def test_a_pass_tries_each_generation_once_and_ends(parallel: int) -> None:
    crew = Crew(_fail, WorkerLimits(parallel=parallel), queue=DueAgain())
    crew.give("a", "b", "c")
    crew.workers().once()
    assert sorted(o.name for o in crew.outcomes) == ["a", "b", "c"]
    given_back = [name for method, name, _ in crew.queue.reported if method == "release"]
    assert given_back


def test_a_newer_generation_is_tried_within_the_same_pass() -> None:
    crew = Crew(_fail, WorkerLimits(parallel=1))
    crew.queue.work.extend([a_claim("a"), a_claim("a", generation=2)])
    crew.queue.newest["a"] = 1
    tried: list[int] = []
    crew.before = lambda claim, step: (
        tried.append(claim.generation) if isinstance(step, AcquireLock) else None
    )
    crew.workers().once()
    assert tried == [1, 2]


def test_what_fails_in_one_pass_is_tried_again_in_the_next() -> None:
    crew = Crew(_fail, WorkerLimits(parallel=1), queue=DueAgain())
    crew.give("a")
    pool = crew.workers()
    pool.once()
    pool.once()
    assert [o.ending for o in crew.outcomes] == [RunEnding.FAILED] * 2


def test_a_claim_that_cannot_be_given_back_does_not_stop_the_pass() -> None:
    crew = Crew(_fail, WorkerLimits(parallel=1), queue=DueAgain())
    crew.queue.faults["release"] = [Temporary("serve is away")]
    crew.give("a")
    crew.workers().once()
    assert [o.name for o in crew.outcomes] == ["a"]


def test_a_stopped_pass_claims_no_more() -> None:
    crew = Crew(bounds=WorkerLimits(parallel=1))
    crew.act = lambda _name: crew.stop.set()
    crew.give("a", "b", "c")
    crew.workers().once()
    assert (crew.endings, len(crew.queue.work)) == (all_done("a"), 2)


def test_a_run_that_is_killed_does_not_take_the_others_with_it() -> None:
    class Killed(Exception):
        pass

    def before(claim: Claim, step: ProtocolStep) -> None:
        if claim.name == "killed" and isinstance(step, Execute):
            raise Killed

    crew = Crew(before=before)
    crew.give("a", "killed")
    with pytest.raises(Killed):
        crew.workers().once()
    assert crew.queue.reported == [("done", "a", "hash")]
    assert set(crew.states.locks) == {"killed"}


def test_locks_that_had_to_be_left_are_released_with_the_next_look_for_work() -> None:
    crew = Crew(bounds=WorkerLimits(parallel=1))
    crew.states.faults["unlock"] = [Temporary("S3 is slow")]
    crew.give("a", "b")
    crew.workers().once()
    assert (crew.endings, crew.states.locks) == (all_done("ab"), {})


# ── watching ──────────────────────────────────────────────────────────────────────────────────────


def test_a_watch_works_on_what_is_announced_and_stops_on_the_signal() -> None:
    crew = Crew()

    def announce(name: str) -> Callable[[], bool]:
        def step() -> bool:
            crew.give(name)
            return True

        return step

    feed = FakeFeed(crew.stop, [announce("a"), lambda: False, announce("b")])
    crew.workers().watch(feed, 60.0)
    assert crew.endings == all_done("ab")


def test_an_announcement_leads_to_a_look_at_once_and_silence_to_none() -> None:
    crew = Crew()
    feed = FakeFeed(crew.stop, [lambda: False, lambda: False, lambda: True, lambda: False])
    crew.workers().watch(feed, 60.0)
    assert len(crew.queue.asked) == 2
    assert all(0 < seconds <= 0.5 for seconds in feed.waited)


class PassingFeed:
    """Silent feed that advances the clock, and stops the pool at an instant."""

    def __init__(self, crew: Crew, until: float) -> None:
        self._crew, self._until = crew, until

    def wait(self, seconds: float) -> bool:
        self._crew.clock[0] += seconds
        if self._crew.clock[0] >= self._until:
            self._crew.stop.set()
        return False

    def is_awaited(self) -> bool:
        return True

    def forget(self) -> None:
        pass


@pytest.mark.parametrize(
    ("retry_s", "looks"),
    [
        (None, [0, 60, 120]),
        (25.0, [0, 25, 50, 75, 100, 125, 150]),
        (500.0, [0, 60, 120]),
    ],
)
def test_without_announcements_it_looks_when_work_will_be_due_and_at_the_backstop(
    retry_s: float | None, looks: list[float]
) -> None:
    crew, seen = Crew(), list[float]()

    class Idle(FakeQueue):
        def claim(self, kind: Work) -> NoWork:
            assert kind is Work.SOW
            seen.append(crew.clock[0])
            return NoWork(retry_s)

    crew.queue = Idle()
    crew.workers().watch(PassingFeed(crew, 175.0), 60.0)
    assert seen == looks


def test_after_an_announcement_it_looks_again_soon_for_the_index_of_work_lags_behind() -> None:
    crew, seen = Crew(), list[float]()

    class Idle(FakeQueue):
        def claim(self, kind: Work) -> NoWork:
            assert kind is Work.SOW
            seen.append(crew.clock[0])
            return NoWork(None)

    class OnceHeard(PassingFeed):
        def wait(self, seconds: float) -> bool:
            return super().wait(seconds) or crew.clock[0] == 10.0

    crew.queue = Idle()
    crew.workers().watch(OnceHeard(crew, 80.0), 60.0)
    assert seen == [0, 10, 10.5, 12.5, 72.5]


def test_a_watch_outlives_a_bug_of_serve() -> None:
    crew = Crew()
    crew.queue.work.extend([BackendError("serve answered 500"), a_claim("a")])
    crew.workers().watch(PassingFeed(crew, 5.0), 60.0)
    assert crew.endings == all_done("a")


def test_a_limit_counts_within_its_window() -> None:
    crew = Crew(bounds=WorkerLimits(parallel=1, limit=2, window_s=100.0))
    begun: list[float] = []
    crew.act = lambda _name: begun.append(crew.clock[0])
    crew.give(*names("e", 5))
    crew.workers().watch(PassingFeed(crew, 250.0), 10.0)
    assert begun == [0.0, 0.0, 100.0, 100.0, 200.0]


@pytest.mark.parametrize(
    "halt",
    [
        Suspended("an operator said so"),
        ConfigRootUnusable("not mounted"),
        Temporary("serve is away"),
    ],
)
def test_a_watch_goes_on_when_what_halted_it_has_passed(halt: GromitError) -> None:
    crew = Crew(halts=[halt, halt, None])
    crew.give("a")
    crew.workers().watch(PassingFeed(crew, 5.0), 60.0)
    assert crew.endings == all_done("a")


def test_a_suspended_watch_informs_serve_every_half_minute_and_goes_on_without_it() -> None:
    halt = Suspended("processing is suspended", file=("mongo", "alice", "T"))
    crew = Crew(halts=[halt] * 70)
    crew.queue.faults["report_halt"] = [Temporary("serve is away")]
    crew.workers(Work.REAP).watch(PassingFeed(crew, 65.0), 60.0)
    assert crew.queue.halts == [(Work.REAP, "processing is suspended")] * 2


def test_a_watch_goes_on_when_serve_is_back() -> None:
    crew = Crew()
    crew.queue.work.extend([Temporary("serve is away"), a_claim("a")])
    crew.workers().watch(PassingFeed(crew, 5.0), 60.0)
    assert crew.endings == all_done("a")


def test_a_watch_ends_when_serve_does_not_trust_it_but_ends_its_runs_first() -> None:
    crew = Crew()
    crew.queue.work.extend([a_claim("a"), TrustError("not a worker")])
    with pytest.raises(TrustError):
        crew.workers().watch(PassingFeed(crew, 5.0), 60.0)
    assert crew.states.locks == {}


def test_a_stopped_watch_ends_its_runs_and_begins_none() -> None:
    crew = Crew(bounds=WorkerLimits(parallel=2))

    def act(_name: str) -> None:
        crew.stop.set()

    crew.act = act
    crew.give("a")
    crew.workers().watch(FakeFeed(crew.stop), 60.0)
    assert crew.endings == all_done("a")
    crew.give("b")
    crew.workers().watch(FakeFeed(crew.stop), 60.0)
    assert set(crew.endings) == {"a"}


def test_results_are_reported_while_a_watch_has_nothing_else_to_do() -> None:
    crew = Crew()
    acted = threading.Event()
    crew.act = lambda _name: acted.set()
    crew.give("a")
    reported_before_the_end: list[int] = []

    class Feed(PassingFeed):
        def wait(self, seconds: float) -> bool:
            assert seconds > 0
            acted.wait(PATIENCE_S)
            reported_before_the_end.append(len(crew.outcomes))
            if reported_before_the_end[-1] or len(reported_before_the_end) > 10_000:
                crew.stop.set()
            return False

    crew.workers().watch(Feed(crew, math.inf), 60.0)
    assert reported_before_the_end[-1] == 1


# ── log lines for alarms ──────────────────────────────────────────────────────────────────────────


def _passed(lines: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    return [
        (line["kind"], line["environments"]) for line in lines if line["event"] == "work.passed"
    ]


def test_a_pass_that_comes_to_its_end_says_so_and_one_that_does_not_is_silent() -> None:
    crew = Crew()
    crew.give("one", "two")
    with capture_logs() as lines:
        crew.workers().once()
        Crew().workers(Work.REAP).once()
        with pytest.raises(Suspended):
            Crew(halts=[Suspended("suspended")]).workers().once()
        stopped = Crew()
        stopped.stop.set()
        stopped.workers().once()
    assert _passed(lines) == [("sow", 2), ("reap", 0)]


@pytest.mark.parametrize("kind", Work)
def test_a_pass_that_fails_says_so_with_the_reason_and_one_that_is_suspended_does_not(
    kind: Work,
) -> None:
    for problem in (Temporary("serve does not answer"), Suspended("an exercise")):
        crew = Crew()
        crew.queue.work.append(problem)
        with capture_logs() as lines, pytest.raises(type(problem)):
            crew.workers(kind).once()
        failed = [(line["kind"], line["reason"]) for line in lines if "failed" in line["event"]]
        assert failed == ([] if isinstance(problem, Suspended) else [(kind, problem.message)])


def test_a_watch_says_that_it_has_passed_but_not_for_every_announcement() -> None:
    """Claims at 0, 1, 2 … 130 s; logged at 0, 60 and 120 s."""
    crew = Crew()

    class Restless(FakeFeed):
        def wait(self, _seconds: float) -> bool:
            crew.clock[0] += 1.0
            if crew.clock[0] > 130:
                crew.stop.set()
            return True

    with capture_logs() as lines:
        crew.workers().watch(Restless(crew.stop), 60.0)
    assert len(crew.queue.asked) > 100
    assert _passed(lines) == [("sow", 0)] * 3


def test_a_watch_that_is_halted_does_not_say_that_it_has_passed() -> None:
    crew = Crew(halts=[Suspended("suspended")] * 5)
    with capture_logs() as lines:
        crew.workers().watch(PassingFeed(crew, 3.0), 60.0)
    assert _passed(lines) == []


# ── upkeep ────────────────────────────────────────────────────────────────────────────────────────


def test_upkeep_comes_before_the_first_claim_and_then_now_and_then() -> None:
    crew, calls = Crew(), list[int]()
    workers = crew.workers(Work.REAP)
    workers.upkeep = lambda: calls.append(len(crew.queue.asked))
    for seconds in (0.0, UPKEEP_S - 1, 1.0, UPKEEP_S):
        crew.clock[0] += seconds
        workers.once()
    assert calls == [0, 2, 3]


def test_no_upkeep_while_everything_is_suspended() -> None:
    crew, calls = Crew(halts=[Suspended("by a person")]), list[int]()
    workers = crew.workers(Work.REAP)
    workers.upkeep = lambda: calls.append(1)
    with pytest.raises(Suspended):
        workers.once()
    assert calls == []


def test_a_failed_upkeep_is_logged_once_and_keeps_no_work_waiting() -> None:
    crew = Crew()

    def fail() -> None:
        raise Temporary("no index")

    workers = crew.workers(Work.REAP)
    workers.upkeep = fail
    with capture_logs() as logs:
        for name in "ab":
            crew.give(name)
            workers.once()
            crew.clock[0] += UPKEEP_S
    assert crew.endings == all_done("ab")
    reasons = [line["reason"] for line in logs if line["event"] == "work.upkeep_failed"]
    assert reasons == ["no index"]
