"""A run executes the table, and each step returns the right result."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest
from structlog.testing import capture_logs

from gromit.core.environments.claims import Claim
from gromit.core.environments.terraform_locks import FoundLock, Lock, Owner
from gromit.core.environments.worker_protocol import EndRun, Problem, ProtocolStep, RunEnding
from gromit.core.stack.made import MadeStack
from gromit.core.stack.task_output import StoppedTask
from gromit.errors import (
    BackendError,
    ConfigRootUnusable,
    Conflict,
    GromitError,
    HookFailed,
    InvalidInput,
    RolloutFailed,
    Suspended,
    Temporary,
    TerraformFailed,
)
from gromit.ports import Progress
from gromit.services.renewals import PROGRESS_S
from gromit.services.run_states import StateOfRun
from gromit.services.runs import Runner, WorkFunction, failure_record
from tests.fakes.owners import FakeOwners, owner
from tests.fakes.queue import FakeQueue, a_claim
from tests.fakes.states import FakeStates
from tests.waiting import PATIENCE_S

"""Longest wait for another thread. Nothing takes this long unless it is broken."""


class World:
    """A runner whose ports are fakes."""

    def __init__(
        self,
        do: WorkFunction | None = None,
        renew_s: float = 60.0,
        states: FakeStates | None = None,
        progress_s: float = PROGRESS_S,
    ) -> None:
        self.queue, self.states, self.owners = FakeQueue(), states or FakeStates(), FakeOwners()
        self.halts: list[GromitError] = []
        self.steps: list[str] = []
        self.acts: list[Lock] = []
        self.strike: Callable[[ProtocolStep], None] = lambda _: None
        self.runner = Runner(
            queue=self.queue,
            states=self.states,
            owners=self.owners,
            guard=self._guard,
            do=do or self._do,
            renew_s=renew_s,
            before=self._before,
            progress_s=progress_s,
        )

    def run(self, claim: Claim | None = None) -> EndRun:
        return self.runner.run(claim or a_claim(), lambda _: None)

    def _guard(self) -> None:
        if self.halts:
            raise self.halts.pop(0)

    def _do(self, _claim: Claim, state: StateOfRun, _progress: Progress) -> MadeStack:
        self.acts.append(state.check().lock)
        return MadeStack("hash")

    def _before(self, _claim: Claim, step: ProtocolStep) -> None:
        self.steps.append(type(step).__name__)
        self.strike(step)


def raising(error: Exception) -> WorkFunction:
    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        raise error

    return do


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, at most `PATIENCE_S`."""
    tick = threading.Event()
    for _ in range(int(PATIENCE_S / 0.002)):
        if condition():
            return
        tick.wait(0.002)
    raise AssertionError("the condition was not met in time")


# ── the whole way ─────────────────────────────────────────────────────────────────────────────────


def test_a_run_locks_verifies_acts_reports_and_unlocks_in_this_order() -> None:
    world = World()
    assert world.run() == EndRun(RunEnding.DONE)
    assert world.steps == ["AcquireLock", "Verify", "Execute", "ReportDone", "Unlock"]
    assert world.queue.reported == [("done", "app-test", "hash")]
    assert world.states.calls == ["lock", "head", "head", "unlock"], "it looks before and after"
    assert world.states.locks == {}


def test_the_execution_gets_the_lock_of_the_state() -> None:
    seen: list[bool] = []

    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        found, lock = world.states.locks[claim.name], state.check().lock
        seen.append(
            (found.id, found.etag, found.operation, found.owner)
            == (lock.id, lock.etag, "sow", owner(1))
        )
        progress("here")
        return MadeStack("h")

    world = World(do)
    shown: list[str] = []
    world.runner.run(a_claim(), shown.append)
    assert (seen, shown) == ([True], ["here"])


# ── the lock ──────────────────────────────────────────────────────────────────────────────────────


def test_the_lock_of_a_dead_owner_is_replaced() -> None:
    world = World()
    world.states.lock("app-test", owner(2), "sow")
    world.owners.dead.add(owner(2))
    assert world.run() == EndRun(RunEnding.DONE)
    assert world.steps == [
        "AcquireLock",
        "CheckOwner",
        "ReplaceLock",
        "Verify",
        "Execute",
        "ReportDone",
        "Unlock",
    ]
    assert world.states.locks == {}


