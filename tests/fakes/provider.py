"""A fake of an OpenID Connect provider: it signs, checks PKCE and clients, and forgets no code.

`tests/web/gateway/test_oidc_provider.py` runs the same logins against a real one.
"""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode

import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from gromit.web.server.server import Listener, Server
from tests.fakes.issuer import public_jwk, rsa_key

GATEWAY, COMMAND = "gromit gateway", "gromit-command"
SECRET = "a secret: with %signs+"
"""Each character has to be encoded in an Authorization header."""
ALICE = {"sub": "u-alice", "email": "alice@example.com", "email_verified": True}


@dataclass(slots=True)
class _Grant:
    client: str
    redirect: str | None
    challenge: str
    nonce: str | None
    claims: dict[str, Any]


@dataclass(slots=True)
class Provider:
    """Logs in `person` whenever a browser comes, and records what it was asked."""

    url: str = ""
    person: dict[str, Any] = field(default_factory=lambda: dict(ALICE))
    kid: str = "key-1"
    keys: list[dict[str, Any]] = field(
        default_factory=lambda: [public_jwk("key-1", rsa_key("key-1"))]
    )
    clock: Callable[[], float] = time.time
    document: dict[str, Any] = field(default_factory=dict)
    """Changes of the discovery document."""
    more: dict[str, Any] = field(default_factory=dict)
    """Changes of the claims of each ID token; None removes one."""
    header: dict[str, Any] = field(default_factory=dict)
    """Changes of the heads of ID tokens."""
    refusal: str | None = None
    """Error with which a login ends."""
    revoked: bool = False
    """Whether refresh tokens are refused."""
    answers: list[Response] = field(default_factory=list)
    """Answers of the token endpoint instead of its own, once each."""
    approved: bool = False
    """Whether a person has approved a login on another device."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    grants: dict[str, _Grant] = field(default_factory=dict)
    refreshes: dict[str, _Grant] = field(default_factory=dict)

    @contextmanager
    def running(self) -> Iterator["Provider"]:
        """Answer for the length of a `with`."""
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/jwks", self._jwks),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/device", self._device, methods=["POST"]),
            Route("/revoke", self._revoke, methods=["POST"]),
        ]
        server = Server(Listener(Starlette(routes=routes), "127.0.0.1:0"), grace_s=1)
        with server.running():
            self.url = f"http://{server.address()}"
            yield self

    def rotate(self, kid: str) -> None:
        """Sign with a new key from now on, and forget the old one."""
        self.kid, self.keys = kid, [public_jwk(kid, rsa_key(kid))]

    def id_token(self, client: str, nonce: str | None = None, **more: Any) -> str:
        """An ID token of the person for a client."""
        now = int(self.clock())
        claims = {
            "iss": self.url,
            "aud": client,
            "iat": now,
            "exp": now + 600,
            "nonce": nonce,
            **self.person,
            **more,
            **self.more,
        }
        heading = {"kid": self.kid, **self.header}
        return jwt.encode(
            {k: v for k, v in claims.items() if v is not None},
            rsa_key(self.kid),
            "RS256",
            {k: v for k, v in heading.items() if v is not None},
        )

    async def _discovery(self, _request: Request) -> Response:
        self.asked.append(("discovery", {}))
        found = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "device_authorization_endpoint": f"{self.url}/device",
            "end_session_endpoint": f"{self.url}/end",
            "revocation_endpoint": f"{self.url}/revoke",
            "authorization_response_iss_parameter_supported": True,
            **self.document,
        }
        return JSONResponse({k: v for k, v in found.items() if v is not None})

    async def _jwks(self, _request: Request) -> Response:
        self.asked.append(("jwks", {}))
        return JSONResponse({"keys": self.keys})

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.asked.append(("authorize", query))
        back = {"state": query["state"], "iss": self.url}
        if self.refusal is not None:
            return _redirect(query["redirect_uri"], {**back, "error": self.refusal})
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self.grants[code] = _Grant(
            query["client_id"],
            query["redirect_uri"],
            query["code_challenge"],
            query.get("nonce"),
            dict(self.person),
        )
        return _redirect(query["redirect_uri"], {**back, "code": code})

    async def _token(self, request: Request) -> Response:
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        self.asked.append(("token", form))
        if self.answers:
            return self.answers.pop(0)
        client = _client(request, form)
        if client is None:
            return JSONResponse({"error": "invalid_client"}, 401)
        grant = self._grant(form)
        if isinstance(grant, str):
            return JSONResponse({"error": grant}, 400)
        if grant is None or grant.client != client:
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(self._tokens(grant))

    def _grant(self, form: dict[str, str]) -> _Grant | str | None:
        match form["grant_type"]:
            case "refresh_token":
                return None if self.revoked else self.refreshes.pop(form["refresh_token"], None)
            case "urn:ietf:params:oauth:grant-type:device_code":
                grant = self.grants.get(form["device_code"])
                return grant if self.approved or grant is None else "authorization_pending"
            case _:
                return self._redeemed(form)

    def _redeemed(self, form: dict[str, str]) -> _Grant | None:
        grant = self.grants.pop(form["code"], None)
        is_right = (
            grant is not None
            and grant.redirect == form["redirect_uri"]
            and grant.challenge == _challenge(form.get("code_verifier", ""))
        )
        return grant if is_right else None

    def _tokens(self, grant: _Grant) -> dict[str, Any]:
        refresh = secrets.token_hex(8)
        self.refreshes[refresh] = grant
        return {
            "access_token": secrets.token_hex(8),
            "token_type": "Bearer",
            "refresh_token": refresh,
            "id_token": self.id_token(grant.client, grant.nonce, **grant.claims),
        }

    async def _revoke(self, request: Request) -> Response:
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        self.asked.append(("revoke", form))
        self.refreshes.pop(form["token"], None)
        return Response("")

    async def _device(self, request: Request) -> Response:
        form = {k: v[0] for k, v in parse_qs((await request.body()).decode()).items()}
        self.asked.append(("device", form))
        code = secrets.token_hex(8)
        self.grants[code] = _Grant(form["client_id"], None, "", None, dict(self.person))
        return JSONResponse(
            {
                "device_code": code,
                "user_code": "WDJB-MJHT",
                "verification_uri": f"{self.url}/activate",
                "expires_in": 600,
                "interval": 1,
            }
        )


def _redirect(url: str, query: dict[str, str]) -> Response:
    return RedirectResponse(f"{url}?{urlencode(query)}", 303)


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _client(request: Request, form: dict[str, str]) -> str | None:
    """The client that has proved to be one; None if it has not."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme == "Basic":
        name, _, secret = base64.b64decode(value).decode().partition(":")
        pair = unquote_plus(name), unquote_plus(secret)
        return GATEWAY if pair == (GATEWAY, SECRET) else None
    if form.get("client_id") == COMMAND:
        return COMMAND
    is_gateway = (form.get("client_id"), form.get("client_secret")) == (GATEWAY, SECRET)
    return GATEWAY if is_gateway else None


def decoded(token: str) -> dict[str, Any]:
    """The claims of a token, without a look at its signature."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found
