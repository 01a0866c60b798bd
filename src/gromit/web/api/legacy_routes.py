"""The interface of gromit v1, kept exactly: see `docs/reference/wire.md`."""

from typing import Annotated, Any

import structlog
from fastapi import Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr
from starlette.responses import JSONResponse, PlainTextResponse

from gromit.core.environments.desired_state import Build
from gromit.core.names import SEQUENCE_MAX, WIRE_KEYS, parse_ref, parse_repository, parse_version
from gromit.core.security.roles import Role
from gromit.errors import InvalidInput, TrustError
from gromit.log import AUDIT
from gromit.web.api.actions import delete_environment
from gromit.web.api.admission import Caller, CurrentCaller, Deps
from gromit.web.api.paths import PathName
from gromit.web.api.refusals import error_responses
from gromit.web.api.routes import new_router
from gromit.web.bodies import body_schema, json_body, parse_object

audit = structlog.get_logger(AUDIT)

router = new_router()

LEVELS = ("trace", "debug", "info", "warn", "error")
REPOSITORY_HEADER = "X-Gromit-Repository"
"""Repository of the token that the gateway received; honoured only from the role gateway."""

OUTCOME_HEADER = "X-Gromit-Outcome"
"""Result of a build that has a sequence: `stale` if a newer one was reported before."""

Repository = Annotated[str | None, Header(alias=REPOSITORY_HEADER)]


class NewBuild(BaseModel):
    """Build report of a release workflow. Other keys are ignored, as in gromit v1."""

    model_config = ConfigDict(extra="ignore")

    repo: Annotated[
        StrictStr, Field(min_length=1, description="repository, with or without its owner")
    ]
    ref: Annotated[StrictStr, Field(min_length=1, description="ref or name of the branch")]
    sha: Annotated[StrictStr, Field(min_length=1, description="tag of the image")]
    sequence: Annotated[
        StrictInt | None,
        Field(
            ge=0,
            le=SEQUENCE_MAX,
            description="number that grows with every build of the repository",
        ),
    ] = None


async def flat_body(request: Request) -> dict[str, str]:
    """Return the versions in a flat environment by repository; `name` and `state` are ignored.

    Raises `InvalidInput` for a version that is not a string, and for a repository given twice.
    """
    versions: dict[str, str] = {}
    for key, value in parse_object(await request.body()).items():
        if key in WIRE_KEYS:
            continue
        repository = parse_repository(key)
        if not isinstance(value, str):
            raise InvalidInput(
                f"the version of {repository} is not a string",
                hint='send versions like {"tyk": "sha-1234"}',
            )
        if repository in versions:
            raise InvalidInput(
                f"repository {repository} appears twice in the body",
                hint="send every repository once",
            )
        versions[repository] = parse_version(value)
    return versions


_FLAT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "additionalProperties": {"type": "string"}}
            }
        },
    }
}
Flat = Annotated[dict[str, str], Depends(flat_body)]


def trusted_repository(caller: Caller, repository: str | None) -> str | None:
    """Return the repository for which the gateway vouches; None if the caller is not the gateway.

    Raises `InvalidInput` if the gateway sent an unusable name: without a repository the request
    would have the rights of an operator.
    """
    if repository is None or caller.role is not Role.GATEWAY:
        return None
    return parse_repository(repository)


@router.get("/healthcheck", response_class=PlainTextResponse)
def healthcheck(_caller: CurrentCaller) -> PlainTextResponse:
    """Answer `OK` while serve is alive."""
    return PlainTextResponse("OK")


@router.get("/loglevel")
def get_loglevel(_caller: CurrentCaller, deps: Deps) -> dict[str, str]:
    """Get the log level."""
    return {"level": deps.log_level.get()}


@router.put("/loglevel/{level}")
def put_loglevel(caller: CurrentCaller, deps: Deps, level: str) -> dict[str, str]:
    """Change the log level."""
    if level not in LEVELS:
        raise InvalidInput(
            f"there is no log level {level!r}", hint=f"levels are {', '.join(LEVELS)}"
        )
    audit.warning("loglevel.changed", by=caller.actor, before=deps.log_level.get(), after=level)
    deps.log_level.set(level)
    return {"level": deps.log_level.get()}


@router.post(
    "/newbuild",
    response_model=dict[str, str],
    openapi_extra=body_schema(NewBuild),
    responses=error_responses(409),
)
def newbuild(
    caller: CurrentCaller,
    deps: Deps,
    body: Annotated[NewBuild, Depends(json_body(NewBuild))],
    repository: Repository = None,
) -> JSONResponse:
    """Report a build of a branch; an older `sequence` than the newest one changes nothing."""
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
    headers = None if body.sequence is None else {OUTCOME_HEADER: str(receipt)}
    return JSONResponse(deps.views.flat(environment, deps.now_ms()), headers=headers)


@router.get("/env/{name:path}", responses=error_responses(404, 409))
def get_env(_caller: CurrentCaller, deps: Deps, name: PathName) -> dict[str, str]:
    """Get one environment."""
    return deps.views.flat(deps.environments.get(name), deps.now_ms())


@router.put(
    "/env/{name:path}", status_code=201, openapi_extra=_FLAT, responses=error_responses(409)
)
def put_env(caller: CurrentCaller, deps: Deps, name: PathName, versions: Flat) -> dict[str, str]:
    """Create an environment, or replace its versions."""
    return deps.views.flat(deps.environments.put(name, versions, deps.stamp(caller)), deps.now_ms())


@router.patch("/env/{name:path}", openapi_extra=_FLAT, responses=error_responses(404, 409))
def patch_env(caller: CurrentCaller, deps: Deps, name: PathName, versions: Flat) -> dict[str, str]:
    """Merge versions into an environment."""
    return deps.views.flat(
        deps.environments.patch(name, versions, deps.stamp(caller)), deps.now_ms()
    )


@router.delete(
    "/env/{name:path}",
    status_code=202,
    response_class=PlainTextResponse,
    responses=error_responses(404, 409),
)
def delete_env(
    caller: CurrentCaller, deps: Deps, name: PathName, repository: Repository = None
) -> PlainTextResponse:
    """Delete an environment; with a repository's token, retire only that repository's part."""
    token_repository = trusted_repository(caller, repository)
    if token_repository is None:
        delete_environment(caller, deps, name)
    else:
        deps.environments.retire(name, token_repository, deps.stamp(caller))
        deps.outcome("delete", "retired")
    return PlainTextResponse("ok", 202)
