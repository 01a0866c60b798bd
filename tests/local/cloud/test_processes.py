"""Processes by identity, and their termination."""

import os
import signal
import subprocess
import sys

from gromit.local.cloud.processes import ProcessId, descendants, process_id, terminate
from tests.local.conftest import eventually
from tests.waiting import PATIENCE_S

SLEEP = [sys.executable, "-S", "-c", "import time; print(flush=True); time.sleep(60)"]
IGNORE_SIGTERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(flush=True)
time.sleep(60)
"""
STUBBORN = [sys.executable, "-S", "-c", IGNORE_SIGTERM]


def start(command: list[str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    return process


def test_a_process_is_known_by_pid_and_start() -> None:
    with start(SLEEP) as process:
        found = process_id(process.pid)
        assert found
        assert found.alive()
        assert not ProcessId(found.pid, found.started + 1).alive()
        ProcessId(found.pid, found.started + 1).signal(signal.SIGKILL)
        assert found.alive()
        process.kill()
    assert not found.alive()
    assert process_id(process.pid) is None


def test_a_zombie_is_not_alive() -> None:
    with start(SLEEP) as process:
        found = process_id(process.pid)
        assert found
        process.kill()
        eventually(lambda: not found.alive())


def test_those_that_do_not_end_are_made_to() -> None:
    with start(SLEEP) as mild, start(STUBBORN) as stubborn:
        both = [found for p in (mild, stubborn) if (found := process_id(p.pid))]
        assert [p.pid for p in terminate(both, 2)] == [stubborn.pid]
        assert mild.wait() == -signal.SIGTERM
        assert stubborn.wait() == -signal.SIGKILL


def test_descendants_are_children_and_their_children() -> None:
    script = (
        f"import subprocess; p = subprocess.Popen({SLEEP!r}); print(p.pid, flush=True); p.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        line = parent.stdout.readline
        grandchild = eventually(lambda: [int(word) for word in line().split()])[0]
        assert {parent.pid, grandchild} <= {p.pid for p in descendants(os.getpid())}
        # Not all descendants of this process: other tests still use theirs.
        found = descendants(parent.pid)
        assert [p.pid for p in found] == [grandchild]
        assert terminate(found, PATIENCE_S) == []
