"""The interface below /v1: environments with phases, ordered builds, histories and changes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr
from starlette.responses import StreamingResponse

from gromit.core.environments.desired_state import Build
from gromit.core.environments.environment import Environment
from gromit.core.environments.phases import UNREADABLE, Phase, Want
from gromit.core.names import SEQUENCE_MAX, parse_ref, parse_repository, parse_version
from gromit.core.security.roles import Role
from gromit.core.time import parse_duration
from gromit.errors import InvalidInput, TrustError
from gromit.services.environments import BuildResult, EnvironmentPage, UnreadableEntry
from gromit.services.leftovers import Leftovers
from gromit.services.lifetimes import LifetimePass
from gromit.services.sweeps import SweepResult
from gromit.web.api import fault_views, views
from gromit.web.api.admission import ApiDeps, CurrentCaller, Deps, WishOrRepair
from gromit.web.api.changes import StreamOwner
from gromit.web.api.fault_views import SetAsideView, SuspensionView
from gromit.web.api.legacy_routes import Repository, trusted_repository
from gromit.web.api.refusals import error_responses
from gromit.web.api.views import EnvironmentView, EventView
from gromit.web.bodies import body_schema, json_body
from gromit.web.branch_list import BranchList
from gromit.web.server.capacity import OWN_PARTS

router = APIRouter(prefix="/v1")

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


_MARK = (
    "unique id of this redeployment, chosen by the client; a repeated request with the same mark, "
    "for example after a lost response, does nothing"
)


class RedeployRequest(BaseModel):
    """Components to redeploy."""

    model_config = ConfigDict(extra="forbid")

    component: Annotated[
        StrictStr | None, Field(description="component to redeploy; all if absent")
    ] = None
    mark: Annotated[
        StrictStr | None, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description=_MARK)
    ] = None


class ExtendRequest(BaseModel):
    """Extension of a lifetime."""

    model_config = ConfigDict(extra="forbid")

    duration: Annotated[
        StrictStr,
        Field(min_length=1, max_length=40, description="time from now, such as 12h or 3d"),
    ]


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
    """Name and role in a client certificate."""

    name: str
    role: Role


@router.get("/whoami")
def whoami(caller: CurrentCaller) -> CallerView:
    """Show the name and role in the caller's certificate."""
    return CallerView(caller.name, caller.role)


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
    set_aside = [
        fault_views.set_aside(e)
        for e in page.unreadable
        if e.name.startswith(query.prefix) and not (e.is_tombstone and Phase.GONE not in phases)
    ]
    return EnvironmentList(
        [deps.views.detail(e, now_ms, suspensions) for e in page.environments],
        [e.name for e in set_aside],
        set_aside,
        [fault_views.suspension(s) for s in suspensions.found],
        page.last,
    )


@router.get("/environments/{name}", responses=error_responses(404, 409))
def get_environment(_caller: CurrentCaller, deps: Deps, name: str) -> EnvironmentView:
    """Get one environment, or its tombstone."""
    return _detail(deps, deps.environments.inspect(name))


@router.get("/environments/{name}/events", responses=error_responses(404, 409))
def get_events(_caller: CurrentCaller, deps: Deps, name: str) -> HistoryView:
    """Get the history of an environment, oldest event first."""
    environment = deps.environments.inspect(name)
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
    return BuildReceipt(receipt, _detail(deps, environment))


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


@router.post("/environments/{name}/protect", responses=error_responses(404, 409))
def protect(caller: CurrentCaller, deps: Deps, name: str) -> EnvironmentView:
    """Protect an environment from deletion."""
    return _detail(deps, deps.environments.protect(name, protected=True, stamp=deps.stamp(caller)))


@router.post("/environments/{name}/unprotect", responses=error_responses(404, 409))
def unprotect(caller: CurrentCaller, deps: Deps, name: str) -> EnvironmentView:
    """Allow the deletion of an environment again."""
    return _detail(deps, deps.environments.protect(name, protected=False, stamp=deps.stamp(caller)))


@router.post("/environments/{name}/park", responses=error_responses(404, 409))
def park(caller: CurrentCaller, deps: Deps, name: str) -> EnvironmentView:
    """Stop all tasks of an environment, and keep its row, config and data."""
    return _detail(deps, deps.parking.park(name, deps.stamp(caller)))


@router.post("/environments/{name}/unpark", responses=error_responses(404, 409))
def unpark(caller: CurrentCaller, deps: Deps, name: str) -> EnvironmentView:
    """Start the newest versions of a parked environment."""
    return _detail(deps, deps.parking.unpark(name, deps.stamp(caller)))


