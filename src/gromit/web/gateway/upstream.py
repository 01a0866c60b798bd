"""serve, as the gateway reaches it: one fixed address, our own headers alone, no redirect, no proxy, and an end to everything."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import httpx2
import structlog

from gromit.core.security.certificates import is_dns_name
from gromit.errors import ConfigError
from gromit.web.api.wire import REPOSITORY_HEADER
from gromit.web.tls import REFUSED, ClientTls

log = structlog.get_logger(__name__)

ANSWER_BYTES = 1024 * 1024
"""Far beyond any answer of serve to a gateway."""
CONNECT_S = 5.0
_BROKEN = (httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError, ssl.SSLError)
"""How a connection breaks; an alert of TLS comes through httpx as it is."""
KEEPALIVE_S = 4.0
"""Shorter than serve keeps idle connections, so that none is used that serve is just about to close."""


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """What serve has answered, or what is said in its place."""

    status: int
    body: bytes
    content_type: str
    retry_after: str | None = None


class Upstream:
    """The client of a gateway."""

    def __init__(self, http: httpx2.AsyncClient, timeout: timedelta) -> None:
        """`http` comes from `upstream_client`; `timeout` bounds one request as a whole."""
        self._http = http
        self._timeout_s = timeout.total_seconds()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def send(
        self, method: str, path: str, repository: str | None, body: Mapping[str, str] | None = None
    ) -> UpstreamResponse:
        """One request, vouching for `repository` (None: for all of them). It is sent once: only connecting is tried again.

        502 and 504 stand for a serve that cannot be reached, answers nonsense, or is too slow.
        """
        headers = {"accept-encoding": "identity", "content-type": "application/json"}
        if repository is not None:
            headers[REPOSITORY_HEADER] = repository
        content = None if body is None else json.dumps(body).encode()
        is_answered = False
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._http.stream(method, path, content=content, headers=headers) as answer,
            ):
                is_answered = True
                return await _read(answer)
        except (TimeoutError, httpx2.TimeoutException):
            log.warning("gateway.upstream_slow", method=method, seconds=self._timeout_s)
            return _instead(504, "serve did not answer in time")
        except (httpx2.HTTPError, ssl.SSLError) as error:
            hint = REFUSED if isinstance(error, _BROKEN) and not is_answered else None
            log.warning("gateway.upstream_failed", method=method, error=repr(error), hint=hint)
            return _instead(502, "serve cannot be reached")


def upstream_client(url: str, tls: ClientTls) -> httpx2.AsyncClient:
    """A client of the serve at `url`, whose certificate follows its files. Raises `ConfigError` unless that is HTTPS."""

    async def renew(_request: httpx2.Request) -> None:
        tls.refresh()

    limits = httpx2.Limits(
        max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEEPALIVE_S
    )
    return httpx2.AsyncClient(
        base_url=_https(url),
        transport=httpx2.AsyncHTTPTransport(
            verify=tls.context, trust_env=False, retries=1, limits=limits
        ),
        timeout=httpx2.Timeout(None, connect=CONNECT_S),
        trust_env=False,
        follow_redirects=False,
        event_hooks={"request": [renew]},
    )


def _https(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, odd = (
            parts.hostname or "",
            parts.port == 0 or parts.username or parts.query or parts.fragment,
        )
    except ValueError:
        parts, host, odd = urlsplit(""), "", True
    if parts.scheme != "https" or not (is_dns_name(host) or ":" in host) or odd:
        hint = (
            "write it like https://serve.internal: the gateway speaks to serve in mutual TLS alone"
        )
        raise ConfigError(f"serve.url {url!r} is not the address of serve", hint=hint)
    return url


async def _read(answer: httpx2.Response) -> UpstreamResponse:
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > ANSWER_BYTES:
            log.warning("gateway.upstream_failed", error=f"an answer beyond {ANSWER_BYTES} bytes")
            return _instead(502, "serve has answered too much")
    if not 200 <= answer.status_code < 300 and not 400 <= answer.status_code < 600:
        log.warning("gateway.upstream_failed", error=f"status {answer.status_code}")
        return _instead(502, "what has answered is not serve")
    content_type = answer.headers.get("content-type", "application/octet-stream")
    return UpstreamResponse(
        answer.status_code, bytes(body), content_type, answer.headers.get("retry-after")
    )


def _instead(status: int, error: str) -> UpstreamResponse:
    return UpstreamResponse(status, json.dumps({"error": error}).encode(), "application/json")
