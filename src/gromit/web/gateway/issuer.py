"""The public keys of an issuer of OIDC tokens (RFC 7517), fetched when they are needed.

Keys are kept, looked up anew after an hour or for a key that is not among them, and never more often than every ten seconds,
whatever clients send. If the issuer cannot be reached, what was fetched serves for a day; then nobody can tell good from bad.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from gromit.core.security.loopback import is_loopback
from gromit.core.time import Millis
from gromit.errors import ConfigError, GromitError, InvalidInput, Temporary
from gromit.web.bodies import parse_object

log = structlog.get_logger(__name__)

ALGORITHM = "RS256"
"""The one that GitHub signs with; no other is ever accepted."""
FRESH_MS = 3_600_000
KEPT_MS = 24 * 3_600_000
PAUSE_MS = 10_000
FETCH_S = 5.0
ANSWER_BYTES = 256 * 1024
KEY_BITS = 2048
"""Shorter keys of RSA are not taken, as RFC 7518 demands."""


class IssuerKeyCache:
    """The keys of one issuer."""

    def __init__(self, http: httpx2.AsyncClient, url: str, now_ms: Callable[[], Millis]) -> None:
        """`http` comes from `issuer_client`, `url` from `keys_url`."""
        self._http = http
        self._url = url
        self._now_ms = now_ms
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_ms: Millis | None = None
        self._tried_ms: Millis | None = None
        self._fetching = asyncio.Lock()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def find(self, kid: str) -> jwt.PyJWK | None:
        """The key of that id; None if the issuer has none. Raises `Temporary` if that cannot be told just now."""
        if kid in self._keys and self._age_ms() < FRESH_MS:
            return self._keys[kid]
        asked_ms = self._now_ms()
        async with self._fetching:  # those who wait here see what the first of them has fetched
            if (kid not in self._keys or self._age_ms() >= FRESH_MS) and self._may_try():
                await self._refresh()
        if kid in self._keys and self._age_ms() < KEPT_MS:
            return self._keys[kid]
        if self._fetched_ms is None or self._fetched_ms < asked_ms:
            raise Temporary(
                "the issuer's keys cannot be had just now", hint="send the request again"
            )
        return None

    def _age_ms(self) -> float:
        return float("inf") if self._fetched_ms is None else self._now_ms() - self._fetched_ms

    def _may_try(self) -> bool:
        return self._tried_ms is None or self._now_ms() - self._tried_ms >= PAUSE_MS

    async def _refresh(self) -> None:
        self._tried_ms = self._now_ms()
        try:
            async with asyncio.timeout(FETCH_S):
                self._keys = dict(_usable(await self._read()))
        except (TimeoutError, httpx2.HTTPError, GromitError) as error:
            log.warning("gateway.keys_unavailable", url=self._url, error=repr(error))
            return
        self._fetched_ms = self._now_ms()
        log.info("gateway.keys_fetched", url=self._url, keys=len(self._keys))

    async def _read(self) -> bytes:
        body = bytearray()
        async with self._http.stream(
            "GET", self._url, headers={"accept-encoding": "identity"}
        ) as answer:
            if answer.status_code != 200:
                raise Temporary(f"status {answer.status_code}")
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > ANSWER_BYTES:
                    raise Temporary(f"an answer beyond {ANSWER_BYTES} bytes")
        return bytes(body)


def issuer_client() -> httpx2.AsyncClient:
    """A client for an issuer: what the system trusts, no redirect, no proxy."""
    return httpx2.AsyncClient(
        transport=httpx2.AsyncHTTPTransport(trust_env=False, retries=1),
        timeout=httpx2.Timeout(FETCH_S),
        trust_env=False,
        follow_redirects=False,
    )


def keys_url(issuer: str, keys: str | None) -> str:
    """Where an issuer's keys lie. Raises `ConfigError` unless nobody on the way could put his own in their place."""
    url = keys or f"{issuer.rstrip('/')}/.well-known/jwks"
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL:
        parts = httpx2.URL()
    if not parts.host or not (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.host))
    ):
        hint = "gateway.oidc.issuer and gateway.oidc.keys are https:// addresses"
        raise ConfigError(f"the issuer's keys cannot be fetched safely from {url!r}", hint=hint)
    return url


def _usable(body: bytes) -> Iterator[tuple[str, jwt.PyJWK]]:
    """The keys in a JWKS that may sign tokens; others are passed over. Raises `InvalidInput` if there is none."""
    found = parse_object(body).get("keys")
    keys = (
        [key for entry in found if (key := _key(entry)) is not None]
        if isinstance(found, list)
        else []
    )
    if not keys:
        raise InvalidInput("the issuer's answer holds no key that could be used")
    yield from keys


def _key(entry: Any) -> tuple[str, jwt.PyJWK] | None:
    match entry:
        case {"kty": "RSA", "kid": str(kid), "n": str(n), "e": str(e)}:
            if entry.get("use", "sig") != "sig" or entry.get("alg", ALGORITHM) != ALGORITHM:
                return None
        case _:
            return None
    try:
        key = jwt.PyJWK({"kty": "RSA", "n": n, "e": e}, ALGORITHM)
    except (jwt.PyJWTError, ValueError):
        return None
    return (
        (kid, key) if isinstance(key.key, RSAPublicKey) and key.key.key_size >= KEY_BITS else None
    )
