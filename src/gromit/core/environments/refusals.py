"""Refusals of requests: why the state of an environment forbids them, and what to do instead."""

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment, Phase, Want, Work
from gromit.errors import Conflict, NotFound


def not_found(name_or_ref: str) -> NotFound:
    """Refuse a request for an environment that does not exist."""
    return NotFound(
        f"could not find env {name_or_ref}", hint="`gromit env list` shows all environments"
    )


def deleted(environment: Environment) -> Conflict:
    """Refuse a change of an environment that is deleted."""
    name = environment.name
    if environment.failure is None:
        return Conflict(f"{name} is deleted", hint="report a build of it to revive it")
    return Conflict(
        f"{name} is deleted, but destroying it failed",
        hint=f"`gromit env retry {name}` tries again now; a build of it revives it",
    )


def is_protected(name: str) -> Conflict:
    """Refuse the deletion of a protected environment."""
    return Conflict(
        f"{name} is protected", hint=f"an operator can allow it: gromit env unprotect {name}"
    )


def retry(environment: Environment, now_ms: int) -> Conflict | None:
    """Return why nothing can be retried now; None if it can.

    | state                            | a retry is                          |
    |----------------------------------|-------------------------------------|
    | a worker has it                  | refused: it is being tried          |
    | nothing is left to do            | refused: only a change makes work   |
    | deleted, within the grace period | refused: a build can still revive it|
    | anything else                    | possible                            |
    """
    name, lease = environment.name, environment.lease
    if lease is not None and environment.phase(now_ms) in {Phase.SOWING, Phase.REAPING}:
        return Conflict(
            f"{lease.holder} is working on {name}", hint=f"wait: gromit env watch {name}"
        )
    if environment.work is None:
        return Conflict(
            f"there is nothing to retry: {name} is {environment.phase(now_ms)}",
            hint=f"`gromit env redeploy {name}` replaces its running tasks",
        )
    if environment.work is Work.REAP and _is_in_grace(environment, now_ms):
        return Conflict(
            f"{name} is deleted, and its grace period is not over",
            hint="report a build of it to revive it, or wait",
        )
    return None


def _is_in_grace(environment: Environment, now_ms: int) -> bool:
    # A failure, and a row that was put off, move `due`; the end of the grace stays in `since`.
    ends_ms = environment.row.get(Attribute.SINCE, environment.due_ms)
    return environment.want is Want.GONE and not environment.attempts and ends_ms > now_ms
