"""Differences between what two environments run, or one environment at two moments."""

from collections.abc import Mapping
from dataclasses import dataclass

from gromit.core.environments.environment import Environment


@dataclass(frozen=True, slots=True)
class RunningVersion:
    """Version that one component runs."""

    version: str
    digest: str | None = None
    """Digest of the image; None if it is not known, as for a moment of the past."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A component that differs; None where it does not run."""

    component: str
    left: RunningVersion | None
    right: RunningVersion | None


def running_now(environment: Environment) -> Mapping[str, RunningVersion]:
    """Return what an environment runs, by component. Fixed images are left out."""
    if environment.made is None or environment.gone_ms is not None:
        return {}
    return {
        c.name: RunningVersion(c.version, c.digest)
        for c in environment.made.components
        if c.repository is not None
    }


def running_at(environment: Environment, at_ms: int) -> Mapping[str, RunningVersion] | None:
    """Return what an environment ran at a moment; None if its history does not go back so far."""
    states = [event for event in environment.events if event.versions and event.at_ms <= at_ms]
    if not states:
        return None
    return {c: RunningVersion(v) for c, v in states[-1].versions.items()}


def differences(
    left: Mapping[str, RunningVersion], right: Mapping[str, RunningVersion]
) -> tuple[Difference, ...]:
    """Return the components that differ, by name."""
    return tuple(
        Difference(name, left.get(name), right.get(name))
        for name in sorted(left.keys() | right.keys())
        if _differ(left.get(name), right.get(name))
    )


def _differ(left: RunningVersion | None, right: RunningVersion | None) -> bool:
    if left is None or right is None or left.version != right.version:
        return True
    # A tag that has moved is another image.
    return None not in {left.digest, right.digest} and left.digest != right.digest
