"""Identity of this process, and proof that the owner of a lock has ended.

An owner has ended only if no process works under its lock either. Proof comes from the kernel (on
the same machine) or from ECS (for a task). Elapsed time, silence and what cannot be seen from here
prove nothing. `docs/adr/0002-survivors-are-found-by-lock-id.md` describes how survivors are found.
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
from gromit.core.environments.terraform_locks import FoundLock, Owner, Verdict
from gromit.core.stack.terraform import LOCK_VARIABLE
from gromit.errors import GromitError

if TYPE_CHECKING:
    from mypy_boto3_ecs import ECSClient

_log = structlog.get_logger(__name__)

_METADATA = "ECS_CONTAINER_METADATA_URI_V4"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessOwnerWatch:
    """The port `OwnerWatch`, based on /proc and ECS."""

    ecs: "ECSClient | None" = None
    """Client for tasks that own a lock; without it no owner in another task is proven dead."""
    task: str | None = None
    """ARN of the ECS task that this process runs in (`own_task_arn`)."""
    proc: Path = PROC

    def identify(self) -> Owner:
        """Return the identity of this process."""
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

    def check_owner(self, found: FoundLock) -> Verdict:
        """Add to an owner that is not proven dead what a person can do.

        Raises nothing for facts that cannot be found out: they leave the owner not proven dead.
        """
        verdict = self._check(found)
        if verdict.dead:
            return verdict
        advice = f"if nothing uses the lock any more: `gromit env unlock {found.environment}`"
        return replace(verdict, reason=f"{verdict.reason}; {advice}")

    def _check(self, found: FoundLock) -> Verdict:
        owner, me = found.owner, self.identify()
        if owner is None:
            holder = f"{found.who}, {found.operation or 'unknown'}"
            why = f"terraform itself or a person holds the lock ({holder})"
            return Verdict(dead=False, reason=why)
        if (owner.boot_id, owner.pid_namespace) == (me.boot_id, me.pid_namespace):
            return self._check_process(owner, me, found.id)
        if owner.ecs_task is not None:
            return self._check_task(owner.ecs_task)
        return Verdict(
            dead=False, reason=f"process {owner.pid} on {owner.host} is not visible from here"
        )

    def _check_process(self, owner: Owner, me: Owner, lock_id: str) -> Verdict:
        """Check an owner on this machine and in this pid namespace."""
        try:
            if self._lives(owner):
                return Verdict(
                    dead=False, reason=f"process {owner.pid} holds it and is alive", lives=True
                )
            # The environment of a process, and so the lock's id in it, is readable only to its
            # user.
            if owner.user != me.user or not lock_id:
                why = (
                    f"process {owner.pid} ran as another user, "
                    "and only that user can see what it left behind"
                )
                return Verdict(dead=False, reason=why)
            # Scan twice: during the first scan a process may start a child in a part of /proc that
            # was already scanned, and end before the scan reaches it.
            survivor = self._survivor(owner, lock_id) or self._survivor(owner, lock_id)
        except OSError as error:
            return Verdict(dead=False, reason=f"process {owner.pid} cannot be checked: {error}")
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
        """Return a verdict about a process that the dead owner left behind, or may have; else None.

        A survivor has the lock's id in its environment, is younger than the owner, and runs as the
        owner's user, which is ours. So a younger process of our user that hides its environment may
        be a survivor; a process of another user is none.
        """
        lock_variable = f"{LOCK_VARIABLE}={lock_id}".encode()
        for folder in (entry for entry in self.proc.iterdir() if entry.name.isdecimal()):
            try:
                process = read_stat(folder)
                if process.is_dead or process.is_kernel_thread or process.started < owner.started:
                    continue
                if lock_variable in (folder / "environ").read_bytes().split(b"\0"):
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

    def _check_task(self, arn: str) -> Verdict:
        """Check an owner that is an ECS task."""
        cluster = _cluster_arn(arn)
        if self.ecs is None or cluster is None:
            return Verdict(dead=False, reason=f"the ECS task {arn} cannot be looked up")
        try:
            with aws_errors(f"describe the ECS task {arn}"):
                answer = self.ecs.describe_tasks(cluster=cluster, tasks=[arn])
        except GromitError as error:
            return Verdict(dead=False, reason=error.message)
        states = {task.get("taskArn"): task.get("lastStatus") for task in answer["tasks"]}
        missing = {f.get("arn") for f in answer["failures"] if f.get("reason") == "MISSING"}
        if states.get(arn) == "STOPPED":
            return Verdict(dead=True, reason=f"the ECS task {arn} has stopped")
        if arn in missing and not states:
            return Verdict(dead=True, reason=f"the ECS task {arn} is gone from its cluster")
        why = f"the ECS task {arn} is {states.get(arn, 'unknown')}"
        return Verdict(dead=False, reason=why, lives=states.get(arn) == "RUNNING")


def own_task_arn(
    environ: Mapping[str, str], sleep: Callable[[float], None] = time.sleep
) -> str | None:
    """Return the ARN of the ECS task that this process runs in, from the task metadata endpoint.

    Return None outside ECS, and if the endpoint does not answer. Without its ARN, only /proc can
    prove that this worker is dead.
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
    """Whether a process runs as our user, who then always owns its folder (not the files in it)."""
    try:
        return folder.stat().st_uid == os.getuid()
    except PROCESS_GONE:
        return False


def _cluster_arn(task_arn: str) -> str | None:
    """Return the cluster ARN of `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/ID`.

    The old form of a task's ARN has no cluster; return None.
    """
    prefix, found, rest = task_arn.partition(":task/")
    cluster, slash, _ = rest.partition("/")
    return f"{prefix}:cluster/{cluster}" if found and slash else None