def test_the_lock_of_an_owner_who_may_live_is_left_alone_and_the_reason_reported() -> None:
    world = World()
    world.states.lock("app-test", owner(2), "sow")
    before = dict(world.states.locks)
    assert world.run() == EndRun(RunEnding.FAILED, Problem("locked", "someone@here lives"))
    assert world.queue.reported == [("failed", "app-test", "locked: someone@here lives")]
    assert (world.states.locks, world.acts) == (before, [])


def test_another_worker_may_replace_a_dead_owners_lock_first() -> None:
    world = World()
    world.states.lock("app-test", owner(2), "sow")
    world.owners.dead.add(owner(2))

    def quicker(step: ProtocolStep) -> None:
        if type(step).__name__ == "ReplaceLock":
            world.states.replace_lock(world.states.locks["app-test"], owner(3), "sow")

    world.strike = quicker
    finish = world.run()
    assert (finish.ending, finish.problem and finish.problem.kind) == (RunEnding.FAILED, "locked")
    assert world.states.locks["app-test"].owner == owner(3)
    assert world.acts == []


@pytest.mark.parametrize("method", ["lock", "replace_lock"])
def test_a_lock_that_cannot_be_taken_is_a_failure_without_an_act(method: str) -> None:
    world = World()
    if method == "replace_lock":
        world.states.lock("app-test", owner(2), "sow")
        world.owners.dead.add(owner(2))
    world.states.faults[method] = [Temporary("S3 is slow", hint="wait")]
    assert world.run() == EndRun(RunEnding.FAILED, Problem("temporary", "S3 is slow (wait)"))
    assert (world.queue.reported, world.acts) == (
        [("failed", "app-test", "temporary: S3 is slow (wait)")],
        [],
    )


def test_a_lock_that_cannot_be_released_is_released_when_it_is_tried_again() -> None:
    world = World()
    world.states.faults["unlock"] = [Temporary("S3 is slow"), Temporary("S3 is slow")]
    assert world.run() == EndRun(RunEnding.DONE)
    assert set(world.states.locks) == {"app-test"}
    world.runner.release_abandoned_locks()
    assert set(world.states.locks) == {"app-test"}
    world.runner.release_abandoned_locks()
    assert world.states.locks == {}
    calls = len(world.states.calls)
    world.runner.release_abandoned_locks()
    assert len(world.states.calls) == calls


def test_a_lock_that_another_worker_replaced_is_not_released_when_it_is_tried_again() -> None:
    world = World()
    world.states.faults["unlock"] = [Temporary("S3 is slow")]
    world.run()
    world.states.replace_lock(world.states.locks["app-test"], owner(2), "sow")
    world.runner.release_abandoned_locks()
    assert world.states.locks["app-test"].owner == owner(2)


@pytest.mark.parametrize("left_by_another", [False, True])
def test_a_lock_that_was_put_without_an_answer_is_taken_over_by_the_next_run_of_this_process(
    *, left_by_another: bool
) -> None:
    world = World()
    if left_by_another:
        world.states.lock("app-test", owner(2), "sow")
        world.owners.dead.add(owner(2))
    world.states.unheard = [Temporary("no answer")]
    assert world.run() == EndRun(RunEnding.FAILED, Problem("temporary", "no answer"))
    assert world.states.locks["app-test"].owner == owner(1)
    world.steps.clear()
    assert world.run() == EndRun(RunEnding.DONE)
    assert world.steps == [
        "AcquireLock",
        "CheckOwner",
        "ReplaceLock",
        "Verify",
        "Execute",
        "ReportDone",
        "Unlock",
    ]
    assert world.states.locks == {}


def test_a_lock_that_another_run_of_this_process_holds_is_left_alone() -> None:
    finishes: list[EndRun] = []

    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        finishes.append(world.run())
        assert world.states.locks[claim.name].id == state.lock.id
        return MadeStack("h")

    world = World(do)
    assert world.run() == EndRun(RunEnding.DONE)
    assert finishes == [EndRun(RunEnding.FAILED, Problem("locked", "someone@here lives"))]


def test_a_lock_that_this_process_has_yet_to_release_is_not_taken_over() -> None:
    world = World()
    world.states.faults["unlock"] = [Temporary("S3 is slow")]
    world.run()
    assert world.run() == EndRun(RunEnding.FAILED, Problem("locked", "someone@here lives"))
    world.runner.release_abandoned_locks()
    assert world.run() == EndRun(RunEnding.DONE)


def test_a_lock_that_a_process_like_this_one_left_unheard_is_for_the_watch_to_judge() -> None:
    world = World()
    world.states.lock("app-test", owner(1, host="there"), "sow")
    finish = world.run()
    assert (finish.ending, finish.problem and finish.problem.kind) == (RunEnding.FAILED, "locked")


