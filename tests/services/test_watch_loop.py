"""The watch loop: when it steps, how it waits, and which errors it outlives. On fake time."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from gromit.errors import BackendError, Denied, GromitError, Temporary
from gromit.services.watch_loop import SLICE_S, NewReasons, WatchIntervals, WatchLoop

Step = Callable[[], float]


@dataclass
class Timeline:
    """A fake clock that is the feed of a loop as well, and stops the loop at an instant."""

    until: float
    """The stop signal is set at this instant."""
    announced: set[float] = field(default_factory=set)
    """Instants at which a change is announced."""
    now: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)
    waits: list[float] = field(default_factory=list)
    rests: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    """Instants of the steps."""
    failures: list[int] = field(default_factory=list)
    """Numbers of failures in a row that the loop reported."""
    forgotten: list[float] = field(default_factory=list)
    """Instants at which the loop awaited announced work no more."""

    def wait(self, seconds: float) -> bool:
        """Advance the clock to the next announcement, at most by `seconds`.

        Like a real feed, report all announcements of the past as one.
        """
        self.waits.append(seconds)
        end = self.now + seconds
        first = min(self.announced, default=math.inf)
        if first > end:
            self._advance(end)
            return False
        self._advance(max(first, self.now))
        self.announced = {at for at in self.announced if at > self.now}
        return True

    def rest(self, seconds: float) -> None:
        """Advance the clock by `seconds`."""
        self.rests.append(seconds)
        self._advance(self.now + seconds)

    def loop(
        self,
        *,
        backstop_s: float = 60.0,
        pause_s: float = 0.0,
        retry_s: float | None = None,
        recheck_s: tuple[float, ...] = (),
        claimed_at: float = math.inf,
    ) -> WatchLoop:
        """Return a loop on this time that outlives every `BackendError` but `Denied`."""
        return WatchLoop(
            feed=self,
            stop=self.stop,
            intervals=WatchIntervals(
                backstop_s=backstop_s,
                pause_s=pause_s,
                rest=self.rest,
                monotonic=lambda: self.now,
            ),
            retried=(BackendError,),
            fatal=(Denied,),
            report=lambda _error, failures: self.failures.append(failures),
            retry_s=retry_s,
            recheck_s=recheck_s,
            is_awaited=lambda: self.now < claimed_at,
            forget=lambda: self.forgotten.append(self.now),
        )

    def step(self, wait_s: float = math.inf, errors: list[GromitError] | None = None) -> Step:
        """Return a step that records its instant, and raises each of `errors` once."""

        def step() -> float:
            self.steps.append(self.now)
            if errors:
                raise errors.pop(0)
            return wait_s

        return step

    def _advance(self, to: float) -> None:
        self.now = to
        if to >= self.until:
            self.stop.set()


def test_a_loop_steps_at_the_start_and_at_the_backstop() -> None:
    time = Timeline(until=150)
    time.loop().run(time.step())
    assert time.steps == [0, 60, 120]


def test_a_loop_steps_after_an_announcement() -> None:
    time = Timeline(until=100, announced={10.0, 40.0})
    time.loop().run(time.step())
    assert time.steps == [0, 10, 40]


def test_every_wait_is_short_enough_to_notice_the_stop_signal() -> None:
    time = Timeline(until=math.inf)
    loop = time.loop(backstop_s=10)
    loop.between = lambda: time.stop.set() if len(time.waits) == 3 else None
    loop.run(time.step())
    assert (time.waits, time.steps) == ([SLICE_S] * 3, [0])


def test_a_loop_that_is_stopped_beforehand_does_not_step() -> None:
    time = Timeline(until=0)
    time.stop.set()
    time.loop().run(time.step())
    assert time.steps == []


def test_a_step_that_asks_for_no_wait_is_repeated_at_once() -> None:
    time = Timeline(until=100)
    waits = [0.0, 0.0, math.inf]

    def step() -> float:
        time.steps.append(time.now)
        return waits.pop(0) if waits else math.inf

    time.loop(pause_s=5).run(step)
    assert time.steps == [0, 0, 0, 60]
    assert time.rests == [5, 5]


@pytest.mark.parametrize(
    ("wait_s", "steps"),
    [
        (math.inf, [0, 60, 120]),
        (25.0, [0, 25, 50, 75, 100, 125, 150]),
        (500.0, [0, 60, 120]),
    ],
)
def test_a_step_can_shorten_the_wait_and_not_lengthen_it(wait_s: float, steps: list[float]) -> None:
    time = Timeline(until=175)
    time.loop().run(time.step(wait_s))
    assert time.steps == steps


def test_announcements_during_a_rest_lead_to_one_step() -> None:
    time = Timeline(until=40, announced={1.0, 2.0, 3.0})
    time.loop(pause_s=5).run(time.step())
    assert time.steps == [0, 5]
    assert time.rests == [5, 5]


def test_a_rest_counts_towards_the_backstop() -> None:
    time = Timeline(until=130)
    time.loop(pause_s=5).run(time.step())
    assert time.steps == [0, 60, 120]


def test_after_an_announcement_the_step_is_repeated_soon() -> None:
    time = Timeline(until=80, announced={10.0})
    time.loop(recheck_s=(0.5, 2.0)).run(time.step())
    assert time.steps == [0, 10, 10.5, 12.5, 72.5]


@pytest.mark.parametrize(
    ("claimed_at", "steps"),
    [
        (10.0, [0, 10, 70]),
        (10.2, [0, 10, 70]),
        (10.6, [0, 10, 10.5, 70.5]),
        (13.0, [0, 10, 10.5, 12.5, 72.5]),
    ],
)
def test_the_step_is_not_repeated_for_what_has_been_claimed(
    claimed_at: float, steps: list[float]
) -> None:
    time = Timeline(until=80, announced={10.0})
    time.loop(recheck_s=(0.5, 2.0), claimed_at=claimed_at).run(time.step())
    assert time.steps == steps


def test_announced_work_is_awaited_until_the_last_repeated_step() -> None:
    time = Timeline(until=60, announced={10.0, 11.0})
    time.loop(recheck_s=(0.5, 2.0)).run(time.step())
    assert time.steps == [0, 10, 10.5, 11, 11.5, 13.5]
    assert time.forgotten == [0, 13.5]


def test_a_repeated_step_keeps_to_the_wait_that_the_step_asks_for() -> None:
    time = Timeline(until=12, announced={10.0})
    time.loop(recheck_s=(0.5, 2.0)).run(time.step(0.25))
    assert time.steps[-4:] == [11.0, 11.25, 11.5, 11.75]


def test_pauses_after_failures_double_up_to_the_backstop_whatever_is_announced() -> None:
    time = Timeline(until=30, announced={0.5, 1.5, 4.0})
    time.loop(backstop_s=5).run(time.step(errors=[Temporary("throttled")] * 20))
    assert time.rests == [1, 2, 4, 5, 5, 5, 5, 5]
    assert time.failures == [1, 2, 3, 4, 5, 6, 7, 8]
    assert time.waits == []


def test_a_pause_after_failures_has_a_limit_below_any_backstop() -> None:
    time = Timeline(until=5000)
    time.loop(backstop_s=1e9).run(time.step(errors=[Temporary("throttled")] * 20))
    assert max(time.rests) == 1024


def test_a_fixed_pause_after_failures_ends_with_an_announcement() -> None:
    time = Timeline(until=3, announced={1.5})
    time.loop(retry_s=1.0).run(time.step(errors=[Temporary("away")] * 20))
    assert time.steps == [0, 1, 1.5, 2.5]
    assert time.rests == []


def test_a_success_resets_the_count_of_failures() -> None:
    time = Timeline(until=150, announced={3.0})
    errors: list[GromitError] = [Temporary("away"), Temporary("away")]
    loop = time.loop()
    loop.run(time.step(errors=errors))
    errors.append(Temporary("away"))
    time.stop.clear()
    time.until = 300
    loop.run(time.step(errors=errors))
    assert time.failures == [1, 2, 1]


@pytest.mark.parametrize("error", [Denied("no right"), GromitError("a bug")])
def test_fatal_and_unexpected_errors_end_the_loop(error: GromitError) -> None:
    time = Timeline(until=100)
    with pytest.raises(type(error)):
        time.loop().run(time.step(errors=[error]))
    assert (time.steps, time.failures) == ([0], [])


def test_a_reason_is_new_until_it_is_absent() -> None:
    reasons = NewReasons()
    assert reasons.update(["b", "a"]) == ["a", "b"]
    assert reasons.update(["a", "b", "c"]) == ["c"]
    assert reasons.update(["c"]) == []
    assert reasons.update(["a", "c"]) == ["a"]
    assert reasons.update([]) == []
    assert reasons.update(["c"]) == ["c"]
