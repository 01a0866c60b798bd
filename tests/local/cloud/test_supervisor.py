"""The supervisor: order, restarts, and no leftovers. Real processes replace the product's."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gromit import cli
from gromit.errors import BackendError
from gromit.local.cloud.layout import CloudPaths
from gromit.local.cloud.processes import ProcessId, process_id
from gromit.local.cloud.supervisor import (
    ManagedProcess,
    ProcessStatus,
    Supervisor,
    read_supervisor_state,
)
from tests.local.conftest import eventually
from tests.waiting import PATIENCE_S

WORKER = "import os, sys, time; print('up', os.getpid(), flush=True); time.sleep(600)"


def part(
    name: str,
    script: str = WORKER,
    ready: Callable[[], bool] = lambda: True,
    grace_s: float = PATIENCE_S,
) -> ManagedProcess:
    return ManagedProcess(
        name=name,
        command=[sys.executable, "-S", "-c", script],
        variables=dict(os.environ),
        ready=ready,
        grace_s=grace_s,
    )


class Cloud:
    """A supervisor with parts in its own thread; `gromit local up` runs it in its own process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.record = folder, folder / "processes.json"
        self.stopping = threading.Event()

    @contextmanager
    def of(self, *groups: list[ManagedProcess]) -> Iterator[None]:
        thread = threading.Thread(target=self._run, args=(groups,))
        thread.start()
        try:
            eventually(
                lambda: (found := read_supervisor_state(self.record)) is not None and found.ready
            )
            yield
        finally:
            self.stopping.set()
            thread.join()

    def _run(self, groups: tuple[list[ManagedProcess], ...]) -> None:
        supervisor = Supervisor(self.record, self.folder, self.stopping, alone=False)
        for group in groups:
            supervisor.start(group, PATIENCE_S)
        supervisor.mark_ready()
        supervisor.watch()
        supervisor.stop()

    def state(self, name: str) -> ProcessStatus:
        record = read_supervisor_state(self.record)
        assert record
        return next(p for p in record.parts if p.name == name)

    def process(self, name: str) -> ProcessId:
        state = self.state(name)
        assert state.pid is not None
        assert state.started is not None
        return ProcessId(state.pid, state.started)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def test_parts_run_with_logs_of_their_own_and_end_on_request(cloud: Cloud) -> None:
    with cloud.of([part("serve")], [part("sow"), part("reap")]):
        processes = [cloud.process(name) for name in ("serve", "sow", "reap")]
        eventually(lambda: all("up" in cloud.log(name) for name in ("serve", "sow", "reap")))
        assert all(p.alive() for p in processes)
        assert {cloud.state(name).state for name in ("serve", "sow", "reap")} == {"running"}
    assert not any(p.alive() for p in processes)
    assert (cloud.state("sow").state, cloud.state("sow").last_exit) == ("stopped", -signal.SIGTERM)


def test_a_part_that_ends_is_started_again(cloud: Cloud) -> None:
    with cloud.of([part("sow")]):
        first = cloud.process("sow")
        first.signal(signal.SIGKILL)
        eventually(
            lambda: cloud.state("sow").restarts == 1 and cloud.state("sow").state == "running"
        )
        assert cloud.state("sow").last_exit == -signal.SIGKILL
        assert cloud.process("sow") != first


def test_a_part_that_ends_again_and_again_is_started_ever_more_rarely(cloud: Cloud) -> None:
    born = cloud.folder / "born"
    script = (
        f"import pathlib, sys; sys.exit(3) if pathlib.Path({str(born)!r}).exists() else 0\n{WORKER}"
    )
    with cloud.of([part("sow", script, ready=lambda: "up" in cloud.log("sow"))]):
        born.touch()
        cloud.process("sow").signal(signal.SIGTERM)
        eventually(lambda: (found := cloud.state("sow")).restarts >= 3 and found.state == "waiting")
        assert cloud.state("sow").last_exit == 3