class HesitantStates(FakeStates):
    """A bucket that delays the answer to the first put until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.is_put, self.may_answer = threading.Event(), threading.Event()

    def lock(self, environment: str, owner: Owner, operation: str) -> Lock | FoundLock:
        taken = super().lock(environment, owner, operation)
        if not self.is_put.is_set():
            self.is_put.set()
            assert self.may_answer.wait(PATIENCE_S)
        return taken


def test_a_lock_that_another_run_of_this_process_is_just_taking_is_not_taken_from_it() -> None:
    # An old run of this process, whose claim is no longer valid, finds the lock of its newer run
    # before that one has received the answer to its put.
    states = HesitantStates()
    holds: list[bool] = []

    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        found = states.locks.get(claim.name)
        holds.append(found is not None and found.id == state.lock.id)
        return MadeStack("hash")

    world = World(do, states=states)
    newer: list[EndRun] = []
    thread = threading.Thread(target=lambda: newer.append(world.run(a_claim(epoch=8))))
    thread.start()
    assert states.is_put.wait(PATIENCE_S)
    older = world.run(a_claim(epoch=7))
    states.may_answer.set()
    thread.join(PATIENCE_S)
    assert (older.ending, older.problem and older.problem.kind) == (RunEnding.FAILED, "locked")
    assert (newer, holds) == ([EndRun(RunEnding.DONE)], [True])
    assert states.locks == {}


def test_a_lock_that_was_lost_does_not_change_the_outcome() -> None:
    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        del world.states.locks[claim.name]
        return MadeStack("hash")

    world = World(do)
    assert world.run() == EndRun(RunEnding.DONE)


# ── the verification ──────────────────────────────────────────────────────────────────────────────


def test_without_a_valid_claim_nothing_is_done_or_reported() -> None:
    world = World()
    world.queue.faults["renew"] = [Conflict("no longer yours")]
    assert world.run() == EndRun(RunEnding.FENCED)
    assert (world.acts, world.queue.reported, world.states.locks) == ([], [], {})


def test_a_claim_that_something_newer_has_overtaken_is_given_back() -> None:
    world = World()
    world.queue.newest["app-test"] = 2
    assert world.run() == EndRun(RunEnding.SUPERSEDED)
    assert (world.acts, world.queue.reported, world.states.locks) == (
        [],
        [("release", "app-test", "")],
        {},
    )


@pytest.mark.parametrize(
    "halt", [Suspended("an operator said so"), ConfigRootUnusable("not mounted")]
)
def test_a_claim_is_given_back_if_processing_is_halted_before_the_act(halt: GromitError) -> None:
    world = World()
    world.halts = [halt]
    assert world.run() == EndRun(RunEnding.STOPPED)
    assert (world.acts, world.queue.reported, world.states.locks) == (
        [],
        [("release", "app-test", "")],
        {},
    )
    assert world.queue.renewals == 0


def test_without_an_answer_of_serve_nothing_is_done() -> None:
    world = World()
    world.queue.faults["renew"] = [Temporary("serve does not answer")]
    assert world.run() == EndRun(RunEnding.FAILED, Problem("temporary", "serve does not answer"))
    assert (world.acts, world.queue.reported, world.states.locks) == ([], [], {})


# ── the act and its report ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (
            TerraformFailed("no such subnet", hint="fix it"),
            Problem("terraform", "no such subnet (fix it)"),
        ),
        (InvalidInput("there is no image tyk:1"), Problem("invalid", "there is no image tyk:1")),
        (Temporary("throttled"), Problem("temporary", "throttled")),
        (
            RolloutFailed("tyk: exit code 1", stopped={"tyk": "task-1"}),
            Problem("rollout", "tyk: exit code 1", (StoppedTask("tyk", "task-1"),)),
        ),
        (
            HookFailed("hook on_create of tyk failed", stopped={"tyk": "task-2"}),
            Problem("hook", "hook on_create of tyk failed", (StoppedTask("tyk", "task-2"),)),
        ),
        (Conflict("it is wanted"), Problem("conflict", "it is wanted")),
        (ConfigRootUnusable("not mounted"), Problem("root_unusable", "not mounted")),
    ],
)
def test_what_goes_wrong_in_the_act_is_reported_with_its_kind_and_remedy(
    error: GromitError, problem: Problem
) -> None:
    world = World(raising(error))
    assert world.run() == EndRun(RunEnding.FAILED, problem)
    assert world.queue.reported == [("failed", "app-test", f"{problem.kind}: {problem.message}")]
    assert world.states.locks == {}


def test_an_act_that_was_asked_to_stop_gives_the_claim_back() -> None:
    world = World(raising(Suspended("asked to stop")))
    assert world.run() == EndRun(RunEnding.STOPPED)
    assert (world.queue.reported, world.states.locks) == ([("release", "app-test", "")], {})


def test_a_bug_in_the_act_is_reported_without_its_text() -> None:
    world = World(raising(KeyError("password=hunter2")))
    finish = world.run()
    assert finish.ending is RunEnding.FAILED
    assert finish.problem == Problem("bug", "KeyError in gromit; see the worker's log")
    assert (len(world.queue.reported), world.states.locks) == (1, {})


def test_a_bug_outside_the_act_is_a_failure_of_this_environment_alone() -> None:
    world = World()
    world.states.faults["lock"] = [TypeError("a bug")]
    finish = world.run()
    assert (finish.ending, finish.problem and finish.problem.kind) == (RunEnding.FAILED, "bug")
    assert world.queue.reported == [
        ("failed", "app-test", "bug: TypeError in gromit; see the worker's log")
    ]


def test_an_outcome_that_is_refused_ends_fenced() -> None:
    world = World()
    world.queue.faults["done"] = [Conflict("no longer yours")]
    assert world.run() == EndRun(RunEnding.FENCED)
    assert world.states.locks == {}


def test_a_failure_that_is_refused_ends_fenced() -> None:
    world = World(raising(TerraformFailed("no")))
    world.queue.faults["failed"] = [Conflict("no longer yours")]
    assert world.run() == EndRun(RunEnding.FENCED, Problem("terraform", "no"))


@pytest.mark.parametrize(
    ("method", "do", "finish"),
    [
        ("done", None, EndRun(RunEnding.FAILED, Problem("temporary", "gone"))),
        (
            "failed",
            raising(TerraformFailed("no")),
            EndRun(RunEnding.FAILED, Problem("terraform", "no")),
        ),
        ("release", raising(Suspended("end")), EndRun(RunEnding.STOPPED)),
    ],
)
def test_the_lock_is_released_even_if_serve_does_not_hear_the_outcome(
    method: str, do: WorkFunction | None, finish: EndRun
) -> None:
    world = World(do)
    world.queue.faults[method] = [Temporary("gone")]
    assert world.run() == finish
    assert world.states.locks == {}


# ── crashes and renewals ──────────────────────────────────────────────────────────────────────────


class Killed(Exception):
    """The process is killed here."""


@pytest.mark.parametrize("point", ["AcquireLock", "Verify", "Execute", "ReportDone", "Unlock"])
def test_the_failpoints_are_before_every_step(point: str) -> None:
    world = World()

    def strike(step: ProtocolStep) -> None:
        if type(step).__name__ == point:
            raise Killed

    world.strike = strike
    with pytest.raises(Killed):
        world.run()
    order = ["AcquireLock", "Verify", "Execute", "ReportDone", "Unlock"]
    reached = order.index(point)
    assert bool(world.states.locks) == (reached > 0)
    assert bool(world.acts) == (reached > 2)
    assert bool(world.queue.reported) == (reached > 3)


def is_renewing() -> bool:
    """Whether this is a renewal, and not the verification."""
    return threading.current_thread().name.startswith("renew-")


def test_the_claim_is_renewed_while_the_act_goes_on() -> None:
    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        wait_for(lambda: world.queue.renewals >= 4)
        return MadeStack("h")

    world = World(do, renew_s=0.002)
    assert world.run() == EndRun(RunEnding.DONE)


STEPS = ["removing its DNS records", "a: created (1s) [1/2]", "b: created (1s) [2/2]"]


def _has_got(queue: FakeQueue, number: int) -> bool:
    return len(queue.progress) >= number


def _reporting(world: Callable[[], World], lines: Sequence[str]) -> WorkFunction:
    """Report each line, and wait until it has arrived."""

    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        for number, line in enumerate(lines, 1):
            progress(line)
            wait_for(partial(_has_got, world().queue, number))
        return MadeStack("h")

    return do


def test_renewals_carry_each_step_long_before_their_interval() -> None:
    world = World(_reporting(lambda: world, STEPS), renew_s=3600.0, progress_s=0.001)
    assert world.run() == EndRun(RunEnding.DONE)
    assert list(map(str, world.queue.progress)) == STEPS


def test_progress_that_serve_did_not_get_is_sent_again() -> None:
    faults = iter([Temporary("serve is away"), Temporary("serve is away")])

    def on_renew(_number: int) -> None:
        if is_renewing() and (error := next(faults, None)):
            world.queue.progress.clear()
            raise error

    world = World(_reporting(lambda: world, STEPS[:1]), renew_s=3600.0, progress_s=0.001)
    world.queue.on_renew = on_renew
    assert world.run() == EndRun(RunEnding.DONE)
    assert list(map(str, world.queue.progress)) == STEPS[:1]
    assert next(faults, None) is None


def test_progress_that_has_not_changed_is_sent_once() -> None:
    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        for _ in range(3):
            progress("waiting for the services")
        wait_for(lambda: world.queue.renewals >= 6)
        return MadeStack("h")

    world = World(do, renew_s=0.002, progress_s=0.001)
    assert world.run() == EndRun(RunEnding.DONE)
    assert list(map(str, world.queue.progress)) == ["waiting for the services"]


def test_a_serve_without_progress_gets_none_and_no_renewal_for_it() -> None:
    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        for line in STEPS:
            progress(line)
        wait_for(lambda: world.queue.renewals >= 4)
        return MadeStack("h")

    world = World(do, renew_s=0.002, progress_s=0.001)
    assert world.run(replace(a_claim(), takes_progress=False)) == EndRun(RunEnding.DONE)
    assert world.queue.progress == []


def test_renewals_go_on_after_one_that_got_no_answer() -> None:
    renewals = iter([Temporary("serve is away"), Temporary("serve is away")])

    def on_renew(_number: int) -> None:
        if is_renewing() and (error := next(renewals, None)):
            raise error

    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        wait_for(lambda: world.queue.renewals >= 5)
        return MadeStack("h")

    world = World(do, renew_s=0.002)
    world.queue.on_renew = on_renew
    assert world.run() == EndRun(RunEnding.DONE)


def test_a_lost_claim_is_not_renewed_any_more_and_does_not_end_the_act() -> None:
    def on_renew(_number: int) -> None:
        if is_renewing():
            raise Conflict("no longer yours")

    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        wait_for(lambda: not any(t.name == f"renew-{claim.name}" for t in threading.enumerate()))
        return MadeStack("h")

    world = World(do, renew_s=0.002)
    world.queue.on_renew = on_renew
    world.queue.faults["done"] = [Conflict("no longer yours")]
    assert world.run(a_claim("lost-claim")) == EndRun(RunEnding.FENCED)
    assert world.queue.renewals == 2  # one, and the verification


@pytest.mark.parametrize(
    ("method", "act"),
    [
        ("done", None),
        ("failed", raising(TerraformFailed("no"))),
        ("release", raising(Suspended("end"))),
    ],
)
def test_a_renewal_that_crosses_the_report_is_no_loss_of_the_claim(
    method: str, act: WorkFunction | None
) -> None:
    renewing = threading.Event()

    def on_renew(_number: int) -> None:
        if is_renewing():
            renewing.set()
            wait_for(lambda: bool(world.queue.reported))
            raise Conflict("no longer yours")

    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        assert renewing.wait(PATIENCE_S)
        return act(claim, state, progress) if act else MadeStack("h")

    world = World(do, renew_s=0.002)
    world.queue.on_renew = on_renew
    with capture_logs() as logs:
        world.run()
    assert [reported for reported, _, _ in world.queue.reported] == [method]
    assert "claim.lost" not in {entry["event"] for entry in logs}
    assert world.queue.renewals == 2  # the crossing one, and the verification


def test_a_claim_that_is_lost_before_the_report_is_logged() -> None:
    def on_renew(_number: int) -> None:
        if is_renewing():
            raise Conflict("no longer yours")

    def do(claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
        wait_for(lambda: "claim.lost" in {entry["event"] for entry in logs})
        return MadeStack("h")

    world = World(do, renew_s=0.002)
    world.queue.on_renew = on_renew
    with capture_logs() as logs:
        world.run()


def test_no_renewal_outlives_its_run() -> None:
    world = World(raising(TerraformFailed("no")), renew_s=0.001)
    world.run(a_claim("short-lived"))
    assert not any(t.name == "renew-short-lived" for t in threading.enumerate())


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (BackendError("a\n b"), Problem("backend", "a b")),
        (InvalidInput("x", hint="do y"), Problem("invalid", "x (do y)")),
    ],
)
def test_an_error_is_kept_in_one_line_with_its_remedy(error: GromitError, problem: Problem) -> None:
    assert failure_record(error) == problem
