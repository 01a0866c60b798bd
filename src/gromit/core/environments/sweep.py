"""Sweep: parts of environments whose branch is gone, although no event reported its deletion.

A repository lists its branches once a day. A branch is dead if two lists lack it, some hours apart,
and nothing of its environment was used in between. A branch is listed as its digest, so that a
list of thousands fits into one request.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

from gromit.core.environments import desired_state
from gromit.core.environments.attributes import MISSING, REF
from gromit.core.environments.environment import Environment, Source
from gromit.core.environments.expiry import unchanged
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Want
from gromit.core.environments.row_writes import Condition, Equals, RowWrite


@dataclass(frozen=True, slots=True)
class SweepPolicy:
    """Rules of sweeps."""

    pause_ms: int
    """Shortest time between the two lists that lack a branch."""
    percent: int
    """Largest share of a repository's branches that a sweep retires, but at least one branch."""


@dataclass(frozen=True, slots=True)
class DeadBranch:
    """A branch that two lists lack."""

    environment: Environment
    since_ms: int
    """When the first list lacked it."""


def held_branch(environment: Environment, repository: str) -> str | None:
    """Return the branch whose build a repository has in an environment that may lose it.

    None if the environment is deleted or protected, or if the version was set without a branch.
    """
    version = environment.versions.get(repository)
    is_kept = environment.want is Want.GONE or environment.protected
    if is_kept or version is None or version.source is not Source.REPORTED:
        return None
    return version.ref


def retired_share(known: int, dead: Collection[DeadBranch], policy: SweepPolicy) -> int:
    """Return how many dead branches a sweep retires, of `known` branches in environments."""
    return min(len(dead), max(1, known * policy.percent // 100))


def first_missing(environment: Environment, repository: str, now_ms: int) -> RowWrite:
    """Record that a list lacks a branch."""
    return RowWrite(conditions=_held(environment, repository), sets={MISSING + repository: now_ms})


def found_again(environment: Environment, repository: str) -> RowWrite:
    """Forget that a list lacked a branch: a later one has it."""
    return RowWrite(
        conditions=_held(environment, repository), removes=frozenset({MISSING + repository})
    )


def retire_dead(
    dead: DeadBranch, repository: str, default_tag: str, stamp: ChangeContext, grace_ms: int
) -> RowWrite:
    """Retire the part of a repository whose branch is dead, unless anything happened meanwhile."""
    environment = dead.environment
    write = desired_state.retire(environment.row, repository, default_tag, stamp)
    if environment.reported == {repository}:
        write = desired_state.retire_last_repository(
            environment.row, repository, default_tag, stamp, grace_ms
        )
    seen = Equals(MISSING + repository, dead.since_ms)
    return replace(
        write,
        conditions=(*write.conditions, *_held(environment, repository), seen),
        removes=write.removes | {MISSING + repository},
    )


def _held(environment: Environment, repository: str) -> tuple[Condition, ...]:
    branch = environment.versions[repository].ref or ""
    return (*unchanged(environment), Equals(REF + repository, branch))
