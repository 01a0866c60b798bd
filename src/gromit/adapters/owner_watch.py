"""Who this process is, and whether the holder of a lock is dead: itself, and every process that works under its lock.

Proof comes from the kernel (on the same machine) or from ECS (for a task); nothing is concluded from time, from silence, or from
what cannot be seen. How survivors are found: `docs/adr/0002-survivors-are-found-by-lock-id.md`.
"""

import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from botocore.exceptions import BotoCoreError
from botocore.utils import ContainerMetadataFetcher

from gromit.adapters.aws.client import aws_errors
from gromit.adapters.procfs import PROC, PROCESS_GONE, read_stat
from gromit.core.environments.locks import FoundLock, Owner, Verdict
from gromit.core.stack.terraform import LOCK_VARIABLE
from gromit.errors import GromitError

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

_log = structlog.get_logger(__name__)

_METADATA = "ECS_CONTAINER_METADATA_URI_V4"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOwnerWatch:
    """The port `OwnerWatch`, by /proc and ECS."""

    ecs: "ECSClient | None" = None
    """Asked for tasks that hold a lock; without it a lock of another task is never proven dead."""
    task: str | None = None
    """ARN of the ECS task that we run in (`own_task_arn`)."""
    proc: Path = PROC

    def me(self) -> Owner:
        """This process."""
        pid = os.getpid()
        return Owner(
            boot_id=(self.proc / "sys/kernel/random/boot_id").read_text().strip(),
            pid_namespace=str((self.proc / "self/ns/pid").readlink()),
            pid=pid,
            started=read_stat(self.proc / str(pid)).started,
            host=socket.gethostname(),
            ecs_task=self.task,
            user=f"{(self.proc / 'self/ns/user').readlink()}:{os.getuid()}",
        )

    def judge(self, found: FoundLock) -> Verdict:
        """Whether the holder is proven dead; if not, what a person can do. Never raises for what it cannot find out."""
        verdict = self._look(found)
        if verdict.dead:
            return verdict
        advice = f"if nobody works on it any more: `gromit env unlock {found.environment}`"
        return replace(verdict, reason=f"{verdict.reason}; {advice}")

    def _look(self, found: FoundLock) -> Verdict:
        owner, me = found.owner, self.me()
        if owner is None:
            why = f"terraform itself or a person holds the lock ({found.who}, {found.operation or 'unknown'})"
            return Verdict(dead=False, reason=why)
        if (owner.boot_id, owner.pid_namespace) == (me.boot_id, me.pid_namespace):
            return self._look_here(owner, me, found.id)
        if owner.ecs_task is not None:
            return self._look_at_task(owner.ecs_task)
        return Verdict(
            dead=False, reason=f"process {owner.pid} on {owner.host} cannot be seen from here"
        )

    def _look_here(self, owner: Owner, me: Owner, lock_id: str) -> Verdict:
        try:
            if self._lives(owner):
                return Verdict(
                    dead=False, reason=f"process {owner.pid} holds it and lives", lives=True
                )
            if owner.user != me.user or not lock_id:
                why = f"process {owner.pid} ran as another user, who alone can see what it left behind"
                return Verdict(dead=False, reason=why)
            # Twice: a process could have started another one behind our back, and ended before we came to it.
            survivor = self._survivor(owner, lock_id) or self._survivor(owner, lock_id)
        except OSError as error:
            return Verdict(dead=False, reason=f"process {owner.pid} cannot be looked for: {error}")
        if survivor is not None:
            return replace(survivor, reason=f"process {owner.pid} is dead, but {survivor.reason}")
        return Verdict(
            dead=True, reason=f"process {owner.pid} is dead, and no process works under its lock"
        )

    def _lives(self, owner: Owner) -> bool:
        try:
            process = read_stat(self.proc / str(owner.pid))
        except PROCESS_GONE:
            return False
        return process.started == owner.started and not process.is_dead

    def _survivor(self, owner: Owner, lock_id: str) -> Verdict | None:
        """That there is, or may be, a process that the dead owner left behind.

        It carries the lock's id, is younger than the owner and of its user, which is ours. So a process of our user that is
        younger and hides its environment may be one; what belongs to others is none.
        """
        mark = f"{LOCK_VARIABLE}={lock_id}".encode()
        for folder in (entry for entry in self.proc.iterdir() if entry.name.isdecimal()):
            try:
                process = read_stat(folder)
                if process.is_dead or process.is_kernel_thread or process.started < owner.started:
                    continue
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    return Verdict(
                        dead=False,
                        reason=f"process {folder.name} still works under its lock",
                        lives=True,
                    )
            except PROCESS_GONE:
                continue
            except PermissionError:
                if _is_ours(folder):
                    return Verdict(
                        dead=False,
                        reason=f"process {folder.name} hides whether it works under its lock",
                    )
        return None

    def _look_at_task(self, arn: str) -> Verdict:
        cluster = _cluster_of(arn)
        if self.ecs is None or cluster is None:
            return Verdict(dead=False, reason=f"the ECS task {arn} cannot be asked for")
        try:
            with aws_errors(f"look for the ECS task {arn}"):
                answer = self.ecs.describe_tasks(cluster=cluster, tasks=[arn])
        except GromitError as error:
            return Verdict(dead=False, reason=error.message)
        states = {task.get("taskArn"): task.get("lastStatus") for task in answer["tasks"]}
        missing = {f.get("arn") for f in answer["failures"] if f.get("reason") == "MISSING"}
        if states.get(arn) == "STOPPED":
            return Verdict(dead=True, reason=f"the ECS task {arn} has stopped")
        if arn in missing and not states:
            return Verdict(dead=True, reason=f"the ECS task {arn} is gone, says its cluster")
        why = f"the ECS task {arn} is {states.get(arn, 'unknown')}"
        return Verdict(dead=False, reason=why, lives=states.get(arn) == "RUNNING")


def own_task_arn(
    environ: Mapping[str, str], sleep: Callable[[float], None] = time.sleep
) -> str | None:
    """ARN of the ECS task that this process runs in, from the task's metadata endpoint; None outside of ECS.

    None too if the endpoint does not answer: the lock of such a worker can be proven dead by /proc alone.
    """
    address = environ.get(_METADATA)
    if not address:
        return None
    try:
        answer = ContainerMetadataFetcher(sleep=sleep).retrieve_full_uri(f"{address}/task")
    except (BotoCoreError, ValueError) as error:
        _log.warning("task.unknown", why=str(error))
        return None
    arn = answer.get("TaskARN")
    return arn if isinstance(arn, str) else None


def _is_ours(folder: Path) -> bool:
    """Whether a process runs as our user: the kernel gives its folder (unlike the files in it) to that one always."""
    try:
        return folder.stat().st_uid == os.getuid()
    except PROCESS_GONE:
        return False


def _cluster_of(task_arn: str) -> str | None:
    """ARN of the cluster of `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`; None for the old form without a cluster."""
    prefix, found, rest = task_arn.partition(":task/")
    cluster, slash, _ = rest.partition("/")
    return f"{prefix}:cluster/{cluster}" if found and slash else None
