"""The list of wanted environments: all that chitragupta needs of each, and none of its history."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import Phase, Want
from gromit.core.time import iso
from gromit.errors import Conflict
from gromit.web.api.admission import CurrentCaller, Deps
from gromit.web.api.routes import new_router
from gromit.web.api.views import EnvironmentViews, HealthView, NameView

router = new_router("/v1")

WANTED_MAX = 500


class WantedFilter(BaseModel):
    """Page of the list."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=WANTED_MAX)] = WANTED_MAX
    cursor: Annotated[
        str | None, Field(max_length=255, description="`next` of the previous page")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """Status of one component that runs, as chitragupta last reported it."""

    dns: NameView | None
    """None if the component has no public name."""
    health: HealthView | None
    """None if its program is not asked."""
    problem: str | None
    """Why it does not run or does not work; None while it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedView:
    """Whether an environment should run, and the status of what runs."""

    name: str
    phase: Phase
    want: Want
    parked: bool
    epoch: int
    made: str | None
    """When its components were made."""
    components: Mapping[str, StatusView]


@dataclass(frozen=True, slots=True)
class WantedList:
    """A page of environments, tombstones included."""

    environments: list[WantedView]
    unreadable: list[str]
    """Names of rows that cannot be parsed, without those of gromit v1.

    Clients must not conclude that these environments are not wanted.
    """
    next: str | None
    """The cursor of the next page; null after the last one."""


@router.get("/wanted")
def list_wanted(
    _caller: CurrentCaller, deps: Deps, query: Annotated[WantedFilter, Query()]
) -> WantedList:
    """List whether each environment should run, and what of it does. A page is one scan."""
    page, now_ms = deps.environments.wanted_page(query.cursor, query.limit), deps.now_ms()
    return WantedList(
        [_view(deps.views, e, now_ms) for e in page.environments],
        [e.name for e in page.unreadable if not isinstance(e.fault, Conflict)],
        page.last,
    )


def _view(views: EnvironmentViews, environment: Environment, now_ms: int) -> WantedView:
    made = environment.made
    return WantedView(
        name=environment.name,
        phase=environment.phase(now_ms),
        want=environment.want,
        parked=environment.parked,
        epoch=environment.epoch,
        made=iso(made.at_ms) if made else None,
        components={
            name: StatusView(dns=shown.dns, health=shown.health, problem=shown.problem)
            for name, shown in views.components(environment).items()
        },
    )
