"""Addresses of an OpenID Connect provider, from its discovery document.

The document is cached and fetched again after an hour, but never more often than every ten seconds.
If the provider cannot be reached, the cached document serves for a day.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import structlog

from gromit.core.security.loopback import is_loopback
from gromit.core.time import Millis
from gromit.errors import GromitError, Temporary
from gromit.web.gateway.issuer import FETCH_S, FRESH_MS, KEPT_MS, PAUSE_MS, fetch

log = structlog.get_logger(__name__)

PATH = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEndpoints:
    """Addresses of a provider, and what it says of itself."""

    issuer: str
    authorization: str
    token: str
    keys: str
    end_session: str | None = None
    """Address that ends the session at the provider; None if it has none."""
    device: str | None = None
    """Address that starts a login on another device; None if it has none."""
    revocation: str | None = None
    """Address that ends a refresh token; None if it has none."""
    takes_basic: bool = True
    """Whether a client may show its secret in an Authorization header."""
    names_itself: bool = False
    """Whether its answers always carry its name, the parameter `iss` (RFC 9207)."""


class Discovery:
    """The endpoints of one provider."""

    def __init__(self, http: httpx2.AsyncClient, issuer: str, now_ms: Callable[[], Millis]) -> None:
        """`http` comes from `issuer_client`."""
        self._http = http
        self._issuer = issuer
        self._now_ms = now_ms
        self._found: ProviderEndpoints | None = None
        self._fetched_ms = 0
        self._tried_ms: int | None = None
        self._fetching = asyncio.Lock()

    async def endpoints(self) -> ProviderEndpoints:
        """Return the endpoints. Raises `Temporary` if the provider cannot be asked now."""
        async with self._fetching:
            if self._is_due():
                await self._refresh()
        if self._found is None or self._now_ms() - self._fetched_ms >= KEPT_MS:
            raise Temporary(
                "the login provider cannot be reached now, or does not describe itself",
                hint="try again in a minute",
            )
        return self._found

    def _is_due(self) -> bool:
        now = self._now_ms()
        if self._tried_ms is not None and now - self._tried_ms < PAUSE_MS:
            return False
        return self._found is None or now - self._fetched_ms >= FRESH_MS

    async def _refresh(self) -> None:
        self._tried_ms = self._now_ms()
        url = self._issuer.rstrip("/") + PATH
        try:
            async with asyncio.timeout(FETCH_S):
                found = parse_endpoints(await fetch(self._http, url), self._issuer)
        except (TimeoutError, httpx2.HTTPError, GromitError) as error:
            log.warning("gateway.provider_unavailable", url=url, error=repr(error))
            return
        self._found, self._fetched_ms = found, self._now_ms()
        log.info("gateway.provider_found", url=url)


def parse_endpoints(raw: bytes, issuer: str) -> ProviderEndpoints:
    """Return what a discovery document says. Raises `Temporary` if it is not usable."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise Temporary("the document is not JSON") from None
    if not isinstance(document, dict):
        raise Temporary("the document is not a JSON object")
    if document.get("issuer") != issuer:
        # Otherwise another issuer on the same host could speak for this one.
        raise Temporary(f"the document is of the issuer {document.get('issuer')!r}"[:300])
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return ProviderEndpoints(
        issuer=issuer,
        authorization=_required(document, "authorization_endpoint"),
        token=_required(document, "token_endpoint"),
        keys=_required(document, "jwks_uri"),
        end_session=_endpoint(document, "end_session_endpoint"),
        device=_endpoint(document, "device_authorization_endpoint"),
        revocation=_endpoint(document, "revocation_endpoint"),
        takes_basic=isinstance(methods, list) and "client_secret_basic" in methods,
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _required(document: Mapping[str, Any], name: str) -> str:
    found = _endpoint(document, name)
    if found is None:
        raise Temporary(f"the document has no {name}")
    return found


def _endpoint(document: Mapping[str, Any], name: str) -> str | None:
    """Return an address in the document; None if there is none.

    Raises `Temporary` unless it is HTTPS or on loopback: codes and secrets are sent there.
    """
    text = document.get(name)
    if text is None:
        return None
    try:
        parts = httpx2.URL(text)
    except (httpx2.InvalidURL, TypeError):
        parts = httpx2.URL()
    is_local = parts.scheme == "http" and is_loopback(parts.host)
    if not parts.host or parts.userinfo or not (parts.scheme == "https" or is_local):
        raise Temporary(f"the document has an unsafe {name}")
    return str(text)
