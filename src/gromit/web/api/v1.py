"""The interface below /v1: environments with phases, ordered builds, histories and changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from gromit.core.environments.desired_state import Build
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import UNREADABLE, Phase, Want
from gromit.core.names import SEQUENCE_MAX, parse_ref, parse_repository, parse_version
from gromit.core.security.roles import Role
from gromit.errors import InvalidInput, TrustError
from gromit.services.environments import EnvironmentPage, UnreadableEntry
from gromit.services.reporting import BuildResult
from gromit.services.sweeps import SweepResult
from gromit.web.api import fault_views, views
from gromit.web.api.admission import ApiDeps, CurrentCaller, Deps
from gromit.web.api.fault_views import SetAsideView, SuspensionView
from gromit.web.api.legacy_routes import Repository, trusted_repository
from gromit.web.api.refusals import error_responses
from gromit.web.api.routes import new_router
from gromit.web.api.views import EnvironmentView, EventView
from gromit.web.api.visibility import Visible
from gromit.web.bodies import body_schema, json_body
from gromit.web.branch_list import BranchList

router = new_router("/v1")

PAGE_MAX = 500


class BuildReport(BaseModel):
    """A build, with its place in the order of builds if known."""

    model_config = ConfigDict(extra="forbid")

    repo: Annotated[
        StrictStr, Field(min_length=1, description="repository, with or without its owner")
    ]
    ref: Annotated[StrictStr, Field(min_length=1, description="full ref of the branch")]
    sha: Annotated[StrictStr, Field(min_length=1, description="tag of the image")]
    sequence: Annotated[
        StrictInt | None,
        Field(
            ge=0,
            le=SEQUENCE_MAX,
            description="number that grows with every build of the repository",
        ),
    ] = None


class EnvironmentFilter(BaseModel):
    """Filter and page of a listing."""

    model_config = ConfigDict(extra="forbid")

    phase: Annotated[
        str | None, Field(description="comma-separated phases, or `all`; default: all but gone")
    ] = None
    want: Annotated[Want | None, Field(description="desired state: up or gone")] = None
    prefix: Annotated[str, Field(description="prefix of the name")] = ""
    repository: Annotated[
        str | None,
        Field(description="only environments with a reported version of this repository"),
    ] = None
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 100
    cursor: Annotated[
        str | None, Field(max_length=255, description="`next` of the previous page")
    ] = None

    @property
    def is_selective(self) -> bool:
        """Whether it may leave out many environments."""
        return bool(self.phase or self.want or self.prefix or self.repository)


@dataclass(frozen=True, slots=True)
class EnvironmentList:
    """A page of environments."""

    environments: list[EnvironmentView]
    unreadable: list[str]
    """Names of rows that cannot be parsed.

    Clients must not conclude that these environments do not exist.
    """
    set_aside: list[SetAsideView]
    """The same rows, with the reason. They are listed whatever phase is asked for."""
    suspensions: list[SuspensionView]
    """All that are in force."""
    next: str | None
    """The cursor of the next page; null after the last one."""


@dataclass(frozen=True, slots=True)
class HistoryView:
    """History of an environment, oldest event first."""

    name: str
    events: list[EventView]


@dataclass(frozen=True, slots=True)
class BuildReceipt:
    """Result of a build report."""

    outcome: BuildResult
    environment: EnvironmentView


@dataclass(frozen=True, slots=True)
class CallerView:
    """Name and role of the caller: in the client certificate, or of the login at the gateway."""

    name: str
    role: Role
    repositories: list[str] | None
    """Repositories whose environments the caller may delete; null: the role decides."""


@router.get("/whoami")
def whoami(caller: CurrentCaller) -> CallerView:
    """Show the caller's name and role."""
    named = caller.repositories
    return CallerView(caller.name, caller.role, None if named is None else sorted(named))


@router.get("/environments")
def list_environments(
    _caller: CurrentCaller, deps: Deps, query: Annotated[EnvironmentFilter, Query()]
) -> EnvironmentList:
    """List environments, page by page."""
    phases, now_ms = _phases(query.phase), deps.now_ms()
    repository = parse_repository(query.repository) if query.repository else None

    def matches(e: Environment) -> bool:
        return (
            e.phase(now_ms) in phases
            and (query.want is None or e.want is query.want)
            and e.name.startswith(query.prefix)
            and (repository is None or repository in e.reported)
        )

    page = _page(deps, query, matches)
    suspensions = deps.suspensions.current(now_ms)
    queues = deps.queues(now_ms, suspensions)
    set_aside = [
        fault_views.set_aside(e)
        for e in page.unreadable
        if e.name.startswith(query.prefix) and not (e.is_tombstone and Phase.GONE not in phases)
    ]
    return EnvironmentList(
        [deps.views.detail(e, now_ms, suspensions, queues.place(e)) for e in page.environments],
        [e.name for e in set_aside],
        set_aside,
        [fault_views.suspension(s) for s in suspensions.found],
        page.last,
    )