@router.post(
    "/environments/{name}/redeploy",
    openapi_extra=body_schema(RedeployRequest),
    responses=error_responses(404, 409),
)
def redeploy(
    stamp: WishOrRepair,
    deps: Deps,
    name: str,
    body: Annotated[RedeployRequest, Depends(json_body(RedeployRequest))],
) -> EnvironmentView:
    """Redeploy one or all components although no version changed, with edited config files."""
    return _detail(deps, deps.environments.redeploy(name, body.component, stamp, body.mark))


@router.post(
    "/environments/{name}/extend",
    openapi_extra=body_schema(ExtendRequest),
    responses=error_responses(404, 409),
)
def extend(
    caller: CurrentCaller,
    deps: Deps,
    name: str,
    body: Annotated[ExtendRequest, Depends(json_body(ExtendRequest))],
) -> EnvironmentView:
    """Keep an environment for a time at least, counted from now."""
    length = parse_duration(body.duration)
    if not isinstance(length, timedelta):
        raise InvalidInput(
            f"{body.duration!r} is not a duration", hint="for example 12h, 3d or 1d12h"
        )
    known = deps.environments.get(name).name
    return _detail(deps, deps.lifetimes.extend(known, length, deps.stamp(caller)))


@router.post("/lifetimes")
def post_lifetimes(_caller: CurrentCaller, deps: Deps) -> LifetimePass:
    """Warn before environments expire, and delete those that have. Reap asks for it regularly."""
    done = deps.lifetimes.run_pass(deps.now_ms())
    for outcome, names in (("warned", done.warned), ("expired", done.expired)):
        for _ in names:
            deps.outcome("lifetime", outcome)
    return done


@router.post("/environments/{name}/retry", responses=error_responses(404, 409))
def retry(stamp: WishOrRepair, deps: Deps, name: str) -> EnvironmentView:
    """Make work that failed due at once, also a deletion. Work that is due stays as it is."""
    return _detail(deps, deps.environments.retry(name, stamp))


@router.post("/environments/{name}/reap", responses=error_responses(404, 409))
def reap(caller: CurrentCaller, deps: Deps, name: str) -> EnvironmentView:
    """Let reap destroy what exists of an environment without a row, or with a tombstone."""
    environments = deps.environments
    leftovers = Leftovers(environments.ledger, environments.policy, environments.new_id)
    return _detail(deps, leftovers.reap(name, deps.stamp(caller)))


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One event for every change.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/changes", response_class=StreamingResponse, responses=_STREAM | error_responses(429))
async def get_changes(caller: CurrentCaller, deps: Deps) -> StreamingResponse:
    """Stream server-sent events: one unnamed event with `{"name", "kind"}` for each change."""
    owner = None
    if caller.role not in OWN_PARTS and caller.origin.serial:
        owner = StreamOwner(caller.origin.serial, caller.origin.client)
    deps.changes.check_share(owner)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    lines = deps.changes.stream(owner)
    return StreamingResponse(lines, media_type="text/event-stream", headers=headers)


@router.get("/openapi.json")
def get_openapi_document(_caller: CurrentCaller, request: Request) -> dict[str, Any]:
    """Describe this interface as an OpenAPI document."""
    document: dict[str, Any] = request.app.openapi()
    return document


def _detail(deps: ApiDeps, environment: Environment) -> EnvironmentView:
    now_ms = deps.now_ms()
    return deps.views.detail(environment, now_ms, deps.suspensions.current(now_ms))


def _page(
    deps: ApiDeps, query: EnvironmentFilter, matches: Callable[[Environment], bool]
) -> EnvironmentPage:
    """Return the next environments that match, and the cursor of the next page if there is one.

    The table is read in its own page size, so a filter with few matches costs no more calls than a
    filter that matches every environment.
    """
    found: list[Environment] = []
    unreadable: list[UnreadableEntry] = []
    cursor = query.cursor
    while True:
        page = deps.environments.page(cursor, PAGE_MAX)
        unreadable += page.unreadable
        for environment in page.environments:
            if matches(environment):
                if len(found) == query.limit:  # one more matches, so there is a next page
                    return EnvironmentPage(found, unreadable, cursor)
                found.append(environment)
            cursor = environment.name
        if page.last is None:
            return EnvironmentPage(found, unreadable, None)
        cursor = page.last


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