def test_parts_that_depend_on_another_wait_for_it(cloud: Cloud) -> None:
    flag = cloud.folder / "flag"
    slow = (
        "import pathlib, time; time.sleep(.5);"
        f" pathlib.Path({str(flag)!r}).touch(); time.sleep(600)"
    )
    check = f"import pathlib; print(pathlib.Path({str(flag)!r}).exists(), flush=True)\n{WORKER}"
    with cloud.of([part("aws", slow, ready=flag.exists)], [part("serve", check)]):
        eventually(lambda: "True" in cloud.log("serve"))


@pytest.mark.parametrize(
    ("script", "seconds", "why"),
    [
        ("raise SystemExit(7)", PATIENCE_S, "ended with 7"),
        (WORKER, 1, "not ready in time"),
    ],
)
def test_a_part_that_does_not_come_up_is_an_error(
    cloud: Cloud, script: str, seconds: float, why: str
) -> None:
    supervisor = Supervisor(cloud.record, cloud.folder, threading.Event(), alone=False)
    with pytest.raises(BackendError, match=f"aws .*{why}"):
        supervisor.start([part("aws", script, ready=lambda: False)], seconds)
    supervisor.stop()
    assert cloud.state("aws").pid is None


def test_one_that_does_not_end_is_killed(cloud: Cloud) -> None:
    script = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{WORKER}"
    with cloud.of([part("sow", script, grace_s=0.5, ready=lambda: "up" in cloud.log("sow"))]):
        pass
    assert cloud.state("sow").last_exit == -signal.SIGKILL


ALONE = """
import os, sys, threading
from pathlib import Path
from gromit.local.cloud.supervisor import ManagedProcess, Supervisor, terminate_on_signals

folder, stop = Path(sys.argv[1]), threading.Event()
terminate_on_signals(stop)
supervisor = Supervisor(folder / "processes.json", folder, stop, alone=True)
ready = lambda: "up" in (folder / "sow.log").read_text()
command = [sys.executable, "-S", "-c", sys.argv[2]]
sow = ManagedProcess(name="sow", command=command, variables=dict(os.environ), ready=ready)
supervisor.start([sow], 60)
supervisor.mark_ready()
supervisor.watch()
supervisor.stop()
"""


def alone(cloud: Cloud, script: str) -> subprocess.Popen[bytes]:
    """Start a supervisor in its own process, and wait until it is ready."""
    process = subprocess.Popen([sys.executable, "-c", ALONE, str(cloud.folder), script])
    eventually(lambda: (found := read_supervisor_state(cloud.record)) is not None and found.ready)
    return process


def test_what_a_part_leaves_behind_ends_too(cloud: Cloud) -> None:
    script = (
        "import subprocess, sys, time\n"
        "command = [sys.executable, '-S', '-c', 'import time; time.sleep(600)']\n"
        "p = subprocess.Popen(command, start_new_session=True)\n"
        "print('up', p.pid, flush=True); time.sleep(600)\n"
    )
    with alone(cloud, script) as supervisor:
        left = process_id(int(cloud.log("sow").split()[1]))
        assert left
        cloud.process("sow").signal(signal.SIGKILL)
        eventually(lambda: cloud.state("sow").restarts == 1)
        assert left.alive()
        supervisor.terminate()
    assert supervisor.returncode == 0
    assert not left.alive()


def test_parts_end_when_their_supervisor_is_killed(cloud: Cloud) -> None:
    with alone(cloud, WORKER) as supervisor:
        process = cloud.process("sow")
        assert process.alive()
        supervisor.kill()
    eventually(lambda: not process.alive())


def test_a_record_that_cannot_be_read_is_none(cloud: Cloud) -> None:
    assert read_supervisor_state(cloud.record) is None
    cloud.record.write_text(json.dumps({"parts": 1}))
    assert read_supervisor_state(cloud.record) is None


def test_a_cloud_is_not_said_to_be_well_before_all_of_it_is_up(tmp_path: Path) -> None:
    supervisor = Supervisor(
        CloudPaths(tmp_path).processes, tmp_path, threading.Event(), alone=False
    )
    try:
        supervisor.start([part("aws")], PATIENCE_S)
        coming_up = cli.run(["local", "status", "--dir", str(tmp_path)])
        supervisor.mark_ready()
        up = cli.run(["local", "status", "--dir", str(tmp_path)])
    finally:
        supervisor.stop()
    assert (coming_up, up) == (cli.FAILED, 0)
