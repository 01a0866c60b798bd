"""Identity and death of owners, with real processes, or a made-up /proc where needed."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from gromit.adapters.lock_owners import ProcessOwnerWatch, own_task_arn
from gromit.core.environments.terraform_locks import FoundLock, Owner, Verdict
from tests.waiting import wait_for

LOCK = str(uuid.uuid4())
"""Unique to this test process: other tests run in parallel, and all processes are scanned."""
TASK = "arn:aws:ecs:eu-central-1:123456789012:task/internal/0a1b2c"
CLUSTER = "arn:aws:ecs:eu-central-1:123456789012:cluster/internal"
UNREADABLE = Path("/proc/sys/vm/compact_memory")  # write-only even for root


def found(owner: Owner | None, **changes: Any) -> FoundLock:
    plain = FoundLock(
        environment="app-test",
        id=LOCK,
        etag='"1"',
        who="gromit@worker-1",
        operation="apply",
        created="2026-01-31",
        owner=owner,
    )
    return replace(plain, **changes)


def started(**environ: str) -> subprocess.Popen[bytes]:
    """Start a process that waits, and return when it runs with its own environment."""
    argv = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **environ}
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def ended(process: subprocess.Popen[bytes]) -> None:
    with process:
        process.kill()


def owner_of(process: subprocess.Popen[bytes]) -> Owner:
    stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return replace(ProcessOwnerWatch().identify(), pid=process.pid, started=int(stat[19]))


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    process = started()
    yield process
    ended(process)


def test_this_process_names_itself_and_lives() -> None:
    me = ProcessOwnerWatch(task=TASK).identify()
    assert (me.pid, me.ecs_task) == (os.getpid(), TASK)
    assert me == ProcessOwnerWatch(task=TASK).identify()
    verdict = ProcessOwnerWatch().check_owner(found(me))
    assert (verdict.dead, verdict.lives) == (False, True)
    assert "is alive" in verdict.reason


def test_a_living_worker_is_not_dead(worker: subprocess.Popen[bytes]) -> None:
    assert not ProcessOwnerWatch().check_owner(found(owner_of(worker))).dead


def test_a_worker_of_another_user_is_seen_to_live(worker: subprocess.Popen[bytes]) -> None:
    verdict = ProcessOwnerWatch().check_owner(found(replace(owner_of(worker), user="user:[1]:1")))
    assert (verdict.dead, verdict.lives) == (False, True)


def test_a_killed_worker_is_dead_with_the_proof_named(worker: subprocess.Popen[bytes]) -> None:
    owner = owner_of(worker)
    ended(worker)
    verdict = ProcessOwnerWatch().check_owner(found(owner))
    assert (verdict.dead, verdict.lives) == (True, False)
    assert verdict.reason == f"process {worker.pid} is dead, and no process works under its lock"


def test_a_zombie_is_dead(worker: subprocess.Popen[bytes]) -> None:
    owner = owner_of(worker)
    worker.kill()
    wait_for(
        "a zombie",
        lambda: Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z",
    )
    assert ProcessOwnerWatch().check_owner(found(owner)).dead


def test_a_pid_that_is_used_again_is_not_the_worker() -> None:
    me = ProcessOwnerWatch().identify()
    assert ProcessOwnerWatch().check_owner(found(replace(me, started=me.started - 1))).dead


def test_a_dead_worker_whose_terraform_goes_on_is_not_dead_yet(
    worker: subprocess.Popen[bytes],
) -> None:
    owner = owner_of(worker)
    survivor = started(GROMIT_LOCK_ID=LOCK)
    ended(worker)
    verdict = ProcessOwnerWatch().check_owner(found(owner))
    assert (verdict.dead, verdict.lives) == (False, True)
    assert f"process {survivor.pid} still works under its lock" in verdict.reason
    ended(survivor)
    assert ProcessOwnerWatch().check_owner(found(owner)).dead


def test_what_works_under_another_lock_does_not_count(worker: subprocess.Popen[bytes]) -> None:
    owner = owner_of(worker)
    other = started(GROMIT_LOCK_ID=f"{LOCK}-of-another")
    ended(worker)
    verdict = ProcessOwnerWatch().check_owner(found(owner))
    ended(other)
    assert verdict.dead


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"boot_id": "another"}, "is not visible from here"),
        ({"pid_namespace": "pid:[1]"}, "is not visible from here"),
        ({"user": "user:[1]:1"}, "another user"),
        ({"user": ""}, "another user"),
    ],
)
def test_what_cannot_be_seen_is_not_proven(
    worker: subprocess.Popen[bytes], changes: dict[str, str], why: str
) -> None:
    owner = replace(owner_of(worker), **changes)  # type: ignore[arg-type]  # the changed fields are strings
    ended(worker)
    verdict = ProcessOwnerWatch().check_owner(found(owner))
    assert (verdict.dead, verdict.lives) == (False, False)
    assert why in verdict.reason
    assert "`gromit env unlock app-test`" in verdict.reason


def test_the_lock_of_terraform_or_a_person_is_never_broken() -> None:
    verdict = ProcessOwnerWatch().check_owner(found(None, who="jane@laptop"))
    assert not verdict.dead
    assert "jane@laptop" in verdict.reason


def test_a_lock_without_an_id_is_never_broken(worker: subprocess.Popen[bytes]) -> None:
    owner = owner_of(worker)
    ended(worker)
    assert not ProcessOwnerWatch().check_owner(found(owner, id="")).dead


# ── a made-up /proc ──────────────────────────────────────────────────────────────────────────────

DEAD = Owner(
    boot_id="boot",
    pid_namespace="pid:[7]",
    pid=99,
    started=500,
    host="worker-1",
    user=f"user:[8]:{os.getuid()}",
)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with only this process."""
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("boot\n")
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to("pid:[7]")
    (tmp_path / "self/ns/user").symlink_to("user:[8]")
    process(tmp_path, os.getpid(), started_at=400)
    return tmp_path


