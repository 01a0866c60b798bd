"""The demo proves the product: it passes, fails when it should, and leaves nothing behind."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from rich.console import Console

from gromit.errors import BackendError
from gromit.local.cloud.layout import CloudPaths
from gromit.local.cloud.processes import ProcessId, descendants, process_id, wait_for_exit
from gromit.local.cloud.supervisor import read_supervisor_state
from gromit.local.demo import tour as demo
from gromit.local.demo.progress import PlainProgress, StepLog, display
from gromit.local.demo.tour import DemoTour
from tests.local.conftest import eventually
from tests.waiting import PATIENCE_S

DEMO = [sys.executable, "-m", "gromit", "local", "demo"]
MINUTES_3 = 180


def clean(**more: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "AWS_"))} | more


@pytest.mark.cloud
@pytest.mark.terraform
def test_the_demo_passes_with_the_embedded_terraform(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "-o", "json"],
        env=clean(GROMIT_TERRAFORM_COMMAND="embedded", TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *steps, total = json.loads(done.stdout)
    assert len(steps) >= 10
    assert all(step["verified"] for step in steps)
    assert total["seconds"] < MINUTES_3
    assert list(tmp_path.glob("gromit-demo-*")) == []
    assert "\x1b" not in done.stderr
    assert "To have one of your own:\n  gromit local up --detach" in done.stderr


@pytest.mark.long
@pytest.mark.cloud
@pytest.mark.terraform
def test_a_demo_that_cannot_be_says_why_fails_and_leaves_its_logs_alone(tmp_path: Path) -> None:
    broken = tmp_path / "terraform"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    done = subprocess.run(
        [*DEMO, "--dir", str(tmp_path / "cloud"), "-o", "json"],
        env=clean(GROMIT_TERRAFORM_COMMAND=str(broken)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    *steps, down, total = json.loads(done.stdout)
    assert "shopping-cart has failed" in steps[-1]["seen"]
    assert not steps[-1]["verified"]
    assert down["verified"]
    assert not total["verified"]
    assert (tmp_path / "cloud" / "logs" / "sow.log").exists()
    record = read_supervisor_state(CloudPaths(tmp_path / "cloud").processes)
    assert record
    assert not record.supervisor.alive()


@pytest.mark.cloud
@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGTERM, marks=pytest.mark.long), signal.SIGKILL]
)
def test_however_it_is_ended_its_cloud_goes_down(tmp_path: Path, number: signal.Signals) -> None:
    place = CloudPaths(tmp_path / "cloud")
    with subprocess.Popen(
        [*DEMO, "--dir", str(place.root)], env=clean(), stdout=subprocess.DEVNULL
    ) as process:
        eventually(
            lambda: (
                (found := read_supervisor_state(place.processes)) is not None and found.processes
            ),
            within=3 * PATIENCE_S,
        )
        record = read_supervisor_state(place.processes)
        assert record
        ours = [record.supervisor, *descendants(record.supervisor.pid)]
        process.send_signal(number)
        process.wait(3 * PATIENCE_S)
    assert wait_for_exit(ours, 3 * PATIENCE_S) == []


class Overtaken(PlainProgress):
    """Display that starts another cloud when the first step begins.

    That cloud consists of the lock, and of a process as its supervisor.
    """

    def __init__(self, place: CloudPaths, other: ProcessId, lock: IO[bytes]) -> None:
        super().__init__(Console(stderr=True))
        self._place, self._other, self._lock = place, other, lock

    def begin(self, name: str) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        supervisor = {"pid": self._other.pid, "started": self._other.started}
        self._place.processes.write_text(
            json.dumps({"supervisor": supervisor, "ready": True, "parts": []})
        )
        super().begin(name)


def test_a_cloud_that_came_up_a_moment_earlier_is_left_alone(tmp_path: Path) -> None:
    place = CloudPaths(tmp_path)
    with subprocess.Popen(["sleep", "600"]) as process, place.lock.open("ab") as lock:
        other = process_id(process.pid)
        assert other
        try:
            outcome = demo.run_demo(tmp_path, clean(), Overtaken(place, other, lock))
            alive = other.alive()
        finally:
            process.kill()
    assert alive
    assert [step.verified for step in outcome.steps] == [False]
    assert outcome.error
    assert "is up already" in outcome.error.message


def test_waiting_times_out_and_reports_what_is_still_wrong(tmp_path: Path) -> None:
    tour = DemoTour(CloudPaths(tmp_path), {}, StepLog(display()), timeout_s=0)
    answers = iter(["not yet", "", ""])
    with pytest.raises(BackendError, match="after 0 s, not yet"):
        tour.wait_until(lambda: next(answers))
    tour.wait_until(lambda: next(answers))
