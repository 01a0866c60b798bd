"""Routes by which people log in at the gateway.

    GET    /login             begins a login at the provider; `next` is a path to go on to
    GET    /login/callback    ends it: the provider sends the person back here
    GET    /login/command     what `gromit login` has to know
    POST   /login/token       exchanges an ID token for a token of the command line
    GET    /logout            asks whether to log out
    POST   /logout            ends the session, also at the provider if it can

The gateway keeps nothing. What a login needs later is in a cookie that the gateway has signed.
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from authlib.common.urls import add_params_to_uri
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from gromit.core.metrics.server_definitions import BROWSER, COMMAND
from gromit.core.security.logins import LoginRules, subject_of
from gromit.core.security.people import Person
from gromit.core.time import Millis, iso
from gromit.errors import GromitError, InvalidInput, Temporary, TooMany, TrustError
from gromit.log import AUDIT
from gromit.web.api.app import error_response
from gromit.web.bodies import parse_object, validate_model
from gromit.web.gateway.access_log import request_info
from gromit.web.gateway.door import LOGINS_COUNTED
from gromit.web.gateway.login_pages import failure_page, logout_page
from gromit.web.gateway.people import CHANGE_FIELD, People, own_path
from gromit.web.gateway.provider import LoginAttempt, LoginProvider
from gromit.web.gateway.sessions import Purpose, SessionSigner
from gromit.web.gateway.token_request import TokenRequest
from gromit.web.server.limits import RateLimit
from gromit.web.server.line_budget import LineBudget, client_group

audit = structlog.get_logger(AUDIT)

ATTEMPT = timedelta(minutes=10)
"""Time that a person has to log in at the provider."""
CODE_MAX = 4096
PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
"""Headers of every answer: addresses of a login contain codes, which no other host may see.