def process(
    proc: Path,
    pid: int,
    *,
    state: str = "S",
    flags: int = 0,
    threads: int = 1,
    started_at: int = 600,
) -> Path:
    folder = proc / str(pid)
    folder.mkdir()
    before, between = f"1 1 1 0 -1 {flags}", " ".join("0" * 10)
    (folder / "stat").write_text(
        f"{pid} (a (strange) name) {state} {before} {between} {threads} 0 {started_at} 0 0\n"
    )
    (folder / "environ").write_bytes(b"PATH=/bin\0")
    return folder


def judged(proc: Path) -> bool:
    return ProcessOwnerWatch(proc=proc).check_owner(found(DEAD)).dead


def test_in_an_empty_machine_the_owner_is_dead(proc: Path) -> None:
    assert judged(proc)


def test_a_zombie_whose_threads_go_on_is_alive(proc: Path) -> None:
    process(proc, DEAD.pid, state="Z", threads=3, started_at=DEAD.started)
    assert not judged(proc)


def test_a_stopped_worker_is_alive(proc: Path) -> None:
    process(proc, DEAD.pid, state="T", started_at=DEAD.started)
    assert not judged(proc)


def test_a_survivor_that_is_a_zombie_does_nothing_any_more(proc: Path) -> None:
    (process(proc, 100, state="Z") / "environ").write_bytes(f"GROMIT_LOCK_ID={LOCK}\0".encode())
    assert judged(proc)


def hide(folder: Path) -> None:
    (folder / "environ").unlink()
    (folder / "environ").symlink_to(UNREADABLE)
    with pytest.raises(PermissionError):
        (folder / "environ").read_bytes()


def test_a_younger_process_of_ours_that_hides_its_environment_may_be_a_survivor(proc: Path) -> None:
    hide(process(proc, 100))
    verdict = ProcessOwnerWatch(proc=proc).check_owner(found(DEAD))
    assert not verdict.dead
    assert "process 100 hides whether it works under its lock" in verdict.reason


def test_a_process_older_than_the_owner_cannot_come_from_it(proc: Path) -> None:
    hide(process(proc, 100, started_at=DEAD.started - 1))
    assert judged(proc)


def test_a_thread_of_the_kernel_is_nobodys(proc: Path) -> None:
    hide(process(proc, 100, flags=0x00200040))
    assert judged(proc)


def test_a_process_of_another_user_cannot_come_from_the_owner(proc: Path) -> None:
    folder = process(proc, 100)
    hide(folder)
    try:
        os.chown(folder, 65534, 65534)
    except PermissionError:
        pytest.skip("only root can give a file away")
    assert judged(proc)


