"""A worker that stops or is killed leaves no terraform behind, and loses no created resource."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from gromit.adapters.lock_owners import ProcessOwnerWatch
from gromit.errors import Suspended, Temporary, TerraformFailed
from tests.adapters.terraform.test_process import HOUR_S, Clock, clock
from tests.contracts.terraform.worlds import (
    BARE,
    World,
    bare,
    found_lock,
    kill,
    managed,
    terraform_of,
    under,
)
from tests.waiting import wait_for

__all__ = ["clock"]

pytestmark = pytest.mark.terraform


def test_an_interrupted_worker_ends_soon_and_what_was_made_is_known(world: World) -> None:
    lock = world.lock("interrupted")
    with world.runner(BARE) as runner:

        def interrupt(line: str) -> None:
            if line.startswith("terraform_data.first"):
                runner.interrupt()

        with pytest.raises(Suspended, match="apply of interrupted was interrupted"):
            runner.apply(bare("interrupted", "slow"), lock, interrupt)
        assert under(lock.id) == []
        with pytest.raises(Suspended, match="not started any more"):
            runner.apply(bare("later"), lock, lambda _line: None)
    assert "terraform_data.first" in managed(world.state("interrupted"))
    with world.runner(BARE) as runner:
        output = runner.apply(bare("interrupted"), lock, lambda _line: None)
    assert output.task_definitions == {"quick": "redis:7"}


def test_one_that_takes_too_long_is_stopped_and_may_be_tried_again(
    world: World, clock: Clock
) -> None:
    lock = world.lock("hanging")

    def pass_time(line: str) -> None:
        if line.startswith("terraform_data.first"):
            clock.skipped += HOUR_S

    with (
        world.runner(BARE, timeout=timedelta(seconds=HOUR_S)) as runner,
        pytest.raises(Temporary, match="took longer than 1:00:00"),
    ):
        runner.apply(bare("hanging", "slow"), lock, pass_time)
    assert under(lock.id) == []
    assert "terraform_data.first" in managed(world.state("hanging"))


def test_a_terraform_that_is_killed_is_a_failure_and_leaves_nothing(world: World) -> None:
    lock = world.lock("killed")

    def kill_terraform(line: str) -> None:
        if line.startswith("terraform_data.first"):
            os.kill(terraform_of(lock.id), signal.SIGKILL)

    with world.runner(BARE) as runner, pytest.raises(TerraformFailed, match="ended by signal 9"):
        runner.apply(bare("killed", "slow"), lock, kill_terraform)
    wait_for("the end of all that it had started", lambda: not under(lock.id))


@pytest.fixture
def worker(world: World) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A worker during an apply, and the id of its lock."""
    lock_id = ""
    with world.spawn("apply", BARE, bare("orphaned", "slow")) as process:
        try:
            assert process.stdout is not None
            lock_id = process.stdout.readline().strip()
            assert lock_id, "the worker did not get the lock"
            for line in process.stdout:
                if line.startswith("terraform_data.first"):
                    break
            yield process, lock_id
        finally:
            process.kill()
            for pid in under(lock_id):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            wait_for("the end of its terraform", lambda: not under(lock_id))
            world.cloud.s3.delete_object(
                Bucket="terraform-state-dev", Key="env:/orphaned/devenv.tflock"
            )
            world.cloud.s3.delete_object(Bucket="terraform-state-dev", Key="env:/orphaned/devenv")


def test_the_terraform_of_a_killed_worker_ends_by_itself_and_saves_its_state(
    world: World, worker: tuple[subprocess.Popen[str], str]
) -> None:
    process, lock_id = worker
    assert under(lock_id)
    kill(process)
    wait_for("the end of its terraform", lambda: not under(lock_id))
    assert "terraform_data.first" in managed(world.state("orphaned"))


def test_its_lock_is_taken_over_when_its_terraform_has_ended_and_not_before(
    world: World, worker: tuple[subprocess.Popen[str], str]
) -> None:
    process, lock_id = worker
    watch = ProcessOwnerWatch()
    left = found_lock(world, "orphaned")
    assert "is alive" in watch.check_owner(left).reason
    terraform = terraform_of(lock_id)
    os.kill(terraform, signal.SIGSTOP)
    kill(process)
    verdict = watch.check_owner(left)
    assert not verdict.dead
    assert "still works under its lock" in verdict.reason
    os.kill(terraform, signal.SIGCONT)
    wait_for("proof", lambda: watch.check_owner(left).dead)
    lock = world.bucket().replace_lock(left, watch.identify(), "apply")
    assert lock is not None
    with world.runner(BARE) as runner:
        runner.apply(bare("orphaned"), lock, lambda _line: None)
    assert list((world.folder / "work").iterdir()) == [], (
        "what the killed worker left on disk is swept"
    )


def test_without_the_id_of_a_lock_nothing_is_concluded(
    world: World, worker: tuple[subprocess.Popen[str], str]
) -> None:
    process, _ = worker
    left = found_lock(world, "orphaned")
    kill(process)
    assert not ProcessOwnerWatch().check_owner(replace(left, id="")).dead
