"""A run looks at the state before it acts, and reports the state that it has left."""

from typing import TYPE_CHECKING

import pytest

from gromit.core.environments.claims import Claim
from gromit.core.environments.phases import Work
from gromit.core.environments.worker_protocol import EndRun, RunEnding
from gromit.core.stack.contract import StateHead, StateMark
from gromit.core.stack.made import MadeStack
from gromit.errors import Conflict, Suspended, Temporary, TerraformFailed
from gromit.ports import Progress
from gromit.services.run_states import StateOfRun
from gromit.services.runs import Runner
from tests.fakes.owners import FakeOwners
from tests.fakes.queue import FakeQueue, a_claim
from tests.fakes.states import FakeStates

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "app-test"
RECORDED, NEXT = StateMark("lineage", 12), StateMark("lineage", 13)
FRESH = StateMark("fresh", 1)


class World:
    """A runner whose work is the function of a test."""

    def __init__(self, head: StateHead | None) -> None:
        self.queue, self.states = FakeQueue(), FakeStates()
        self.acts = 0
        self.act: Callable[[], None] = lambda: None
        self.put(head)

    def put(self, head: StateHead | None) -> None:
        """Put a state, or remove it."""
        self.states.heads.pop(NAME, None)
        if head is not None:
            self.states.heads[NAME] = head

    def run(self, recorded: StateMark | None = RECORDED, kind: Work = Work.SOW) -> EndRun:
        """Run once."""
        runner = Runner(
            queue=self.queue,
            states=self.states,
            owners=FakeOwners(),
            guard=lambda: None,
            do=self._do,
            renew_s=60.0,
            before=lambda _claim, _step: None,
        )
        return runner.run(a_claim(NAME, kind, state=recorded), lambda _line: None)

    def _do(self, _claim: Claim, state: StateOfRun, _progress: Progress) -> MadeStack:
        state.check()
        self.acts += 1
        self.act()
        return MadeStack("hash")


def ours(mark: StateMark, resources: int = 3) -> StateHead:
    return StateHead(resources, mark, frozenset({NAME}))


@pytest.mark.parametrize("kind", Work)
@pytest.mark.parametrize(
    "head",
    [
        StateHead(3, RECORDED, frozenset({"master"})),
        StateHead(3, NEXT, frozenset({NAME, "master"})),
        ours(StateMark("lineage", 11)),
        ours(FRESH),
    ],
)
def test_nothing_is_done_on_a_state_of_others_or_an_old_one(kind: Work, head: StateHead) -> None:
    world = World(head)
    end = world.run(kind=kind)
    assert end.ending is RunEnding.FAILED
    assert end.problem is not None
    assert end.problem.kind == "unsafe_state"
    assert (world.acts, world.queue.forgotten) == (0, [])
    assert world.queue.states == [None], "what the last good run left stays recorded"
    assert (world.states.heads[NAME], world.states.locks) == (head, {})


@pytest.mark.parametrize("error", [None, TerraformFailed("no"), ValueError("a bug")])
@pytest.mark.parametrize("recorded", [RECORDED, None])
def test_every_outcome_of_an_act_has_the_state_that_is_left(
    error: Exception | None, recorded: StateMark | None
) -> None:
    world = World(ours(RECORDED))

    def act() -> None:
        world.put(ours(NEXT))
        if error is not None:
            raise error

    world.act = act
    world.run(recorded)
    assert (world.acts, world.queue.states) == (1, [NEXT])


@pytest.mark.parametrize("head", [None, ours(FRESH, 0), ours(StateMark("lineage", 3), 0)])
def test_a_lost_state_is_forgotten_before_anything_is_done(head: StateHead | None) -> None:
    """So a worker that is killed in the act leaves a state that the next run takes."""
    world = World(head)

    def act() -> None:
        assert world.queue.forgotten == [NAME]
        world.put(ours(FRESH))

    world.act = act
    assert world.run().ending is RunEnding.DONE
    assert world.queue.states == [FRESH]


def test_nothing_is_done_if_the_loss_cannot_be_recorded() -> None:
    world = World(None)
    world.queue.faults["forget_state"] = [Conflict("the claim is no longer valid")]
    world.run()
    assert world.acts == 0


def test_nothing_is_forgotten_before_there_was_a_state() -> None:
    world = World(None)
    world.act = lambda: world.put(ours(FRESH))
    world.run(recorded=None)
    assert (world.queue.forgotten, world.queue.states) == ([], [FRESH])


def test_nothing_is_done_if_the_state_cannot_be_read() -> None:
    world = World(ours(RECORDED))
    world.states.faults["head"] = [Temporary("S3 is away")]
    assert world.run().ending is RunEnding.FAILED
    assert (world.acts, world.queue.states) == (0, [None])


def test_a_success_is_reported_also_if_the_state_cannot_be_read_afterwards() -> None:
    world = World(ours(RECORDED))
    world.act = lambda: world.states.faults.update(head=[Temporary("S3 is away")])
    assert world.run().ending is RunEnding.DONE
    assert world.queue.states == [None]


@pytest.mark.parametrize(
    "head", [None, StateHead(3, FRESH, frozenset({"master"})), ours(StateMark("lineage", 2))]
)
def test_a_state_that_was_replaced_during_the_act_is_not_recorded(head: StateHead | None) -> None:
    world = World(ours(RECORDED))
    world.act = lambda: world.put(head)
    assert world.run().ending is RunEnding.DONE
    assert world.queue.states == [None]


def test_a_run_that_was_stopped_reports_no_state() -> None:
    world = World(ours(RECORDED))

    def stop() -> None:
        raise Suspended("stop")

    world.act = stop
    assert world.run().ending is RunEnding.STOPPED
    assert world.queue.states == []
