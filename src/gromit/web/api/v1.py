"""The richer interface: environments with phases and reasons, builds with a sequence, histories, and a stream of changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr
from starlette.responses import StreamingResponse

from gromit.core.environments.environment import Environment, Phase, Want
from gromit.core.environments.wanted import Build
from gromit.core.names import parse_ref, parse_repository, parse_version
from gromit.core.security.roles import Role
from gromit.errors import InvalidInput, TrustError
from gromit.services.environments import BuildResult, EnvironmentPage
from gromit.web.api import views
from gromit.web.api.admission import ApiDeps, CurrentCaller, Deps
from gromit.web.api.refusals import error_responses
from gromit.web.api.views import EnvironmentView, EventView
from gromit.web.api.wire import Repository, trusted_repository
from gromit.web.bodies import body_schema, json_body

router = APIRouter(prefix="/v1")

PAGE_MAX = 500
SEQUENCE_MAX = 2**53 - 1


class BuildReport(BaseModel):
    """A build, with its place in the order of builds where that is known."""

    model_config = ConfigDict(extra="forbid")

    repo: Annotated[StrictStr, Field(min_length=1)]
    ref: Annotated[StrictStr, Field(min_length=1, description="the full ref")]
    sha: Annotated[StrictStr, Field(min_length=1, description="the image's tag")]
    sequence: Annotated[
        StrictInt | None,
        Field(ge=0, le=SEQUENCE_MAX, description="grows with every build of the repository"),
    ] = None


_MARK = "chosen by the client, new for each redeployment: sent again with the same one, as after a lost answer, nothing is done"


class RedeployRequest(BaseModel):
    """What to roll over."""

    model_config = ConfigDict(extra="forbid")

    component: Annotated[
        StrictStr | None, Field(description="one component; all of them if absent")
    ] = None
    mark: Annotated[
        StrictStr | None, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$", description=_MARK)
    ] = None


class EnvironmentFilter(BaseModel):
    """Which environments to list."""

    model_config = ConfigDict(extra="forbid")

    phase: Annotated[
        str | None, Field(description="phases separated by commas, or all; without it all but gone")
    ] = None
    want: Annotated[Want | None, Field(description="up or gone")] = None
    prefix: Annotated[str, Field(description="what the name begins with")] = ""
    repository: Annotated[
        str | None, Field(description="only those with a reported version of it")
    ] = None
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 100
    cursor: Annotated[
        str | None, Field(max_length=255, description="`next` of the page before")
    ] = None


@dataclass(frozen=True, slots=True)
class EnvironmentList:
    """A page of environments."""

    environments: list[EnvironmentView]
    unreadable: list[str]
    """Names of rows that cannot be understood: what is concluded from this listing must not take them for absent."""
    next: str | None
    """The cursor of the next page; null after the last one."""


@dataclass(frozen=True, slots=True)
class HistoryView:
    """What happened to an environment, the oldest first."""

    name: str
    events: list[EventView]


@dataclass(frozen=True, slots=True)
class BuildReceipt:
    """What a reported build has led to."""

    outcome: BuildResult
    environment: EnvironmentView


@dataclass(frozen=True, slots=True)
class CallerView:
    """Whom a certificate names."""

    name: str
    role: Role


@router.get("/whoami")
def whoami(caller: CurrentCaller) -> CallerView:
    """Who the caller is, by the certificate."""
    return CallerView(caller.name, caller.role)


@router.get("/environments")
def list_environments(
    _caller: CurrentCaller, parts: Deps, asked: Annotated[EnvironmentFilter, Query()]
) -> EnvironmentList:
    """Environments, page by page."""
    wanted_phases, now_ms = _phases(asked.phase), parts.now_ms()
    repository = parse_repository(asked.repository) if asked.repository else None

    def fits(e: Environment) -> bool:
        return (
            e.phase(now_ms) in wanted_phases
            and (asked.want is None or e.want is asked.want)
            and e.name.startswith(asked.prefix)
            and (repository is None or repository in e.reported)
        )

    part = _page(parts, asked, fits)
    return EnvironmentList(
        [parts.views.detail(e, now_ms) for e in part.environments], part.unreadable, part.last
    )


@router.get("/environments/{name}", responses=error_responses(404, 409))
def get_environment(_caller: CurrentCaller, parts: Deps, name: str) -> EnvironmentView:
    """One environment, or its tombstone."""
    return _detail(parts, parts.environments.inspect(name))


@router.get("/environments/{name}/events", responses=error_responses(404, 409))
def get_events(_caller: CurrentCaller, parts: Deps, name: str) -> HistoryView:
    """What happened to an environment, the oldest first."""
    environment = parts.environments.inspect(name)
    return HistoryView(environment.name, [views.event(e) for e in environment.events])


@router.post("/builds", openapi_extra=body_schema(BuildReport), responses=error_responses(409))
def post_build(
    caller: CurrentCaller,
    parts: Deps,
    body: Annotated[BuildReport, Depends(json_body(BuildReport))],
    repository: Repository = None,
) -> BuildReceipt:
    """Report a build; says whether it was new."""
    build = Build(
        parse_repository(body.repo), parse_ref(body.ref), parse_version(body.sha), body.sequence
    )
    token_of = trusted_repository(caller, repository)
    if token_of is not None and token_of != build.repository:
        raise TrustError(f"a token of {token_of} cannot report builds of {build.repository}")
    receipt, environment = parts.environments.report(build, parts.stamp(caller))
    parts.outcome("build", receipt)
    return BuildReceipt(receipt, _detail(parts, environment))


@router.post("/environments/{name}/protect", responses=error_responses(404, 409))
def protect(caller: CurrentCaller, parts: Deps, name: str) -> EnvironmentView:
    """Refuse deletion of it from now on."""
    return _detail(
        parts, parts.environments.protect(name, protected=True, stamp=parts.stamp(caller))
    )


@router.post("/environments/{name}/unprotect", responses=error_responses(404, 409))
def unprotect(caller: CurrentCaller, parts: Deps, name: str) -> EnvironmentView:
    """Allow its deletion again."""
    return _detail(
        parts, parts.environments.protect(name, protected=False, stamp=parts.stamp(caller))
    )


@router.post(
    "/environments/{name}/redeploy",
    openapi_extra=body_schema(RedeployRequest),
    responses=error_responses(404, 409),
)
def redeploy(
    caller: CurrentCaller,
    parts: Deps,
    name: str,
    body: Annotated[RedeployRequest, Depends(json_body(RedeployRequest))],
) -> EnvironmentView:
    """Roll components over although nothing has changed; edited config files arrive with it."""
    return _detail(
        parts, parts.environments.redeploy(name, body.component, parts.stamp(caller), body.mark)
    )


_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One event for every change.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/changes", response_class=StreamingResponse, responses=_STREAM)
async def get_changes(_caller: CurrentCaller, parts: Deps) -> StreamingResponse:
    """Server-sent events: one unnamed event with `{"name", "kind"}` for every change."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        parts.changes.stream(), media_type="text/event-stream", headers=headers
    )


