"""Refusals of requests: why the state of an environment forbids them, and what to do instead."""

from collections.abc import Collection, Sequence
from urllib.parse import unquote

from gromit.core.environments.attributes import Attribute
from gromit.core.environments.environment import Environment
from gromit.core.environments.fallbacks import follows_branch
from gromit.core.environments.phases import Phase, Want, Work
from gromit.core.names import parse_ref
from gromit.errors import Conflict, NotFound, TrustError

_SHOWN = 10
"""Names that a refusal lists."""


def not_found(name_or_ref: str) -> NotFound:
    """Refuse a request for an environment that does not exist."""
    return NotFound(
        f"could not find env {name_or_ref}", hint="`gromit env list` shows all environments"
    )


def check_ref(environment: Environment, repository: str, name_or_ref: str) -> None:
    """Raise `TrustError` if a full ref is not the one that the repository's version is of."""
    if repository not in environment.reported:
        return
    ref, held = parse_ref(name_or_ref).full, environment.versions[repository].ref
    # A name without a slash may be the environment's name, which says nothing about the ref.
    is_full_ref = "/" in unquote(name_or_ref).strip("/")
    if held is not None and held != ref and is_full_ref:
        raise TrustError(
            f"{repository} has no reported version of {ref!r} in {environment.name}:"
            f" its version there is of {held!r}",
            hint="nothing was changed, because another branch of that name is in use there",
        )


def is_retired(environment: Environment, repository: str) -> bool:
    """Whether the branch of a repository was already deleted here, and not reported since.

    A workflow that runs again then has nothing left to do.
    """
    was_retired = not follows_branch(environment.row, repository)
    return was_retired and repository not in environment.reported


def never_reported(repository: str, name: str) -> TrustError:
    """Refuse the deletion of a branch of which no build was ever reported."""
    return TrustError(
        f"{repository} has no reported version in {name}",
        hint="it never reported a build for this environment",
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


def protected_by_another(environment: Environment) -> TrustError:
    """Refuse a developer to allow the deletion of what someone else protects."""
    by = environment.protected_by or "the setting environments.protected"
    return TrustError(
        f"{environment.name} is protected by {by}",
        hint="developers unprotect what they have protected; ask an operator",
    )


def protects_too_many(actor: str, names: Sequence[str], limit: int) -> Conflict:
    """Refuse a developer to protect one more environment."""
    shown = ", ".join(sorted(names)[:_SHOWN])
    return Conflict(
        f"{actor} protects {len(names)} environments, and {limit} are allowed: {shown}",
        hint="unprotect what is not needed any more (`gromit env unprotect NAME`), or ask an"
        " operator; environments.protected_per_developer is the limit",
    )


def not_of_developer(name: str, repositories: Collection[str]) -> TrustError:
    """Refuse a developer to delete an environment of other repositories."""
    if not repositories:
        return TrustError(
            f"you may not delete {name}: no repository is yours",
            hint="a certificate names no repositories, and a login those of your groups;"
            " ask an operator",
        )
    named = ", ".join(sorted(repositories)[:_SHOWN])
    return TrustError(
        f"{name} has no reported version of your repositories",
        hint=f"yours are {named}; ask an operator",
    )


def too_many(owner: str, repository: str, limit: int, setting: str) -> Conflict:
    """Refuse a new environment of a repository or token that has as many as it may have."""
    return Conflict(
        f"{owner} has {limit} environments, and more are not allowed",
        hint=f"delete what is not needed (`gromit env list --repository {repository}`), "
        f"or raise {setting}",
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
