"""Worker, Terraform and provider die at one blow in a first apply: nothing is lost or left over.

Terraform then saves no state. The next run adopts what exists. Other moments and parts of a life,
and deletions, are in the suite `kills` (`tests/prove`).
"""

import json
import os
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from gromit.adapters.lock_owners import ProcessOwnerWatch
from gromit.adapters.terraform.session import DEVENV
from gromit.core.environments.terraform_locks import Lock
from gromit.core.stack.adoption import plan_adoption
from gromit.core.stack.contract import Platform, StackInput
from gromit.core.stack.resources import ResourceKind
from gromit.services.adopting import Adopter
from gromit.services.clearing import Clearer, ClearPolicy
from gromit.services.run_states import SafeState
from tests.contracts.terraform.guarded_runs import put_state_object, state_object
from tests.contracts.terraform.worlds import World, component, found_lock, under
from tests.fakes.queue import a_claim
from tests.waiting import wait_for

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(600), pytest.mark.xdist_group("life")]

MOMENT = "aws_security_group_rule.egress"
"""The worker dies when the first of these resources has been created."""


def test_the_next_run_adopts_what_exists_and_one_apply_goes_on(
    engine: World, platform: Platform
) -> None:
    stack = _environment(engine, platform, "adopted")
    _die_in_a_first_apply(engine, stack)
    assert engine.resources().find(stack.name, platform)
    lock = _take_over(engine, stack.name)
    clear = _clearer(engine)
    states = engine.bucket()
    safe = SafeState(lock, states.head(stack.name))
    imports = Adopter(states, clear)(a_claim(stack.name), stack, safe, _silent)
    assert imports
    with engine.runner() as runner:
        output = runner.apply(stack, lock, _silent, imports)
        assert set(output.task_definitions) == set(stack.components)
        head = engine.bucket().head(stack.name)
        assert head is not None
        found = clear.resources.find(stack.name, platform)
        assert {kind for kind, _ in head.held.values()} == set(ResourceKind) - {ResourceKind.TASK}
        orphans = plan_adoption(stack, found, head.held)
        assert (orphans.imports, orphans.strays) == ({}, ())
        _taint(engine, stack.name, "aws_cloudwatch_log_group")
        safe = SafeState(lock, states.head(stack.name))
        imports = Adopter(states, clear)(a_claim(stack.name), stack, safe, _silent)
        assert imports == {}
        runner.apply(stack, lock, _silent, imports)
        engine.bucket().unlock(lock)
        assert runner.run_for_person(stack, ["plan", "-detailed-exitcode", "-no-color"]) == 0
        lock = engine.lock(stack.name)
        runner.destroy(stack, lock, _silent)
    assert list(clear.resources.find(stack.name, platform)) == []


def _environment(world: World, platform: Platform, name: str) -> StackInput:
    return StackInput(
        name=f"{name}-{world.folder.name}",
        platform=platform,
        components={
            "redis": component(public=False, config_path="/conf"),
            "tyk": component(port=8181),
        },
    )


def _die_in_a_first_apply(world: World, stack: StackInput) -> None:
    with world.spawn("apply", DEVENV, stack) as worker:
        assert worker.stdout is not None
        lock_id = worker.stdout.readline().strip()
        assert lock_id, "the worker did not get the lock"
        for line in worker.stdout:
            if line.startswith(MOMENT):
                break
        _strike(worker, lock_id)
    wait_for("the end of all that it had started", lambda: not under(lock_id))


def _taint(world: World, environment: str, type_: str) -> None:
    """Mark resources as an interrupt in the middle of their creation does.

    Terraform creates the replacement of this kind first, because task definitions depend on it.
    """
    state = json.loads(state_object(world, environment))
    for resource in state["resources"]:
        if resource["type"] == type_:
            for instance in resource["instances"]:
                instance["status"] = "tainted"
    put_state_object(world, environment, json.dumps(state).encode())


def _strike(worker: subprocess.Popen[str], lock_id: str) -> None:
    """Stop all processes first, so that none sees another one die and saves its state."""
    worker.send_signal(signal.SIGSTOP)
    stopped: set[int] = set()
    while new := set(under(lock_id)) - stopped:
        for pid in new:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        stopped |= new
    for pid in (worker.pid, *stopped):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    worker.wait(30)


def _take_over(world: World, environment: str) -> Lock:
    """Take the dead worker's lock over, on proof of its death."""
    watch = ProcessOwnerWatch()
    left = found_lock(world, environment)
    wait_for("proof", lambda: watch.check_owner(left).dead)
    lock = world.bucket().replace_lock(left, watch.identify(), "apply")
    assert lock is not None
    return lock


def _clearer(world: World) -> Clearer:
    return Clearer(world.resources(), ClearPolicy(60.0, 0.1, time.monotonic, lambda _s: False))


def _silent(_line: str) -> None:
    """Report no progress."""