def test_a_process_that_ends_while_it_is_looked_at_is_gone(proc: Path) -> None:
    (process(proc, 100) / "environ").unlink()
    (process(proc, 101) / "stat").unlink()
    assert judged(proc)


def test_a_proc_that_cannot_be_read_proves_nothing(proc: Path) -> None:
    folder = process(proc, 100)
    (folder / "environ").unlink()
    (folder / "environ").mkdir()
    verdict = ProcessOwnerWatch(proc=proc).check_owner(found(DEAD))
    assert not verdict.dead
    assert "cannot be checked" in verdict.reason


# ── ECS ──────────────────────────────────────────────────────────────────────────────────────────

ELSEWHERE = replace(DEAD, boot_id="of the other task", ecs_task=TASK)


def verdict_of_ecs(
    answer: dict[str, Any] | None, error: str = "ClusterNotFoundException"
) -> Verdict:
    ecs = boto3.client(
        "ecs", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(ecs) as stub:
        if answer is None:
            stub.add_client_error("describe_tasks", error)
        else:
            stub.add_response("describe_tasks", answer, {"cluster": CLUSTER, "tasks": [TASK]})
        verdict = ProcessOwnerWatch(ecs=ecs).check_owner(found(ELSEWHERE))
        stub.assert_no_pending_responses()
    return verdict


def asked_ecs(answer: dict[str, Any] | None) -> tuple[bool, str]:
    verdict = verdict_of_ecs(answer)
    return verdict.dead, verdict.reason


def test_the_worker_of_a_stopped_task_is_dead() -> None:
    dead, reason = asked_ecs(
        {"tasks": [{"taskArn": TASK, "lastStatus": "STOPPED"}], "failures": []}
    )
    assert dead
    assert TASK in reason


def test_the_worker_of_a_task_that_its_cluster_does_not_know_any_more_is_dead() -> None:
    assert asked_ecs({"tasks": [], "failures": [{"arn": TASK, "reason": "MISSING"}]})[0]


@pytest.mark.parametrize("status", ["PENDING", "RUNNING", "STOPPING", "DEPROVISIONING"])
def test_the_worker_of_any_other_task_may_live(status: str) -> None:
    verdict = verdict_of_ecs({"tasks": [{"taskArn": TASK, "lastStatus": status}], "failures": []})
    assert (verdict.dead, verdict.lives) == (False, status == "RUNNING")
    assert status in verdict.reason


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"tasks": [], "failures": []},
        {"tasks": [], "failures": [{"arn": TASK, "reason": "ACCESS"}]},
        {"tasks": [], "failures": [{"arn": f"{TASK}0", "reason": "MISSING"}]},
        {"tasks": [{"taskArn": f"{TASK}0", "lastStatus": "STOPPED"}], "failures": []},
    ],
)
def test_an_ecs_that_does_not_answer_the_question_proves_nothing(
    answer: dict[str, Any] | None,
) -> None:
    assert not asked_ecs(answer)[0]


def test_a_task_cannot_be_asked_for_without_ecs_or_a_cluster_in_its_name() -> None:
    assert not ProcessOwnerWatch().check_owner(found(ELSEWHERE)).dead
    old = replace(ELSEWHERE, ecs_task="arn:aws:ecs:eu-central-1:123456789012:task/0a1b2c")
    ecs = boto3.client(
        "ecs", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(ecs):
        assert not ProcessOwnerWatch(ecs=ecs).check_owner(found(old)).dead


class _Metadata(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(
            b'{"TaskARN": "%s"}' % TASK.encode() if self.path == "/v4/abc/task" else b"no json"
        )

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def metadata() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Metadata)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v4"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_worker_learns_its_task_from_ecs(metadata: str) -> None:
    assert own_task_arn({"ECS_CONTAINER_METADATA_URI_V4": f"{metadata}/abc"}) == TASK
    assert own_task_arn({}) is None


def test_a_worker_whose_task_is_not_known_goes_on_without(metadata: str) -> None:
    assert (
        own_task_arn({"ECS_CONTAINER_METADATA_URI_V4": f"{metadata}/other"}, sleep=lambda _: None)
        is None
    )
    assert own_task_arn({"ECS_CONTAINER_METADATA_URI_V4": "http://example.com/v4/abc"}) is None
