"""Public keys of an issuer of OIDC tokens (RFC 7517), fetched on demand.

Keys are cached and fetched again after an hour, or if a token names an unknown key, but never more
often than every ten seconds, whatever clients send. If the issuer cannot be reached, cached keys
serve for a day. After that no token can be verified.
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
"""The algorithm of GitHub's signatures; no other is accepted."""
FRESH_MS = 3_600_000
"""Age up to which keys are used without asking the issuer."""
KEPT_MS = 24 * 3_600_000
"""Age up to which keys are used while the issuer cannot be reached."""
PAUSE_MS = 10_000
"""Shortest interval of two fetches."""
FETCH_S = 5.0
ANSWER_BYTES = 256 * 1024
KEY_BITS = 2048
"""Minimum length of an RSA key (RFC 7518)."""


class IssuerKeyCache:
    """Keys of one issuer."""

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
        """Return the key with this id; None if the issuer has no such key.

        Raises `Temporary` if the issuer cannot be asked now.
        """
        if kid in self._keys and self._age_ms() < FRESH_MS:
            return self._keys[kid]
        asked_ms = self._now_ms()
        async with self._fetching:
            # Another request may have fetched the keys while this one waited for the lock.
            is_needed = kid not in self._keys or self._age_ms() >= FRESH_MS
            if is_needed and self._may_try():
                await self._refresh()
        if kid in self._keys and self._age_ms() < KEPT_MS:
            return self._keys[kid]
        # Only keys fetched after the question prove that the issuer does not have this one.
        if self._fetched_ms is None or self._fetched_ms < asked_ms:
            raise Temporary(
                "the issuer's keys cannot be fetched now", hint="send the request again"
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
                self._keys = dict(_usable(await fetch(self._http, self._url)))
        except (TimeoutError, httpx2.HTTPError, GromitError) as error:
            log.warning("gateway.keys_unavailable", url=self._url, error=repr(error))
            return
        self._fetched_ms = self._now_ms()
        log.info("gateway.keys_fetched", url=self._url, keys=len(self._keys))


async def fetch(http: httpx2.AsyncClient, url: str) -> bytes:
    """Return the body at an address of an issuer. Raises `Temporary` for any status but 200."""
    async with http.stream("GET", url, headers={"accept-encoding": "identity"}) as answer:
        if answer.status_code != 200:
            raise Temporary(f"status {answer.status_code}")
        return await read_bounded(answer)


async def read_bounded(answer: httpx2.Response) -> bytes:
    """Return the body of a response. Raises `Temporary` if it is too long."""
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > ANSWER_BYTES:
            raise Temporary(f"response of more than {ANSWER_BYTES} bytes")
    return bytes(body)


def issuer_client() -> httpx2.AsyncClient:
    """Return a client for an issuer: it trusts the system's CAs, and uses no redirect or proxy."""
    return httpx2.AsyncClient(
        transport=httpx2.AsyncHTTPTransport(trust_env=False, retries=1),
        timeout=httpx2.Timeout(FETCH_S),
        trust_env=False,
        follow_redirects=False,
    )


def keys_url(issuer: str, keys: str | None) -> str:
    """Return the address of an issuer's keys.

    Raises `ConfigError` unless it is HTTPS or on loopback: anyone between could replace the keys.
    """
    url = keys or f"{issuer.rstrip('/')}/.well-known/jwks"
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL:
        parts = httpx2.URL()
    is_local = parts.scheme == "http" and is_loopback(parts.host)
    if not parts.host or not (parts.scheme == "https" or is_local):
        hint = "gateway.oidc.issuer and gateway.oidc.keys are https:// addresses"
        raise ConfigError(f"the issuer's keys cannot be fetched safely from {url!r}", hint=hint)
    return url


def _usable(body: bytes) -> Iterator[tuple[str, jwt.PyJWK]]:
    """Yield the usable keys of a JWKS with their ids. Raises `InvalidInput` if there are none."""
    found = parse_object(body).get("keys")
    entries = found if isinstance(found, list) else []
    keys = [key for entry in entries if (key := _key(entry)) is not None]
    if not keys:
        raise InvalidInput("the issuer's response contains no usable key")
    yield from keys


def _key(entry: Any) -> tuple[str, jwt.PyJWK] | None:
    """Return id and key of a JWKS entry; None unless it is an RSA key for signatures."""
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
    if not isinstance(key.key, RSAPublicKey) or key.key.key_size < KEY_BITS:
        return None
    return kid, key
