"""Whole runs of a worker, with its look at the state, around a real terraform."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from gromit.adapters.lock_owners import ProcessOwnerWatch
from gromit.adapters.terraform.runner import Terraform
from gromit.core.environments.claims import Claim
from gromit.core.environments.phases import Work
from gromit.core.environments.worker_protocol import EndRun
from gromit.core.stack.contract import StackInput, StateMark
from gromit.core.stack.made import MadeStack
from gromit.core.stack.terraform import state_key
from gromit.ports import Progress
from gromit.services.run_states import StateOfRun
from gromit.services.runs import Runner
from tests.contracts.terraform.cloud import BUCKET
from tests.contracts.terraform.worlds import World
from tests.fakes.queue import FakeQueue, a_claim


@dataclass(slots=True)
class GuardedRuns:
    """Runs on one environment, each with the state that the one before it has reported."""

    world: World
    terraform: Terraform
    recorded: StateMark | None = None
    forgotten: int = 0
    """Number of runs that took the state for lost."""
    acts: list[Work] = field(default_factory=list)
    """Runs that came to terraform."""

    def run(self, stack: StackInput, kind: Work = Work.SOW) -> EndRun:
        """Apply or destroy a stack."""
        queue = FakeQueue()

        def do(_claim: Claim, state: StateOfRun, progress: Progress) -> MadeStack:
            lock = state.check().lock
            self.acts.append(kind)
            if kind is Work.SOW:
                self.terraform.apply(stack, lock, progress)
            else:
                self.terraform.destroy(replace(stack, components={}), lock, progress)
            return MadeStack("hash")

        runner = Runner(
            queue=queue,
            states=self.world.bucket(),
            owners=ProcessOwnerWatch(),
            guard=lambda: None,
            do=do,
            renew_s=60.0,
            before=lambda _claim, _step: None,
        )
        end = runner.run(a_claim(stack.name, kind, state=self.recorded), lambda _line: None)
        if queue.forgotten:
            self.forgotten += 1
            self.recorded = None
        for left in queue.states:
            self.recorded = left or self.recorded
        return end


def state_object(world: World, environment: str) -> bytes:
    """Return the object with an environment's state."""
    found = world.cloud.s3.get_object(Bucket=BUCKET, Key=state_key(environment))
    return found["Body"].read()


def put_state_object(world: World, environment: str, body: bytes) -> None:
    """Replace the object with an environment's state, as a restore does."""
    world.cloud.s3.put_object(Bucket=BUCKET, Key=state_key(environment), Body=body)


@contextmanager
def replaced_state(world: World, environment: str, body: bytes) -> Iterator[None]:
    """Replace the object during a block. Afterwards it must not have changed."""
    own = state_object(world, environment)
    put_state_object(world, environment, body)
    try:
        yield
        assert state_object(world, environment) == body
    finally:
        put_state_object(world, environment, own)
