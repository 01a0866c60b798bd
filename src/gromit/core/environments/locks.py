"""Who holds the terraform lock of an environment, and what proves that he is dead.

The lock is terraform's own `<state>.tflock` object. Ours carries, in terraform's free `Info` field, what a later worker needs to
prove that its owner has died; time passing proves nothing.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A worker process, named so that it cannot be taken for another one."""

    boot_id: str
    """The kernel's boot id: the same only on the same machine since the same start."""
    pid_namespace: str
    """Pids mean something only within one (`pid:[4026531836]`)."""
    pid: int
    started: int
    """Start time of the process in clock ticks since boot: pids are used again, pairs of both are not."""
    host: str
    """Host name, for people."""
    ecs_task: str | None = None
    """ARN of the ECS task it runs in, if it does."""
    user: str = ""
    """User namespace and user id (`user:[4026531837]:1000`): only the same user can see all that it started. Empty: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock that we hold."""

    environment: str
    id: str
    """Also in the environment of every process that terraform starts, so that survivors are found."""
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLock:
    """A lock that is there already."""

    environment: str
    id: str
    etag: str
    who: str
    operation: str
    created: str
    owner: Owner | None
    """None for a lock that terraform itself, or a person, took."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an owner is proven dead, and the proof or what is missing."""

    dead: bool
    reason: str
    lives: bool = False
    """Whether it, or a process that it left behind, is proven to work. Neither dead nor alive: that cannot be told."""
