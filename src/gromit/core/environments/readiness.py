"""Readiness: failures that retrying cannot fix, and what a person has to do first."""

from gromit.core.environments.phases import Phase
from gromit.errors import (
    ConfigError,
    Conflict,
    Denied,
    InvalidInput,
    NotFound,
    RolloutFailed,
    UnsafeState,
)

PERMANENT_FAILURES = frozenset(
    error.code
    for error in (
        ConfigError,
        Conflict,
        Denied,
        InvalidInput,
        NotFound,
        RolloutFailed,
        UnsafeState,
    )
) | {"bug"}
"""Kinds of failures that retrying cannot fix: docs/reference/errors.md."""


def required_action(phase: str, failure: str | None) -> str | None:
    """Return what a person has to do first; None if the environment may recover on its own.

    `failure` is the kind of the last failed run.
    """
    if phase in {Phase.GONE, Phase.DELETING, Phase.REAPING}:
        return "report a build of the branch"
    if phase == Phase.PARKED:
        return "unpark it with `gromit env unpark`"
    if phase in {Phase.FAILED, Phase.DEGRADED} and failure in PERMANENT_FAILURES:
        return "fix the build, then re-run its workflow"
    return None
