"""Terraform locks of environments, their owners, and the verdict on whether an owner is dead.

The lock is Terraform's own `<state>.tflock` object. Ours identify their owner in Terraform's free
`Info` field, so that a later worker can prove the owner dead. The age of a lock proves nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Unique identity of a worker process."""

    boot_id: str
    """The kernel's boot id, which is unique to one boot of one machine."""
    pid_namespace: str
    """Namespace within which pids are unique, such as `pid:[4026531836]`."""
    pid: int
    started: int
    """Start time in clock ticks since boot. A pid is reused, but not with the same start time."""
    host: str
    """Host name, for people."""
    ecs_task: str | None = None
    """ARN of the ECS task that the process runs in; None outside of ECS."""
    user: str = ""
    """User namespace and user id, such as `user:[4026531837]:1000`; empty if unknown.

    Only the same user can see all processes that this one started.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock that this process holds."""

    environment: str
    id: str
    """Also in the environment of every process that Terraform starts, to find survivors."""
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLock:
    """A lock that exists already."""

    environment: str
    id: str
    etag: str
    who: str
    operation: str
    created: str
    owner: Owner | None
    """None for a lock that Terraform itself or a person acquired."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an owner is proven dead, with the proof, or what it lacks."""

    dead: bool
    reason: str
    lives: bool = False
    """Whether the owner, or a process that it started, is proven to run.

    If neither `dead` nor `lives` is set, the state of the owner is unknown.
    """
