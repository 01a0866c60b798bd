"""Rollback: which versions ran before, and the write that brings them back."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gromit.core.environments.attributes import VERSION, Attribute
from gromit.core.environments.desired_state import LIVE, desired_up
from gromit.core.environments.environment import Environment
from gromit.core.environments.history import ChangeContext
from gromit.core.environments.phases import Want
from gromit.core.environments.pins import Pin, pin_attributes
from gromit.core.environments.row_writes import Equals, RowWrite


@dataclass(frozen=True, slots=True)
class RanVersions:
    """Versions that an environment ran from an instant on."""

    at_ms: int
    versions: Mapping[str, str]
    """By repository."""


def ran_versions(
    environment: Environment, repositories: Mapping[str, str]
) -> tuple[RanVersions, ...]:
    """Return what the environment has run and its history knows, the oldest first.

    `repositories` has the repository of each component. Only repositories with a reported version
    count: the others follow their branches.
    """
    found = [
        RanVersions(event.at_ms, _of_repositories(event.versions, repositories))
        for event in environment.events
        if event.versions
    ]
    if not found and environment.made is not None:
        # A row of an older release: its events do not say what was made.
        made = {c.name: c.version for c in environment.made.components}
        found = [RanVersions(environment.made.at_ms, _of_repositories(made, repositories))]
    return tuple(found)


def _of_repositories(
    versions: Mapping[str, str], repositories: Mapping[str, str]
) -> Mapping[str, str]:
    return {repositories[c]: v for c, v in versions.items() if c in repositories}


def step_back(
    environment: Environment, ran: Sequence[RanVersions], among: Collection[str]
) -> dict[str, str]:
    """Return the versions of the newest state that differs from the desired one, and is older.

    A version is older than another one if it ran first. `among` has the repositories that may
    change. Empty if nothing ran before.
    """
    order = {r: _first_runs(ran, r) for r in among}
    for state in reversed(ran):
        older = {
            r: v
            for r, v in state.versions.items()
            if r in among and _is_older(v, _desired(environment, r), order[r])
        }
        if older:
            return older
    return {}


def _first_runs(ran: Sequence[RanVersions], repository: str) -> list[str]:
    """Return the versions of a repository, in the order in which they ran first."""
    return list(dict.fromkeys(s.versions[repository] for s in ran if repository in s.versions))


def _is_older(version: str, desired: str, order: Sequence[str]) -> bool:
    if version == desired:
        return False
    # A version that never ran is the newest.
    return desired not in order or order.index(version) < order.index(desired)


def at_moment(
    environment: Environment, ran: Sequence[RanVersions], at_ms: int, among: Collection[str]
) -> dict[str, str] | None:
    """Return the versions that ran at an instant and differ; None if the history is too short."""
    states = [state for state in ran if state.at_ms <= at_ms]
    if not states:
        return None
    versions = states[-1].versions
    return {r: v for r, v in versions.items() if r in among and v != _desired(environment, r)}


def of_version(
    environment: Environment, ran: Sequence[RanVersions], version: str, among: Collection[str]
) -> dict[str, str] | None:
    """Return the repositories that ran a version, or were rolled back from it; None if none was."""
    known = {r for state in ran for r, v in state.versions.items() if v == version}
    known |= {r for r, pin in environment.pins.items() if pin.left == version}
    chosen = sorted(known & set(among))
    if not chosen:
        return None
    return {r: version for r in chosen if version != _desired(environment, r)}


def known_versions(ran: Sequence[RanVersions], among: Collection[str]) -> Iterator[str]:
    """Yield each version that ran, the newest first, as `REPOSITORY=VERSION`."""
    pairs = dict.fromkeys(
        f"{r}={v}" for state in reversed(ran) for r, v in state.versions.items() if r in among
    )
    yield from pairs


def roll_back(
    environment: Environment, versions: Mapping[str, str], mark: str, stamp: ChangeContext
) -> RowWrite:
    """Bring versions back, and pin them until a newer build arrives.

    The row must not have changed since it was read: a build that came meanwhile is newer, and what
    to roll back from has to be looked at again.
    """
    sets: dict[str, object] = {Attribute.ROLLBACK: mark}
    removes = set[str]()
    texts = []
    for repository, version in sorted(versions.items()):
        now = _desired(environment, repository)
        known = environment.pins.get(repository)
        pin = Pin(known.left if known else now, version, stamp.actor, stamp.now_ms)
        sets[VERSION + repository] = version
        if pin.left == version:  # back to the newest build
            removes |= pin_attributes(repository)
        else:
            sets.update(pin.to_attributes(repository))
        texts.append(f"{repository}={version} (from {now})")
    text = ", ".join(texts) + "; until a newer build of each"
    return desired_up(
        stamp,
        conditions=(
            *LIVE,
            Equals(Attribute.WANT, Want.UP),
            Equals(Attribute.REVISION, environment.revision),
        ),
        sets=sets,
        event=stamp.event("rollback", text),
        removes=removes,
    )


def _desired(environment: Environment, repository: str) -> str:
    return environment.versions[repository].version
