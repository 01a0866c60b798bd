"""The gateway: accepts requests with a repository's token, and sends them on to serve over mTLS.

    POST   /gromit/newbuild      {"repo", "ref", "sha"}      → serve's POST /newbuild
    DELETE /gromit/env/{name}                                → serve's DELETE /env/{name}
    POST   /gromit/branches      {"repo", "branches", "count"} → serve's POST /v1/branches
    GET    /v1/environments/{name}, and below it             → the same of serve (`reading`)
    GET    /healthcheck, /openapi.json                       answered here, need no token

A token is one that gromit issued or, if configured, the OIDC token of a GitHub Actions job. The
latter is good only for that job's repository and build.

The gateway stores nothing, and forwards nothing of a request unread: neither headers nor the path
nor the bytes of the body. It sends the JSON that it parsed, and the repository of the token.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from gromit.core.names import parse_ref, parse_repository
from gromit.core.security import oidc
from gromit.core.security.oidc import GithubJob, InvalidToken
from gromit.core.security.tokens import Grant, TokenEntry, TokenPermission
from gromit.core.time import Millis
from gromit.errors import ConfigError, GromitError, InvalidInput, Temporary, TrustError
from gromit.web.api.legacy_routes import OUTCOME_HEADER, REPOSITORY_HEADER, NewBuild
from gromit.web.api.origin import origin_headers
from gromit.web.bodies import parse_object, validate_model
from gromit.web.branch_list import BranchList
from gromit.web.errors import http_error, unexpected_error
from gromit.web.gateway.access_log import AccessLog, request_info
from gromit.web.gateway.document import PATH as DOCUMENT
from gromit.web.gateway.document import document_route
from gromit.web.gateway.door import PeopleDoor
from gromit.web.gateway.health_check import HealthRoute
from gromit.web.gateway.job_tokens import JobTokenVerifier
from gromit.web.gateway.reading import READABLE, readable_path
from gromit.web.gateway.upstream import Upstream, UpstreamResponse
from gromit.web.server.limits import App, RateLimit

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 5
_SHOWN = 200
"""Characters of a version that are logged."""


@dataclass(frozen=True, slots=True)
class GatewayDeps:
    """Objects that the gateway's routes use."""

    recognise: Callable[[str], TokenEntry | None]
    """Find the token of an Authorization header. Raises `ConfigError` if tokens are unreadable."""
    upstream: Upstream
    rate: RateLimit
    now_ms: Callable[[], Millis]
    jobs: JobTokenVerifier | None = None
    """Verifier of OIDC tokens; None: they are not accepted."""
    door: PeopleDoor | None = None
    """Logins of people; None: no one can log in."""


@dataclass(frozen=True, slots=True)
class AuthorizedRequest:
    """Token of an accepted request, and what it may do."""

    name: str
    """For logs; it is no secret."""
    rate_key: str
    grant: Grant
    job: GithubJob | None = None


RouteAction = Callable[[Request, AuthorizedRequest, TokenPermission], Awaitable[UpstreamResponse]]


def build_gateway(deps: GatewayDeps) -> Starlette:
    """Build the application with all its routes."""
    gateway = _Gateway(deps)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        if deps.door is not None:
            await deps.door.close()
        await deps.upstream.close()
        if deps.jobs is not None:
            await deps.jobs.close()

    routes: list[BaseRoute] = [
        Route("/healthcheck", HealthRoute(deps.now_ms).answer, methods=["GET"]),
        Route("/gromit/newbuild", gateway.newbuild, methods=["POST"]),
        Route("/gromit/env/{name:path}", gateway.delete, methods=["DELETE"]),
        Route("/gromit/branches", gateway.sweep, methods=["POST"]),
        Route(DOCUMENT, document_route(has_people=deps.door is not None), methods=["GET"]),
    ]
    # People come first: their routes hand tokens of repositories and jobs on.
    if deps.door is not None:
        routes += deps.door.routes(dict.fromkeys(READABLE, gateway.read))
    routes += [Route(path, gateway.read, methods=["GET"]) for path in READABLE]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={HTTPException: http_error, Exception: unexpected_error},
    )
    app.router.redirect_slashes = False
    return app


def with_access_log(now_ms: Callable[[], Millis]) -> Callable[[App], App]:
    """Return the layer around the gateway and all its limits: the access log."""
    return lambda app: AccessLog(app, now_ms)


