"""Client of serve for the gateway: one fixed address, only its own headers, no redirect or proxy.

Times and sizes are bounded.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import structlog

from gromit.core.security.certificates import is_dns_name
from gromit.errors import ConfigError, Temporary
from gromit.web.api.legacy_routes import OUTCOME_HEADER
from gromit.web.tls import REFUSED, ClientTls

log = structlog.get_logger(__name__)

ANSWER_BYTES = 1024 * 1024
"""Far more than any response of serve to a release workflow."""
PEOPLE_BYTES = 16 * ANSWER_BYTES
"""Far more than a page of environments."""
CONNECT_S = 5.0
_BROKEN = (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError, ssl.SSLError)
"""Errors of a broken connection; httpx does not wrap a TLS alert."""
STREAM_QUIET_S = 45.0
"""Longest silence of a stream; serve sends a comment every 15 s."""
KEEPALIVE_S = 4.0
"""Shorter than the idle time of serve, so that no connection is used while serve closes it."""


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """Response of serve, or the error that replaces it."""

    status: int
    body: bytes
    content_type: str
    retry_after: str | None = None
    outcome: str | None = None
    """Result of a build that has a sequence."""


class Upstream:
    """Client of serve."""

    def __init__(self, http: httpx2.AsyncClient, timeout: timedelta) -> None:
        """`http` comes from `upstream_client`; `timeout` bounds a whole request."""
        self._http = http
        self._timeout_s = timeout.total_seconds()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def send(
        self,
        method: str,
        path: str,
        own: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        *,
        longest: int = ANSWER_BYTES,
    ) -> UpstreamResponse:
        """Send a request once, with `own` headers; only connecting is retried.

        Return 502 if serve cannot be reached or its response is unusable, 504 if it is too slow.
        """
        headers = {**own, "accept-encoding": "identity", "content-type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        is_answered = False
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._http.stream(method, path, content=content, headers=headers) as answer,
            ):
                is_answered = True
                return await _read(answer, longest)
        except (TimeoutError, httpx2.TimeoutException):
            log.warning("gateway.upstream_slow", method=method, seconds=self._timeout_s)
            return _error(504, "serve did not answer in time")
        except (httpx2.HTTPError, ssl.SSLError) as error:
            hint = REFUSED if isinstance(error, _BROKEN) and not is_answered else None
            log.warning("gateway.upstream_failed", method=method, error=repr(error), hint=hint)
            return _error(502, "serve cannot be reached")

    async def lines(self, path: str, own: Mapping[str, str]) -> AsyncGenerator[str]:
        """Yield the lines of a stream of serve, until it ends. Raises `Temporary`."""
        timeout = httpx2.Timeout(STREAM_QUIET_S, connect=CONNECT_S)
        try:
            async with self._http.stream("GET", path, headers=dict(own), timeout=timeout) as answer:
                if answer.status_code != 200:
                    raise Temporary(f"serve answered {answer.status_code} to {path}")
                async for line in answer.aiter_lines():
                    yield line
        except (httpx2.HTTPError, httpx2.StreamError, ssl.SSLError) as error:
            raise Temporary(f"the stream {path} of serve broke: {error!r}") from error


def upstream_client(url: str, tls: ClientTls) -> httpx2.AsyncClient:
    """Return a client of the serve at `url`; its certificate follows its files.

    Raises `ConfigError` unless `url` is HTTPS.
    """

    async def renew(_request: httpx2.Request) -> None:
        tls.refresh()

    client = client_of_gateway(_https(url), tls.context)
    client.event_hooks = {"request": [renew]}
    return client


def client_of_gateway(url: str, context: ssl.SSLContext) -> httpx2.AsyncClient:
    """Return a client of the gateway at `url`, which a login has found to be the address of one."""
    limits = httpx2.Limits(
        max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE_S
    )
    return httpx2.AsyncClient(
        base_url=url,
        transport=httpx2.AsyncHTTPTransport(
            verify=context, trust_env=False, retries=1, limits=limits
        ),
        timeout=httpx2.Timeout(None, connect=CONNECT_S),
        trust_env=False,
        follow_redirects=False,
    )


def _https(url: str) -> str:
    if not _is_https_address(url):
        hint = "write it like https://serve.internal: the gateway reaches serve by mutual TLS only"
        raise ConfigError(f"serve.url {url!r} is not the address of serve", hint=hint)
    return url


def _is_https_address(url: str) -> bool:
    """Whether a URL has a host, and nothing that a base address does not have."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    has_more = port == 0 or parts.username or parts.query or parts.fragment
    is_host = is_dns_name(host) or ":" in host  # an IPv6 address has colons
    return parts.scheme == "https" and is_host and not has_more


async def _read(answer: httpx2.Response, longest: int) -> UpstreamResponse:
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > longest:
            log.warning("gateway.upstream_failed", error=f"response of more than {longest} bytes")
            return _error(502, "the response of serve is too long")
    if not 200 <= answer.status_code < 300 and not 400 <= answer.status_code < 600:
        log.warning("gateway.upstream_failed", error=f"status {answer.status_code}")
        return _error(502, "the server at serve.url is not serve")
    headers = answer.headers
    return UpstreamResponse(
        answer.status_code,
        bytes(body),
        headers.get("content-type", "application/octet-stream"),
        headers.get("retry-after"),
        headers.get(OUTCOME_HEADER),
    )


def _error(status: int, error: str) -> UpstreamResponse:
    return UpstreamResponse(status, json.dumps({"error": error}).encode(), "application/json")