With `no-referrer` browsers would send `Origin: null` with the form of the logout.
"""
CALLBACK = "/login/callback"


@dataclass(frozen=True, slots=True)
class CommandClient:
    """Client of the command line at the provider."""

    id: str | None
    """None: `gromit login` is not possible."""
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoginDeps:
    """Objects that the routes use."""

    provider: LoginProvider
    rules: LoginRules
    people: People
    signer: SessionSigner
    command: CommandClient
    attempts: RateLimit
    """Logins that one address may begin or end."""
    now_ms: Callable[[], Millis]


def login_routes(deps: LoginDeps) -> list[Route]:
    """Return the routes."""
    logins = _Logins(deps)
    return [
        Route("/login", logins.begin, methods=["GET"]),
        Route(CALLBACK, logins.end, methods=["GET"]),
        Route("/login/command", logins.command, methods=["GET"]),
        Route("/login/token", logins.token, methods=["POST"]),
        Route("/logout", logins.ask_logout, methods=["GET"]),
        Route("/logout", logins.logout, methods=["POST"]),
    ]


class _Logins:
    def __init__(self, deps: LoginDeps) -> None:
        self._deps = deps
        self._people = deps.people
        self._callback = deps.people.terms.url + CALLBACK
        self._budget = LineBudget("gateway.login_refused")

    async def begin(self, request: Request) -> Response:
        """Send a browser to the provider."""
        return await self._page(request, self._begin)

    async def end(self, request: Request) -> Response:
        """Take a browser back from the provider, and begin its session."""
        response = await self._page(request, self._end)
        # An answer of the provider is good for one try, also if that failed.
        self._people.remove_cookie(response, Purpose.LOGIN)
        return response

    async def ask_logout(self, request: Request) -> Response:
        """Show a form: a mere link must not log anybody out."""
        proof = self._people.change_proof(request)
        return _private(logout_page(self._people.person(request), CHANGE_FIELD, proof))

    async def logout(self, request: Request) -> Response:
        """End a session."""
        return await self._page(request, self._logout)

    async def command(self, _request: Request) -> Response:
        """Say where `gromit login` logs in."""
        command = self._deps.command
        try:
            if command.id is None:
                raise InvalidInput(
                    "this gateway has no client for the command line",
                    hint="set gateway.login.command_client_id at the gateway",
                )
            endpoints = await self._deps.provider.endpoints()
        except GromitError as error:
            return _private(error_response(error, old_wire=False))
        found = {
            "issuer": endpoints.issuer,
            "client_id": command.id,
            "scopes": list(command.scopes),
            "authorization_endpoint": endpoints.authorization,
            "token_endpoint": endpoints.token,
            "device_authorization_endpoint": endpoints.device,
            "revocation_endpoint": endpoints.revocation,
        }
        return _private(JSONResponse(found))

    async def token(self, request: Request) -> Response:
        """Give the command line a token of the gateway for an ID token of the provider."""
        try:
            return _private(await self._token(request))
        except GromitError as error:
            LOGINS_COUNTED.labels(COMMAND, "refused").inc()
            return _private(error_response(error, old_wire=False))

    async def _token(self, request: Request) -> Response:
        self._count(request)
        body = validate_model(TokenRequest, parse_object(await request.body()))
        if self._deps.command.id is None:
            raise TrustError("this gateway has no client for the command line")
        claims = await self._deps.provider.verify(
            body.id_token, self._deps.command.id, nonce=body.nonce
        )
        person, subject = self._deps.rules.person(claims), subject_of(claims)
        token = self._people.token(person, subject)
        self._record(request, person, subject, COMMAND)
        expires = self._deps.now_ms() + int(self._people.terms.token.total_seconds() * 1000)
        return JSONResponse({"token": token, "expires": iso(Millis(expires)), "name": person.name})

    async def _begin(self, request: Request) -> Response:
        self._count(request)
        target = own_path(request.query_params.get("next", "/"))
        if target is None:
            raise InvalidInput(
                "the parameter next is not a path of this gateway", hint="send next=/ or leave it"
            )
        attempt = LoginAttempt(*(secrets.token_urlsafe(32) for _ in range(3)))
        url = await self._deps.provider.login_url(attempt, self._callback)
        facts = {
            "state": attempt.state,
            "nonce": attempt.nonce,
            "verifier": attempt.verifier,
            "next": target,
        }
        response = RedirectResponse(url, 302)
        text = self._deps.signer.sign(Purpose.LOGIN, facts, ATTEMPT)
        self._people.set_cookie(response, Purpose.LOGIN, text, ATTEMPT)
        return response

    async def _end(self, request: Request) -> Response:
        self._count(request)
        query = request.query_params
        cookie = self._people.cookie(request, Purpose.LOGIN)
        facts = self._deps.signer.verify(Purpose.LOGIN, cookie)
        state = query.get("state", "").encode()
        if facts is None or not hmac.compare_digest(facts["state"].encode(), state):
            raise TrustError(
                "this browser has not begun this login, or too long ago", hint="log in again"
            )
        await self._check_issuer(request)
        if error := query.get("error"):
            raise TrustError(f"the login provider refused the login: {error[:100]}")
        code = query.get("code", "")
        if not 0 < len(code) <= CODE_MAX:
            raise TrustError("the login provider sent no usable code", hint="log in again")
        attempt = LoginAttempt(facts["state"], facts["nonce"], facts["verifier"])
        claims = await self._deps.provider.redeem(code, attempt, self._callback)
        person = self._deps.rules.person(claims)
        response = RedirectResponse(facts["next"], 303)
        self._people.start(response, person, subject_of(claims))
        self._record(request, person, subject_of(claims), BROWSER)
        return response

    async def _check_issuer(self, request: Request) -> None:
        """Raise `TrustError` for the answer of another provider (RFC 9207)."""
        endpoints = await self._deps.provider.endpoints()
        named = request.query_params.getlist("iss")
        if named != [endpoints.issuer] and (named or endpoints.names_itself):
            raise TrustError("the answer is not of our login provider", hint="log in again")

    async def _logout(self, request: Request) -> Response:
        session = self._people.session(request)
        if session is not None:
            await self._people.check_change(request, session)
            info = request_info(request.scope)
            info.person = session.person.name
            audit.info("gateway.logout", person=session.person.name)
        response = RedirectResponse(await self._way_out(), 303)
        self._people.remove_cookie(response, Purpose.SESSION)
        return response

    async def _way_out(self) -> str:
        """Return where a browser goes after a logout: to the provider, if that ends its session."""
        after = self._people.terms.url + "/logout"
        try:
            endpoint = (await self._deps.provider.endpoints()).end_session
        except Temporary:
            endpoint = None
        if endpoint is None:
            return "/logout"
        fields = [("client_id", self._deps.provider.client_id), ("post_logout_redirect_uri", after)]
        url: str = add_params_to_uri(endpoint, fields)
        return url

    def _record(self, request: Request, person: Person, subject: str, way: str) -> None:
        request_info(request.scope).person = person.name
        LOGINS_COUNTED.labels(way, "done").inc()
        audit.info(
            "gateway.login",
            person=person.name,
            role=str(person.role),
            subject=subject,
            way=way,
            client=request.client.host if request.client else None,
        )

    def _count(self, request: Request) -> None:
        """Count a try of an address: each one costs the provider a request."""
        address = client_group(request.client.host if request.client else None)
        if self._deps.attempts.wait_ms(address or "", self._deps.now_ms()):
            raise TooMany("too many logins from your address", hint="try again in a minute")

    async def _page(
        self, request: Request, act: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        """Run a route of browsers; an error becomes a page."""
        try:
            return _private(await act(request))
        except GromitError as error:
            status = error_response(error, old_wire=False).status_code
            if act != self._logout:
                LOGINS_COUNTED.labels(BROWSER, "refused").inc()
            # Every stranger can cause such lines, so all share one budget.
            if self._budget.admits(None, error.code):
                audit.info("gateway.login_refused", reason=error.message)
            return _private(failure_page(error, status))


def _private(response: Response) -> Response:
    response.headers.update(PRIVATE)
    return response