class _Gateway:
    def __init__(self, deps: GatewayDeps) -> None:
        self._deps = deps

    async def newbuild(self, request: Request) -> Response:
        """Report a build, for a release workflow."""
        return await self._respond(request, TokenPermission.NEWBUILD, self._newbuild)

    async def delete(self, request: Request) -> Response:
        """Report a deleted branch."""
        return await self._respond(request, TokenPermission.DELETE, self._delete)

    async def sweep(self, request: Request) -> Response:
        """Report all branches of a repository."""
        return await self._respond(request, TokenPermission.SWEEP, self._sweep)

    async def read(self, request: Request) -> Response:
        """Read an environment in which the token's repository takes part."""
        return await self._respond(request, TokenPermission.READ, self._read)

    async def _respond(self, request: Request, verb: TokenPermission, act: RouteAction) -> Response:
        """Check token, rate and permission of a request, then run its action."""
        info = request_info(request.scope)
        info.verb = verb
        try:
            authorized = await self._authorize(_authorization(request))
            if isinstance(authorized, InvalidToken):
                return _refusal(401, authorized.reason, {"WWW-Authenticate": "Bearer"})
            info.token = authorized.name
            # The limit comes before the permission: a token that may do nothing is bounded, too.
            wait_ms = self._deps.rate.wait_ms(_rate_key(authorized, verb), self._deps.now_ms())
            if wait_ms:
                retry_after = {"Retry-After": str(math.ceil(wait_ms / 1000))}
                return _refusal(429, "too many requests with this token", retry_after)
            _check_verb(authorized, verb)
            return _forwarded(await act(request, authorized, verb))
        except GromitError as error:
            return _error_response(error)

    async def _authorize(self, authorization: str) -> AuthorizedRequest | InvalidToken:
        jobs = self._deps.jobs
        jwt = None if jobs is None else oidc.bearer_jwt(authorization)
        if jobs is not None and jwt is not None:
            return await _authorize_job(jobs, jwt)
        entry = self._deps.recognise(authorization)
        if entry is None:
            return InvalidToken("no valid token")
        return AuthorizedRequest(entry.id, entry.id, entry.grant)

    async def _newbuild(
        self, request: Request, authorized: AuthorizedRequest, verb: TokenPermission
    ) -> UpstreamResponse:
        info = request_info(request.scope)
        body = validate_model(NewBuild, parse_object(await request.body()))
        info.environment, info.version = body.ref, body.sha[:_SHOWN]
        info.repository = _allowed(authorized.grant, parse_repository(body.repo), verb)
        if authorized.job is not None:
            parse_ref(body.ref)  # what is no branch is refused with what to send instead
            oidc.require_build_of_job(authorized.job, repo=body.repo, ref=body.ref, sha=body.sha)
            oidc.require_order_of_job(authorized.job, body.sequence)
        build: dict[str, str | int] = {
            "repo": info.repository,
            "ref": body.ref,
            "sha": body.sha,
        }
        if body.sequence is not None:
            build["sequence"] = body.sequence
        headers = _own_headers(request, authorized)
        return await self._deps.upstream.send("POST", "/newbuild", headers, build)

    async def _delete(
        self, request: Request, authorized: AuthorizedRequest, verb: TokenPermission
    ) -> UpstreamResponse:
        info = request_info(request.scope)
        name = _environment(request.path_params["name"])
        info.environment = name
        retired = _repository_of(request, authorized.grant, "lost the branch")
        if retired is not None:
            info.repository = _allowed(authorized.grant, retired, verb)
        headers = _own_headers(request, authorized)
        return await self._deps.upstream.send("DELETE", f"/env/{quote(name, safe='')}", headers)

    async def _read(
        self, request: Request, authorized: AuthorizedRequest, verb: TokenPermission
    ) -> UpstreamResponse:
        info = request_info(request.scope)
        info.environment = request.path_params["name"]
        path = readable_path(request)
        reading = _repository_of(request, authorized.grant, "reads")
        if reading is not None:
            info.repository = _allowed(authorized.grant, reading, verb)
        return await self._deps.upstream.send("GET", path, _own_headers(request, authorized))

    async def _sweep(
        self, request: Request, authorized: AuthorizedRequest, verb: TokenPermission
    ) -> UpstreamResponse:
        info = request_info(request.scope)
        body = validate_model(BranchList, parse_object(await request.body()))
        info.repository = _allowed(authorized.grant, parse_repository(body.repo), verb)
        digests = body.complete()
        if authorized.job is not None:
            oidc.require_owner_of_job(authorized.job, body.repo)
            oidc.require_list_of_job(authorized.job, digests)
        listing = {
            "repo": info.repository,
            "branches": sorted(digests),
            "count": len(digests),
        }
        headers = _own_headers(request, authorized)
        return await self._deps.upstream.send("POST", "/v1/branches", headers, listing)


