"""The interface of the earlier system, kept exactly: `docs/reference/wire.md`."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel, ConfigDict, Field, StrictStr
from starlette.responses import PlainTextResponse

from gromit.core.environments.wanted import Build
from gromit.core.names import parse_ref, parse_repository, parse_version
from gromit.core.security.roles import Role
from gromit.core.stack.catalogue import WIRE_KEYS
from gromit.errors import InvalidInput, TrustError
from gromit.web.api.admission import Caller, CurrentCaller, Deps
from gromit.web.api.refusals import error_responses
from gromit.web.bodies import body_schema, json_body, parse_object

router = APIRouter()

LEVELS = ("trace", "debug", "info", "warn", "error")
REPOSITORY_HEADER = "X-Gromit-Repository"
"""The repository that a token at the gateway belongs to; honoured only from the role gateway."""

Repository = Annotated[str | None, Header(alias=REPOSITORY_HEADER)]


class NewBuild(BaseModel):
    """What a release workflow sends. Further keys are ignored, as they always were."""

    model_config = ConfigDict(extra="ignore")

    repo: Annotated[StrictStr, Field(min_length=1)]
    ref: Annotated[StrictStr, Field(min_length=1)]
    sha: Annotated[StrictStr, Field(min_length=1)]


async def flat_body(request: Request) -> dict[str, str]:
    """The versions in a flat environment, by repository; `name` and `state` are ignored."""
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
                f"repository {repository} stands twice in the body",
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
    """The repository that the gateway vouches for; what anybody else says of it does not count.

    Raises `InvalidInput` for one that the gateway sent and that names none: it must not pass for an operator's request.
    """
    return (
        parse_repository(repository)
        if repository is not None and caller.role is Role.GATEWAY
        else None
    )


@router.get("/healthcheck", response_class=PlainTextResponse)
def healthcheck(_caller: CurrentCaller) -> PlainTextResponse:
    """Whether serve answers."""
    return PlainTextResponse("OK")


@router.get("/loglevel")
def get_loglevel(_caller: CurrentCaller, parts: Deps) -> dict[str, str]:
    """The level of the log."""
    return {"level": parts.log_level.get()}


@router.put("/loglevel/{level}")
def put_loglevel(_caller: CurrentCaller, parts: Deps, level: str) -> dict[str, str]:
    """Change the level of the log."""
    if level not in LEVELS:
        raise InvalidInput(
            f"there is no log level {level!r}", hint=f"levels are {', '.join(LEVELS)}"
        )
    parts.log_level.set(level)
    return {"level": parts.log_level.get()}


@router.post("/newbuild", openapi_extra=body_schema(NewBuild), responses=error_responses(409))
def newbuild(
    caller: CurrentCaller,
    parts: Deps,
    body: Annotated[NewBuild, Depends(json_body(NewBuild))],
    repository: Repository = None,
) -> dict[str, str]:
    """A repository reports a build of a branch."""
    build = Build(parse_repository(body.repo), parse_ref(body.ref), parse_version(body.sha))
    token_of = trusted_repository(caller, repository)
    if token_of is not None and token_of != build.repository:
        raise TrustError(f"a token of {token_of} cannot report builds of {build.repository}")
    receipt, environment = parts.environments.report(build, parts.stamp(caller))
    parts.outcome("build", receipt)
    return parts.views.flat(environment, parts.now_ms())


@router.get("/env/{name:path}", responses=error_responses(404, 409))
def get_env(_caller: CurrentCaller, parts: Deps, name: str) -> dict[str, str]:
    """One environment."""
    return parts.views.flat(parts.environments.get(name), parts.now_ms())


@router.put(
    "/env/{name:path}", status_code=201, openapi_extra=_FLAT, responses=error_responses(409)
)
def put_env(caller: CurrentCaller, parts: Deps, name: str, versions: Flat) -> dict[str, str]:
    """Create an environment, or replace its versions."""
    return parts.views.flat(
        parts.environments.put(name, versions, parts.stamp(caller)), parts.now_ms()
    )


@router.patch("/env/{name:path}", openapi_extra=_FLAT, responses=error_responses(404, 409))
def patch_env(caller: CurrentCaller, parts: Deps, name: str, versions: Flat) -> dict[str, str]:
    """Merge versions into an environment."""
    return parts.views.flat(
        parts.environments.patch(name, versions, parts.stamp(caller)), parts.now_ms()
    )


@router.delete(
    "/env/{name:path}",
    status_code=202,
    response_class=PlainTextResponse,
    responses=error_responses(404, 409),
)
def delete_env(
    caller: CurrentCaller, parts: Deps, name: str, repository: Repository = None
) -> PlainTextResponse:
    """Delete an environment; from a repository's token: retire that repository's part of it."""
    token_of = trusted_repository(caller, repository)
    if token_of is None:
        parts.environments.delete(name, parts.stamp(caller))
    else:
        parts.environments.retire(name, token_of, parts.stamp(caller))
    parts.outcome("delete", "retired" if token_of else "deleted")
    return PlainTextResponse("ok", 202)
