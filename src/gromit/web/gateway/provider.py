"""Client of an OpenID Connect provider: asks for a login, redeems its code, and checks ID tokens.

Authlib forms the requests and checks the claims. The signature is checked as that of a job's token:
RS256 with a key that the provider publishes, and nothing else.
"""

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import httpx2
import jwt
import structlog
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc.errors import ExpiredTokenError, JoseError

from gromit.core.security.logins import subject_of
from gromit.core.security.oidc import LEEWAY_S, Claims
from gromit.core.time import Millis
from gromit.errors import InvalidInput, Temporary, TrustError
from gromit.web.bodies import parse_object
from gromit.web.gateway.discovery import Discovery, ProviderEndpoints
from gromit.web.gateway.issuer import ALGORITHM, FETCH_S, IssuerKeyCache, read_bounded

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Codes that are redeemed at the same time."""
LONGEST = 32 * 1024
"""Characters of an ID token: a person may be in hundreds of groups."""
_KID_MAX = 200
_AGAIN = "log in again"


@dataclass(frozen=True, slots=True)
class ProviderClient:
    """The gateway's client at its provider."""

    id: str
    secret: str | None
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """Random values of one login; none of them serves for a second one."""

    state: str
    nonce: str
    verifier: str
    """Proof that the code's owner is who asked for it (PKCE)."""


class LoginProvider:
    """Client of one provider."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        issuer: str,
        client: ProviderClient,
        now_ms: Callable[[], Millis],
    ) -> None:
        """`http` comes from `issuer_client`."""
        self._http = http
        self._client = client
        self._now_ms = now_ms
        self._discovery = Discovery(http, issuer, now_ms)
        self._keys: tuple[str, IssuerKeyCache] | None = None
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._jws = jwt.PyJWS(algorithms=[ALGORITHM])

    @property
    def client_id(self) -> str:
        """Id of the gateway's client."""
        return self._client.id

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def endpoints(self) -> ProviderEndpoints:
        """Return the provider's addresses. Raises `Temporary`."""
        return await self._discovery.endpoints()

    async def login_url(self, attempt: LoginAttempt, redirect_uri: str) -> str:
        """Return the address at which a person logs in. Raises `Temporary`."""
        endpoints = await self.endpoints()
        url: str = prepare_grant_uri(
            endpoints.authorization,
            self._client.id,
            "code",
            redirect_uri,
            " ".join(self._client.scopes),
            attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return url

    async def redeem(self, code: str, attempt: LoginAttempt, redirect_uri: str) -> Claims:
        """Exchange a code for the claims of the person. Raises `TrustError` or `Temporary`."""
        endpoints = await self.endpoints()
        body: str = prepare_token_request(
            "authorization_code",
            redirect_uri=redirect_uri,
            code=code,
            code_verifier=attempt.verifier,
        )
        answer = await self._post(endpoints, body)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise TrustError("the login provider sent no ID token", hint=_AGAIN)
        access = answer.get("access_token")
        return await self.verify(
            token, self._client.id, nonce=attempt.nonce, access_token=str(access or "")
        )

    async def verify(
        self, token: str, audience: str, *, nonce: str | None = None, access_token: str = ""
    ) -> Claims:
        """Return the claims of an ID token for a client. Raises `TrustError` or `Temporary`."""
        claims, header = await self._signed_claims(token)
        expected: Any = {
            "iss": {"essential": True, "value": (await self.endpoints()).issuer},
            "aud": {"essential": True, "value": audience},
        }
        params = {"nonce": nonce, "client_id": audience, "access_token": access_token}
        found = CodeIDToken(claims, header, expected, params)
        try:
            found.validate(now=self._now_ms() // 1000, leeway=LEEWAY_S)
        except JoseError as error:
            raise _refused(_reason(error)) from None
        subject_of(claims)
        return claims

    async def _signed_claims(self, token: str) -> tuple[Claims, Mapping[str, Any]]:
        if len(token) > LONGEST:
            raise _refused("it is too long")
        try:
            header = self._jws.get_unverified_header(token)
        except jwt.PyJWTError:
            raise _refused("it is not a JWT") from None
        kid = header.get("kid")
        if header.get("alg") != ALGORITHM or not isinstance(kid, str) or len(kid) > _KID_MAX:
            raise _refused(f"it is not signed with {ALGORITHM} and a named key")
        key = await (await self._key_cache()).find(kid)
        if key is None:
            raise _refused("it is signed with a key that the provider does not have")
        try:
            return parse_object(self._jws.decode(token, key, algorithms=[ALGORITHM])), header
        except jwt.PyJWTError:
            raise _refused("its signature is wrong") from None
        except InvalidInput:
            raise _refused("its claims cannot be parsed") from None

    async def _key_cache(self) -> IssuerKeyCache:
        url = (await self.endpoints()).keys
        if self._keys is None or self._keys[0] != url:
            self._keys = url, IssuerKeyCache(self._http, url, self._now_ms)
        return self._keys[1]

    async def _post(self, endpoints: ProviderEndpoints, body: str) -> Mapping[str, Any]:
        """Send a request to the token endpoint and return its answer."""
        headers, more = self._authentication(endpoints)
        headers |= {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
            "accept-encoding": "identity",
        }
        try:
            async with self._slots, asyncio.timeout(FETCH_S):
                status, raw = await self._exchange(endpoints.token, body + more, headers)
        except (TimeoutError, httpx2.HTTPError) as error:
            log.warning("gateway.provider_unavailable", url=endpoints.token, error=repr(error))
            raise Temporary(
                "the login provider does not answer now", hint="try again in a minute"
            ) from None
        return _token_answer(status, raw)

    async def _exchange(self, url: str, body: str, headers: Mapping[str, str]) -> tuple[int, bytes]:
        async with self._http.stream("POST", url, content=body, headers=headers) as answer:
            return answer.status_code, await read_bounded(answer)

    def _authentication(self, endpoints: ProviderEndpoints) -> tuple[dict[str, str], str]:
        """Return the headers and the part of the body that show who the client is."""
        name = quote_plus(self._client.id)
        if self._client.secret is None:
            return {}, f"&client_id={name}"
        secret = quote_plus(self._client.secret)
        if endpoints.takes_basic:
            # Both parts are encoded first (RFC 6749, 2.3.1), so that a secret may have a colon.
            pair = base64.b64encode(f"{name}:{secret}".encode()).decode()
            return {"authorization": f"Basic {pair}"}, ""
        return {}, f"&client_id={name}&client_secret={secret}"


def _token_answer(status: int, raw: bytes) -> Mapping[str, Any]:
    """Return the answer of a token endpoint. Raises `TrustError` if it refuses the code."""
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        answer = {}
    if status == 200 and answer:
        return answer
    reason = str(answer.get("error", f"status {status}"))[:100]
    log.warning("gateway.code_refused", status=status, reason=reason)
    if status >= 500 or status == 429:
        raise Temporary("the login provider does not answer now", hint="try again in a minute")
    raise TrustError(f"the login provider refused the login: {reason}", hint=_AGAIN)


def _refused(reason: str) -> TrustError:
    return TrustError(f"the ID token is not valid: {reason}", hint=_AGAIN)


def _reason(error: JoseError) -> str:
    """Return what is wrong with a claim, by its name."""
    if isinstance(error, ExpiredTokenError):
        return "it has expired"
    claim = getattr(error, "claim", None)
    return f"its claim {claim} is wrong" if claim else str(error.description or error.error)