@router.get("/openapi.json")
def get_openapi_document(_caller: CurrentCaller, request: Request) -> dict[str, Any]:
    """This interface, described."""
    document: dict[str, Any] = request.app.openapi()
    return document


def _detail(parts: ApiDeps, environment: Environment) -> EnvironmentView:
    return parts.views.detail(environment, parts.now_ms())


def _page(
    parts: ApiDeps, asked: EnvironmentFilter, fits: Callable[[Environment], bool]
) -> EnvironmentPage:
    """The next environments that fit, and behind which name to go on, if there is one more.

    The table is read in parts of its own size: a filter that hardly any environment fits costs no more calls than one that all do.
    """
    found: list[Environment] = []
    unreadable: list[str] = []
    cursor = asked.cursor
    while True:
        part = parts.environments.page(cursor, PAGE_MAX)
        unreadable += part.unreadable
        for environment in part.environments:
            if fits(environment):
                if len(found) == asked.limit:
                    return EnvironmentPage(found, unreadable, cursor)
                found.append(environment)
            cursor = environment.name
        if part.last is None:
            return EnvironmentPage(found, unreadable, None)
        cursor = part.last


def _phases(text: str | None) -> frozenset[Phase]:
    """The phases named in a filter; all but `gone` where there is none."""
    if not text:
        return frozenset(Phase) - {Phase.GONE}
    if text == "all":
        return frozenset(Phase)
    unknown = sorted(set(text.split(",")) - set(Phase))
    if unknown:
        raise InvalidInput(
            f"there is no phase {unknown[0]!r}", hint=f"phases are {', '.join(Phase)}, and all"
        )
    return frozenset(Phase(p) for p in text.split(","))