async def _authorize_job(jobs: JobTokenVerifier, jwt: str) -> AuthorizedRequest | InvalidToken:
    job = await jobs.recognise(jwt)
    if isinstance(job, InvalidToken):
        return InvalidToken(f"no valid token: {job.reason}")
    return AuthorizedRequest(f"{job.full_name} run {job.run}", job.full_name, job.grant, job)


def _own_headers(request: Request, authorized: AuthorizedRequest) -> dict[str, str]:
    """Return the headers by which serve knows who asked, and for which repository."""
    repository = request_info(request.scope).repository
    run = authorized.job.run_and_attempt if authorized.job else None
    client = request.client.host if request.client else None
    headers = origin_headers(authorized.rate_key, run, client)
    return headers if repository is None else {**headers, REPOSITORY_HEADER: repository}


def _authorization(request: Request) -> str:
    """Return the Authorization header; several of them count as none."""
    values = request.headers.getlist("authorization")
    return values[0] if len(values) == 1 else ""


def _check_verb(authorized: AuthorizedRequest, verb: TokenPermission) -> None:
    if verb in authorized.grant.verbs:
        return
    if authorized.job is None:
        raise TrustError(f"this token is not good for {verb}")
    raise TrustError(
        f"this token is not good for {verb}: it is of the event {authorized.job.event}",
        hint="the event delete retires branches, and schedule sweeps;"
        " all events but delete report builds",
    )


def _allowed(grant: Grant, repository: str, verb: TokenPermission) -> str:
    if not grant.allows(repository, verb):
        raise TrustError(f"this token is not good for {verb} of {repository}")
    return repository


def _environment(name: str) -> str:
    """Return a usable name or ref in a path. Raises `InvalidInput`.

    Empty and dot segments are refused: a server could resolve them to another path.
    """
    if any(part in {"", ".", ".."} for part in name.split("/")):
        raise InvalidInput("the path names no environment", hint="send DELETE /gromit/env/NAME")
    parse_ref(name)
    return name


def _rate_key(authorized: AuthorizedRequest, verb: TokenPermission) -> str:
    """Return whose budget a request counts to. Jobs that wait must not keep builds out."""
    is_reading = verb is TokenPermission.READ
    return f"{authorized.rate_key} {verb}" if is_reading else authorized.rate_key


def _repository_of(request: Request, grant: Grant, act: str) -> str | None:
    """Return the repository that a request is about: the token's only one, or that in the request.

    None if a token for every repository comes without a name: then the request is about the whole
    environment. Raises `InvalidInput` if the repository is ambiguous.
    """
    only = grant.only_repository()
    if only is not None:
        return only
    named = {parse_repository(text) for text in _named(request)}
    if not named and grant.is_for_every:
        return None
    if len(named) != 1:
        _unclear(act)
    return named.pop()


def _named(request: Request) -> list[str]:
    return [*request.headers.getlist(REPOSITORY_HEADER), *request.query_params.getlist("repo")]


def _unclear(act: str) -> NoReturn:
    raise InvalidInput(
        "this token is good for several repositories, "
        f"and the request does not say which one {act}",
        hint=f"add ?repo=NAME to the address, or the header {REPOSITORY_HEADER}: NAME, once",
    )


def _forwarded(answer: UpstreamResponse) -> Response:
    headers = {"Content-Type": answer.content_type}
    if answer.retry_after is not None:
        headers["Retry-After"] = answer.retry_after
    if answer.outcome is not None:
        headers[OUTCOME_HEADER] = answer.outcome
    return Response(answer.body, answer.status, headers)


def _error_response(error: GromitError) -> Response:
    text = f"{error.message}: {error.hint}" if error.hint else error.message
    match error:
        case InvalidInput():
            return _refusal(400, text)
        case TrustError():
            return _refusal(403, text)
        case ConfigError():
            log.critical("gateway.tokens_unreadable", error=error.message, hint=error.hint)
            return _refusal(
                503, "tokens cannot be checked now", {"Retry-After": str(RETRY_AFTER_S)}
            )
        case Temporary():
            return _refusal(503, text, {"Retry-After": str(RETRY_AFTER_S)})
        case _:
            raise error


def _refusal(status: int, error: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": error}, status, headers)
