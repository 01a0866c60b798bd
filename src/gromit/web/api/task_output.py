"""Route that shows the output of an environment's components, and of Terraform in its runs."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, model_validator

from gromit.core.environments.environment import Environment
from gromit.core.environments.past_runs import find_run
from gromit.core.stack.task_output import OutputLine, OutputPage
from gromit.errors import InvalidInput
from gromit.web.api.admission import ApiDeps, Deps
from gromit.web.api.claims import EPOCH_MAX
from gromit.web.api.instants import instant_of, iso_with_milliseconds
from gromit.web.api.refusals import error_responses
from gromit.web.api.routes import new_router
from gromit.web.api.visibility import Visible

router = new_router("/v1/environments")

LINES_MAX = 1000


class OutputFilter(BaseModel):
    """Chosen output: the newest lines of the newest tasks, or all lines from a time on."""

    model_config = ConfigDict(extra="forbid")

    component: Annotated[
        str | None, Field(max_length=63, description="only this component; default: all")
    ] = None
    since: Annotated[
        str | None,
        Field(
            max_length=40,
            description="time, such as 2026-01-31T08:15:00Z, or a duration before now, such as "
            "10m: lines of all tasks from then on, page by page",
        ),
    ] = None
    previous: Annotated[
        bool, Field(description="lines of the task before the newest one; not with `since`")
    ] = False
    run: Annotated[
        int | None,
        Field(
            ge=1,
            le=EPOCH_MAX,
            description="output of Terraform in a run: 1 is the last one, 2 the one before; or its "
            "number in the history; not with `component`, `since` and `previous`",
        ),
    ] = None
    limit: Annotated[
        int,
        Field(ge=1, le=LINES_MAX, description="newest lines of each component; not with `since`"),
    ] = 100
    cursor: Annotated[
        str | None, Field(max_length=1024, description="`next` of the previous page")
    ] = None

    @model_validator(mode="after")
    def _fits_together(self) -> "OutputFilter":
        if self.since is not None and self.previous:
            raise ValueError("previous and since cannot be used together")
        others = (self.component, self.since, self.previous or None)
        if self.run is not None and any(other is not None for other in others):
            raise ValueError("run cannot be used with component, since or previous")
        if self.cursor is not None and self.since is None and self.run is None:
            raise ValueError("a cursor needs the since or the run of the first page")
        return self


@dataclass(frozen=True, slots=True)
class OutputLineView:
    """A line that a task of a component wrote."""

    at: str
    """Time, with milliseconds."""
    component: str
    """Component, or `sow` or `reap` for the output of a run."""
    task: str
    """Id of the ECS task, or number of the run."""
    text: str


@dataclass(frozen=True, slots=True)
class OutputView:
    """Lines of an environment, oldest first."""

    name: str
    lines: list[OutputLineView]
    cut: bool
    """Whether older lines were left out, because there were too many."""
    next: str | None
    """The cursor of the next page; null after the last one."""


@router.get("/{name}/logs", responses=error_responses(404, 409))
def get_output(
    visible: Visible, deps: Deps, name: str, query: Annotated[OutputFilter, Query()]
) -> OutputView:
    """Show what the components of an environment wrote to their logs, or Terraform in a run."""
    environment = visible.inspect(name)
    if query.run is not None:
        run = find_run(environment, query.run, deps.now_ms())
        return _view(environment, deps.run_output.of_run(run, query.cursor))
    components = _components(deps, environment)
    if query.component is not None and query.component not in components:
        raise InvalidInput(
            f"{environment.name} has no component {query.component!r}",
            hint=f"its components are {', '.join(components)}",
        )
    return _view(environment, _page(deps, environment, components, query))


def _view(environment: Environment, page: OutputPage) -> OutputView:
    lines = [_line(line) for line in page.lines]
    return OutputView(environment.name, lines, page.is_cut, page.next)


def _page(
    deps: ApiDeps, environment: Environment, components: list[str], query: OutputFilter
) -> OutputPage:
    chosen = components if query.component is None else [query.component]
    if query.since is None:
        return deps.output.newest(environment.name, chosen, query.limit, previous=query.previous)
    since_ms = instant_of(query.since, deps.now_ms())
    return deps.output.since(environment.name, query.component, since_ms, query.cursor)


def _components(deps: ApiDeps, environment: Environment) -> list[str]:
    """Return the components that were made, and those of the catalogue, in its order."""
    made = environment.made.components if environment.made else ()
    known = deps.views.catalogue.components
    return list(dict.fromkeys([*known, *(c.name for c in made)]))


def _line(line: OutputLine) -> OutputLineView:
    return OutputLineView(iso_with_milliseconds(line.at_ms), line.component, line.task, line.text)
