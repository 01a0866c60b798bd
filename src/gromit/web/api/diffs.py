"""Route that compares what two environments run, or one environment at two moments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query

from gromit.core.environments.differences import (
    Difference,
    RunningVersion,
    differences,
    running_at,
    running_now,
)
from gromit.core.environments.environment import Environment
from gromit.core.time import Millis, iso, parse_moment
from gromit.errors import Conflict, InvalidInput, NotFound
from gromit.web.api.admission import Deps
from gromit.web.api.refusals import error_responses
from gromit.web.api.routes import new_router
from gromit.web.api.visibility import Visible

router = new_router("/v1/environments")

_MOMENT_HINT = "a moment is like 2h (ago) or 2026-01-31T08:15:00Z"


@dataclass(frozen=True, slots=True)
class DiffSide:
    """One side of a comparison."""

    name: str
    at: str | None
    """Moment of the past; null: now."""


@dataclass(frozen=True, slots=True)
class DiffView:
    """Differences between two environments, or two moments of one."""

    left: DiffSide
    right: DiffSide
    differences: tuple[Difference, ...]
    equal: list[str]
    """Components that run the same on both sides."""


@dataclass(frozen=True, slots=True)
class _Running:
    side: DiffSide
    versions: Mapping[str, RunningVersion]


@router.get("/{name}/diff", responses=error_responses(404, 409))
def get_diff(
    visible: Visible,
    deps: Deps,
    name: str,
    other: Annotated[
        str,
        Query(
            alias="with",
            min_length=1,
            max_length=255,
            description="another environment, or a moment of this one: 2h (ago), or an ISO time",
        ),
    ],
    at: Annotated[
        str | None,
        Query(max_length=255, description="moment of the environment in the path; default: now"),
    ] = None,
) -> DiffView:
    """Compare what two environments run, or one environment at two moments."""
    environment, now_ms = visible.inspect(name), deps.now_ms()
    left = _now(environment) if at is None else _then(environment, _moment(at, now_ms))
    right = _right(visible, environment, other, now_ms)
    found = differences(left.versions, right.versions)
    names = left.versions.keys() | right.versions.keys()
    return DiffView(
        left.side, right.side, found, sorted(names - {each.component for each in found})
    )


def _right(visible: Visible, environment: Environment, other: str, now_ms: Millis) -> _Running:
    """Return the other side: an environment if one has that name, else a moment."""
    try:
        return _now(visible.inspect(other))
    except (NotFound, InvalidInput):
        at_ms = parse_moment(other, now_ms)
        if at_ms is None:
            raise
    return _then(environment, at_ms)


def _moment(text: str, now_ms: Millis) -> Millis:
    at_ms = parse_moment(text, now_ms)
    if at_ms is None:
        raise InvalidInput(f"{text!r} is no moment", hint=_MOMENT_HINT)
    return at_ms


def _now(environment: Environment) -> _Running:
    return _Running(DiffSide(environment.name, None), running_now(environment))


def _then(environment: Environment, at_ms: Millis) -> _Running:
    name = environment.name
    versions = running_at(environment, at_ms)
    if versions is None:
        raise Conflict(
            f"the history of {name} does not go back to {iso(at_ms)}",
            hint=f"`gromit env history {name}` shows what ran",
        )
    return _Running(DiffSide(name, iso(at_ms)), versions)