@router.get("/environments/{name}", responses=error_responses(404, 409))
def get_environment(visible: Visible, deps: Deps, name: str) -> EnvironmentView:
    """Get one environment, or its tombstone."""
    return deps.detail(visible.inspect(name))


@router.get("/environments/{name}/events", responses=error_responses(404, 409))
def get_events(visible: Visible, name: str) -> HistoryView:
    """Get the history of an environment, oldest event first."""
    environment = visible.inspect(name)
    return HistoryView(environment.name, [views.event(e) for e in environment.events])


@router.post("/builds", openapi_extra=body_schema(BuildReport), responses=error_responses(409))
def post_build(
    caller: CurrentCaller,
    deps: Deps,
    body: Annotated[BuildReport, Depends(json_body(BuildReport))],
    repository: Repository = None,
) -> BuildReceipt:
    """Report a build; the result says whether it was new."""
    build = Build(
        parse_repository(body.repo), parse_ref(body.ref), parse_version(body.sha), body.sequence
    )
    token_repository = trusted_repository(caller, repository)
    if token_repository is not None and token_repository != build.repository:
        raise TrustError(
            f"a token of {token_repository} cannot report builds of {build.repository}"
        )
    receipt, environment = deps.environments.report(build, deps.stamp(caller))
    deps.outcome("build", receipt)
    return BuildReceipt(receipt, deps.detail(environment))


@router.post("/branches", openapi_extra=body_schema(BranchList))
def post_branches(
    caller: CurrentCaller,
    deps: Deps,
    body: Annotated[BranchList, Depends(json_body(BranchList))],
    repository: Repository = None,
) -> SweepResult:
    """Compare a complete list of a repository's branches with its parts of environments."""
    named = parse_repository(body.repo)
    token_repository = trusted_repository(caller, repository)
    if token_repository is not None and token_repository != named:
        raise TrustError(f"a token of {token_repository} cannot list branches of {named}")
    result = deps.sweeps.run(named, body.complete(), deps.stamp(caller))
    deps.outcome("delete", "swept")
    return result


@dataclass(frozen=True, slots=True)
class UpkeepView:
    """Names of environments that a pass has changed."""

    warned: list[str]
    expired: list[str]
    waiting: list[str]
    """Environments that `lifetime.limit` keeps from expiring now."""
    slept: list[str]
    woken: list[str]


@router.post("/lifetimes")
def post_lifetimes(_caller: CurrentCaller, deps: Deps) -> UpkeepView:
    """Warn before environments expire, delete those that have, and let environments sleep or wake.

    Reap asks for it regularly.
    """
    sleep = deps.sleeper.run_pass(deps.now_ms())
    done = deps.lifetimes.run_pass(deps.now_ms())
    for outcome, names in (("warned", done.warned), ("expired", done.expired)):
        for _ in names:
            deps.outcome("lifetime", outcome)
    return UpkeepView(done.warned, done.expired, done.waiting, sleep.slept, sleep.woken)


@router.get("/openapi.json")
def get_openapi_document(_caller: CurrentCaller, request: Request) -> dict[str, Any]:
    """Describe this interface as an OpenAPI document."""
    document: dict[str, Any] = request.app.openapi()
    return document


def _page(
    deps: ApiDeps, query: EnvironmentFilter, matches: Callable[[Environment], bool]
) -> EnvironmentPage:
    """Return the next environments that match, and the cursor of the next page if there is one.

    Where DynamoDB ends a scan because of its size, the page ends as well: the rest of another scan
    would be read again for the next page. A filter with few matches costs no more calls than one
    that matches every environment.
    """
    shown: list[Environment | UnreadableEntry] = []
    found, cursor = 0, query.cursor
    while True:
        # One more than fits says whether there is a next page.
        wanted = PAGE_MAX + 1 if query.is_selective else query.limit - found + 1
        page = deps.environments.page(cursor, wanted)
        for entry in page.entries:
            if isinstance(entry, UnreadableEntry):
                shown.append(entry)
            elif matches(entry):
                if found == query.limit:
                    return EnvironmentPage(shown, cursor)
                shown.append(entry)
                found += 1
            # Behind rows that cannot be parsed, too: the next page must not list them again.
            cursor = entry.name
        if page.last is None:
            return EnvironmentPage(shown, None)
        cursor = page.last
        if found and page.is_cut:
            return EnvironmentPage(shown, cursor)


def _phases(text: str | None) -> frozenset[Phase]:
    """Return the phases of a filter; without a filter, all but `gone`. Raises `InvalidInput`."""
    if not text:
        return frozenset(Phase) - {Phase.GONE}
    if text == "all":
        return frozenset(Phase)
    # Unreadable rows are in every list, so asking for them adds none.
    named = set(text.split(",")) - {UNREADABLE}
    if unknown := sorted(named - set(Phase)):
        phases = ", ".join((*Phase, UNREADABLE))
        raise InvalidInput(
            f"there is no phase {unknown[0]!r}", hint=f"phases are {phases}, and all"
        )
    return frozenset(Phase(p) for p in named)
