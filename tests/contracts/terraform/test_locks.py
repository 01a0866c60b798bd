"""One lock: gromit's and terraform's own exclude each other."""

import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gromit.adapters.lock_owners import ProcessOwnerWatch
from gromit.core.environments.terraform_locks import FoundLock, Lock
from gromit.core.stack.contract import StackInput
from tests.contracts.terraform.worlds import BARE, World, bare, managed
from tests.waiting import wait_for

pytestmark = pytest.mark.terraform


def test_of_many_who_want_the_lock_one_gets_it(world: World) -> None:
    bucket, me = world.bucket(), ProcessOwnerWatch().identify()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: bucket.lock("race", me, "apply"), range(16)))
    taken = [answer for answer in answers if isinstance(answer, Lock)]
    assert len(taken) == 1
    assert {answer.id for answer in answers} == {taken[0].id}


def test_of_many_who_want_to_replace_a_lock_one_does(world: World) -> None:
    bucket, me = world.bucket(), ProcessOwnerWatch().identify()
    world.lock("left")
    left = bucket.find_lock("left")
    assert left is not None
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: bucket.replace_lock(left, me, "apply"), range(16)))
    taken = [answer for answer in answers if answer is not None]
    now = bucket.find_lock("left")
    assert len(taken) == 1
    assert now is not None
    assert (now.id, now.etag) == (taken[0].id, taken[0].etag)


def test_a_new_workspace_is_applied_under_our_lock(world: World) -> None:
    lock = world.lock("fresh")
    with world.runner(BARE) as runner:
        output = runner.apply(bare("fresh"), lock, lambda _line: None)
    still = world.bucket().find_lock("fresh")
    assert output.task_definitions == {"quick": "redis:7"}
    assert still is not None
    assert (still.id, still.etag) == (lock.id, lock.etag)
    assert world.bucket().unlock(lock)
    assert managed(world.state("fresh")) == ["terraform_data.component", "terraform_data.first"]


@pytest.mark.parametrize(("name", "is_new"), [("held-new", True), ("held-old", False)])
def test_a_person_is_kept_out_by_our_lock_which_names_its_owner(
    world: World, capfd: pytest.CaptureFixture[str], name: str, *, is_new: bool
) -> None:
    lock = world.lock(name)
    with world.runner(BARE) as runner:
        if not is_new:
            runner.apply(bare(name), lock, lambda _line: None)
        before = world.bucket().head(name)
        assert (
            runner.run_for_person(
                bare(name, "quick", "more"), ["apply", "-auto-approve", "-no-color"]
            )
            == 1
        )
    said = capfd.readouterr().err
    assert "failed to lock s3 state" in said if is_new else "Error acquiring the state lock" in said
    assert lock.id in said
    assert "worker@test" in said
    assert world.bucket().head(name) == before
    assert world.bucket().unlock(lock)


@pytest.fixture
def person(world: World) -> Iterator[tuple[StackInput, subprocess.Popen[str]]]:
    """A person whose `terraform apply` waits for a yes."""
    environment = bare("by-hand")
    with world.spawn(
        "hand",
        BARE,
        environment,
        "apply",
        "-no-color",
        stdin=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            wait_for("a person's lock", lambda: operation(world, "by-hand") == "OperationTypeApply")
            yield environment, process
        finally:
            process.kill()


def operation(world: World, environment: str) -> str | None:
    found = world.bucket().find_lock(environment)
    return found.operation if found else None


def test_we_are_kept_out_by_a_person_whose_lock_is_never_judged_dead(
    world: World, person: tuple[StackInput, subprocess.Popen[str]]
) -> None:
    environment, process = person
    theirs = world.bucket().lock(environment.name, ProcessOwnerWatch().identify(), "apply")
    assert isinstance(theirs, FoundLock)
    assert theirs.owner is None
    assert not ProcessOwnerWatch().check_owner(theirs).dead
    said, _ = process.communicate("yes\n", timeout=60)
    assert process.returncode == 0, said
    assert "Apply complete!" in said
    assert isinstance(
        world.bucket().lock(environment.name, ProcessOwnerWatch().identify(), "apply"), Lock
    )
    assert len(managed(world.state(environment.name))) == 2
    world.cloud.s3.delete_object(
        Bucket="terraform-state-dev", Key=f"env:/{environment.name}/devenv.tflock"
    )
    world.cloud.s3.delete_object(
        Bucket="terraform-state-dev", Key=f"env:/{environment.name}/devenv"
    )


def test_a_person_who_declines_leaves_no_lock(
    world: World, person: tuple[StackInput, subprocess.Popen[str]]
) -> None:
    environment, process = person
    os.killpg(process.pid, signal.SIGINT)  # like Ctrl-C in the terminal's foreground group
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert world.bucket().find_lock(environment.name) is None
