"""The gateway: a token of a repository comes in, a request with our client certificate goes out. It keeps nothing.

    POST   /gromit/newbuild      {"repo", "ref", "sha"}      → serve's POST /newbuild
    DELETE /gromit/env/{name}                                → serve's DELETE /env/{name}
    GET    /healthcheck                                      answered here, without a token

A token is one of ours, or (where that is set up) the OIDC token of a job of GitHub Actions, which is good for that job's repository
and build alone.

Nothing of a client's request is passed on as it came: neither headers nor path nor bytes of the body. What is passed on is the JSON
that was read, and the repository that the token belongs to.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from gromit.core.names import parse_ref, parse_repository
from gromit.core.security import oidc
from gromit.core.security.oidc import GithubJob, InvalidToken
from gromit.core.security.tokens import Grant, TokenEntry, TokenPermission
from gromit.core.time import Millis
from gromit.errors import ConfigError, GromitError, InvalidInput, Temporary, TrustError
from gromit.web.api.wire import REPOSITORY_HEADER, NewBuild
from gromit.web.bodies import parse_object, validate_model
from gromit.web.errors import http_error, unexpected_error
from gromit.web.gateway.access_log import AccessLog, request_info
from gromit.web.gateway.job_tokens import JobTokenVerifier
from gromit.web.gateway.upstream import Upstream, UpstreamResponse
from gromit.web.server.limits import App, RateLimit

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class GatewayDeps:
    """What the gateway is made of."""

    recognise: Callable[[str], TokenEntry | None]
    """The token in an Authorization header. Raises `ConfigError` if nobody can tell."""
    upstream: Upstream
    rate: RateLimit
    now_ms: Callable[[], Millis]
    jobs: JobTokenVerifier | None = None
    """Who knows OIDC tokens; None: they are not taken."""


@dataclass(frozen=True, slots=True)
class AuthorizedRequest:
    """Who has been let in."""

    name: str
    """For logs; it opens nothing."""
    rate_key: str
    grant: Grant
    job: GithubJob | None = None


RouteAction = Callable[[Request, AuthorizedRequest, TokenPermission], Awaitable[UpstreamResponse]]


def build_gateway(parts: GatewayDeps) -> Starlette:
    """The application, with all its routes."""
    gateway = _Gateway(parts)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        await parts.upstream.close()
        if parts.jobs is not None:
            await parts.jobs.close()

    routes = [
        Route("/healthcheck", _healthcheck, methods=["GET"]),
        Route("/gromit/newbuild", gateway.newbuild, methods=["POST"]),
        Route("/gromit/env/{name:path}", gateway.delete, methods=["DELETE"]),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lifespan,
        exception_handlers={HTTPException: http_error, Exception: unexpected_error},
    )
    app.router.redirect_slashes = False
    return app


def with_access_log(now_ms: Callable[[], Millis]) -> Callable[[App], App]:
    """What is put around the gateway and all its limits: the access log."""
    return lambda app: AccessLog(app, now_ms)


class _Gateway:
    def __init__(self, parts: GatewayDeps) -> None:
        self._parts = parts

    async def newbuild(self, request: Request) -> Response:
        """A release workflow reports a build."""
        return await self._answered(request, TokenPermission.NEWBUILD, self._newbuild)

    async def delete(self, request: Request) -> Response:
        """A branch was deleted."""
        return await self._answered(request, TokenPermission.DELETE, self._delete)

    async def _answered(
        self, request: Request, verb: TokenPermission, act: RouteAction
    ) -> Response:
        """Let a request in, and do it."""
        visit = request_info(request.scope)
        visit.verb = verb
        try:
            visitor = await self._visitor(_authorization(request))
            if isinstance(visitor, InvalidToken):
                return _refusal(401, visitor.reason, {"WWW-Authenticate": "Bearer"})
            visit.token = visitor.name
            wait_ms = self._parts.rate.wait_ms(visitor.rate_key, self._parts.now_ms())
            if wait_ms:
                return _refusal(
                    429,
                    "too many requests with this token",
                    {"Retry-After": str(-(-wait_ms // 1000))},
                )
            _check_verb(visitor, verb)
            return _passed_on(await act(request, visitor, verb))
        except GromitError as error:
            return _refused(error)

    async def _visitor(self, authorization: str) -> AuthorizedRequest | InvalidToken:
        jwt = None if self._parts.jobs is None else oidc.bearer_jwt(authorization)
        if self._parts.jobs is not None and jwt is not None:
            job = await self._parts.jobs.recognise(jwt)
            if isinstance(job, InvalidToken):
                return InvalidToken(f"no valid token: {job.reason}")
            return AuthorizedRequest(
                f"{job.full_name} run {job.run}", job.full_name, job.grant, job
            )
        entry = self._parts.recognise(authorization)
        return (
            InvalidToken("no valid token")
            if entry is None
            else AuthorizedRequest(entry.id, entry.id, entry.grant)
        )

    async def _newbuild(
        self, request: Request, visitor: AuthorizedRequest, verb: TokenPermission
    ) -> UpstreamResponse:
        visit, body = (
            request_info(request.scope),
            validate_model(NewBuild, parse_object(await request.body())),
        )
        visit.repository = _allowed(visitor.grant, parse_repository(body.repo), verb)
        if visitor.job is not None:
            oidc.require_build_of_job(visitor.job, repo=body.repo, ref=body.ref, sha=body.sha)
        build = {"repo": visit.repository, "ref": body.ref, "sha": body.sha}
        return await self._parts.upstream.send("POST", "/newbuild", visit.repository, build)

    async def _delete(
        self, request: Request, visitor: AuthorizedRequest, verb: TokenPermission
    ) -> UpstreamResponse:
        visit, name = request_info(request.scope), _environment(request.path_params["name"])
        spoken_for = _spoken_for(request, visitor.grant)
        if spoken_for is not None:
            visit.repository = _allowed(visitor.grant, spoken_for, verb)
        return await self._parts.upstream.send(
            "DELETE", f"/env/{quote(name, safe='')}", visit.repository
        )


def _authorization(request: Request) -> str:
    """The Authorization header; two of them are none."""
    values = request.headers.getlist("authorization")
    return values[0] if len(values) == 1 else ""


def _check_verb(visitor: AuthorizedRequest, verb: TokenPermission) -> None:
    if verb not in visitor.grant.verbs:
        of = "" if visitor.job is None else f": it is of the event {visitor.job.event}"
        hint = (
            None
            if visitor.job is None
            else "the event delete retires branches, and all others report builds"
        )
        raise TrustError(f"this token is not good for {verb}{of}", hint=hint)


def _allowed(grant: Grant, repository: str, verb: TokenPermission) -> str:
    if not grant.allows(repository, verb):
        raise TrustError(f"this token is not good for {verb} of {repository}")
    return repository


def _environment(name: str) -> str:
    """A name or ref in a path, if it means an environment and nothing else. Raises `InvalidInput`."""
    if any(part in {"", ".", ".."} for part in name.split("/")):
        raise InvalidInput("the path names no environment", hint="send DELETE /gromit/env/NAME")
    parse_ref(name)
    return name


def _spoken_for(request: Request, grant: Grant) -> str | None:
    """The repository whose part is to be retired: the token's only one, else the one that the client names.

    None for a token that is good for every repository where none is named: then all parts go, and the environment with them.
    """
    only = grant.only_repository()
    if only is not None:
        return only
    named = {parse_repository(text) for text in _named(request)}
    if not named and grant.is_for_every:
        return None
    if len(named) != 1:
        _unclear()
    return named.pop()


def _named(request: Request) -> list[str]:
    return [*request.headers.getlist(REPOSITORY_HEADER), *request.query_params.getlist("repo")]


def _unclear() -> NoReturn:
    raise InvalidInput(
        "this token is good for several repositories, and it is not clear which one has lost the branch",
        hint=f"add ?repo=NAME to the address, or the header {REPOSITORY_HEADER}: NAME, once",
    )


def _passed_on(answer: UpstreamResponse) -> Response:
    headers = {"Content-Type": answer.content_type}
    if answer.retry_after is not None:
        headers["Retry-After"] = answer.retry_after
    return Response(answer.body, answer.status, headers)


def _refused(error: GromitError) -> Response:
    text = f"{error.message}: {error.hint}" if error.hint else error.message
    match error:
        case InvalidInput():
            return _refusal(400, text)
        case TrustError():
            return _refusal(403, text)
        case ConfigError():
            log.critical("gateway.tokens_unreadable", error=error.message, hint=error.hint)
            return _refusal(
                503, "tokens cannot be checked just now", {"Retry-After": str(RETRY_AFTER_S)}
            )
        case Temporary():
            return _refusal(503, text, {"Retry-After": str(RETRY_AFTER_S)})
        case _:
            raise error


def _refusal(status: int, error: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": error}, status, headers)


def _healthcheck(_request: Request) -> Response:
    return PlainTextResponse("OK")
