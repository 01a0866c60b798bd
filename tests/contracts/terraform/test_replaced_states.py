"""States that are lost, old or another's, with a real terraform on a stack without a provider.

`test_environments` holds the same against a state of another environment and its resources.
"""

import json
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from gromit.core.environments.phases import Work
from gromit.core.environments.worker_protocol import RunEnding
from gromit.core.stack.contract import StateMark
from gromit.core.stack.terraform import state_key
from tests.contracts.terraform.cloud import BUCKET
from tests.contracts.terraform.guarded_runs import (
    GuardedRuns,
    put_state_object,
    replaced_state,
    state_object,
)
from tests.contracts.terraform.worlds import BARE, World, bare, managed

pytestmark = pytest.mark.terraform


@pytest.fixture
def runs(world: World) -> Iterator[GuardedRuns]:
    with world.runner(BARE) as terraform:
        yield GuardedRuns(world, terraform)


@pytest.fixture
def name() -> str:
    return f"replaced-{uuid4().hex[:8]}"


def head_of(world: World, name: str) -> StateMark:
    head = world.bucket().head(name)
    assert head is not None
    return head.mark


def test_the_serial_that_a_run_leaves_is_accepted_by_the_next(runs: GuardedRuns, name: str) -> None:
    """Also after an act without a change, a failure, a change by a person, and a destroy."""
    stacks = [bare(name), bare(name), bare(name, "bad"), bare(name, "quick")]
    endings = [runs.run(stack).ending for stack in stacks]
    assert endings == [RunEnding.DONE, RunEnding.DONE, RunEnding.FAILED, RunEnding.DONE]
    assert runs.recorded == head_of(runs.world, name)
    assert runs.terraform.run_for_person(bare(name), ["state", "rm", "terraform_data.first"]) == 0
    assert head_of(runs.world, name).serial > runs.recorded.serial
    for kind in (Work.SOW, Work.REAP, Work.SOW):
        assert runs.run(bare(name), kind).ending is RunEnding.DONE
    assert runs.forgotten == 0


def older(runs: GuardedRuns, name: str) -> bytes:
    first = state_object(runs.world, name)
    assert runs.run(bare(name, "quick", "more")).ending is RunEnding.DONE
    return first


def of_another_lineage(runs: GuardedRuns, name: str) -> bytes:
    state = json.loads(state_object(runs.world, name))
    return json.dumps(state | {"lineage": "4a1d", "serial": state["serial"] + 9}).encode()


def of_another_environment(runs: GuardedRuns, name: str) -> bytes:
    state = json.loads(state_object(runs.world, name))
    for resource in state["resources"]:
        for instance in resource["instances"]:
            instance["attributes"]["tags"] = {"env": "master", "managed": "gromit"}
    return json.dumps(state | {"serial": state["serial"] + 9}).encode()


@pytest.mark.parametrize("make", [older, of_another_lineage, of_another_environment])
def test_a_replaced_state_is_neither_applied_nor_destroyed_nor_touched(
    runs: GuardedRuns, name: str, make: Callable[[GuardedRuns, str], bytes]
) -> None:
    assert runs.run(bare(name)).ending is RunEnding.DONE
    body = make(runs, name)
    recorded, acts = runs.recorded, list(runs.acts)
    with replaced_state(runs.world, name, body):
        for kind in Work:
            end = runs.run(bare(name, "other"), kind)
            assert end.problem is not None
            assert end.problem.kind == "unsafe_state"
    assert (runs.recorded, runs.acts) == (recorded, acts)
    assert runs.world.bucket().find_lock(name) is None
    assert runs.run(bare(name)).ending is RunEnding.DONE, "its own state is back"


@pytest.mark.parametrize("body", [None, b""])
def test_a_run_starts_again_without_the_lost_state_even_if_it_is_killed(
    runs: GuardedRuns, name: str, body: bytes | None
) -> None:
    assert runs.run(bare(name)).ending is RunEnding.DONE
    lost = runs.recorded
    assert lost is not None
    if body is None:
        runs.world.cloud.s3.delete_object(Bucket=BUCKET, Key=state_key(name))
    else:
        put_state_object(runs.world, name, body)
    assert runs.run(bare(name, "quick")).ending is RunEnding.DONE
    assert runs.forgotten == 1
    assert len(managed(runs.world.state(name))) == 2
    assert head_of(runs.world, name).lineage != lost.lineage
    # As if the worker had been killed before its report: only the loss is recorded.
    runs.recorded = None
    assert runs.run(bare(name, "quick", "more")).ending is RunEnding.DONE
    assert runs.recorded == head_of(runs.world, name)


def test_an_older_state_with_a_raised_serial_is_accepted(runs: GuardedRuns, name: str) -> None:
    """As the how-to says."""
    assert runs.run(bare(name)).ending is RunEnding.DONE
    state = json.loads(older(runs, name))
    assert runs.recorded is not None
    raised = state | {"serial": runs.recorded.serial + 1}
    put_state_object(runs.world, name, json.dumps(raised).encode())
    assert runs.run(bare(name, "quick", "more")).ending is RunEnding.DONE
    assert len(managed(runs.world.state(name))) == 3
