"""Limits for clients: sizes and times of requests, and requests per minute.

The server reads the whole body before it calls the application. So a slow or oversized body
occupies no worker thread, and no handler ever sees half of one.
"""

import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gromit.core.time import Millis

MINUTE_MS = 60_000
MOST_KEYS = 20_000
"""Keys that one limit remembers, in some megabytes."""
FORGOTTEN_AT_ONCE = 4
"""Keys that one request forgets at most: more than it adds, so old ones never pile up."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLimits:
    """Limits of one listener. Times are in seconds, sizes in bytes."""

    handshake_s: float = 5.0
    head_s: float = 10.0
    """Time from the first byte of a request (or the handshake) to the end of its headers."""
    body_s: float = 10.0
    idle_s: int = 30
    write_s: float = 30.0
    """Time for which a client may leave a response unread."""
    head_bytes: int = 32 * 1024
    body_bytes: int = 64 * 1024
    connections: int = 256
    peer_connections: int = 64
    """Connections, streams included, of one client certificate of a person."""
    address_connections: int = 64
    """Connections of one address that show no certificate. Beyond it one of its own makes room."""
    kept_connections: int = 32
    """Part of `connections` that is kept for the gateway and the workers."""
    handshakes: int = 512
    """Handshakes in progress. Beyond that the oldest is cut: an honest one takes milliseconds."""


class BodyLimit:
    """Passes requests on to `app` with their whole body; answers 413 to a longer body."""

    def __init__(self, app: App, max_bytes: int) -> None:
        self._app = app
        self._max = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _declared_length(scope) > self._max:
            await self._refuse(send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._max:
                await self._refuse(send)
                return
        await self._app(scope, _replay(bytes(body), receive), send)

    async def _refuse(self, send: Send) -> None:
        await answer_error(send, 413, f"the body is longer than {self._max} bytes")


class RateLimit:
    """Token bucket per key: `per_minute` requests, in one burst after a quiet minute.

    A key is forgotten after a quiet minute, when its bucket is full again. Beyond `most` keys the
    one that was quiet for the longest time is forgotten.
    """

    def __init__(self, per_minute: int, most: int = MOST_KEYS) -> None:
        self._per_ms = per_minute / MINUTE_MS
        self._size = float(per_minute)
        self._most = most
        self._buckets: OrderedDict[str, tuple[float, Millis]] = OrderedDict()
        """Level and time of the last request by key, the last one at the end."""

    @property
    def remembered(self) -> int:
        """Number of keys that are remembered."""
        return len(self._buckets)

    def wait_ms(self, key: str, now: Millis) -> int:
        """Return 0 and count the request if it is allowed, else the milliseconds until one is."""
        level, at = self._buckets.get(key, (self._size, now))
        level = min(self._size, level + max(0, now - at) * self._per_ms)
        is_allowed = level >= 1
        self._buckets[key] = (level - 1 if is_allowed else level, now)
        self._buckets.move_to_end(key)
        self._forget(now)
        return 0 if is_allowed else max(1, round((1 - level) / self._per_ms))

    def _forget(self, now: Millis) -> None:
        """Forget keys whose buckets are full again, and those that are too many."""
        for key, (_, at) in list(islice(self._buckets.items(), FORGOTTEN_AT_ONCE)):
            if len(self._buckets) <= self._most and now - at < MINUTE_MS:
                return
            del self._buckets[key]


async def answer_error(
    send: Send, status: int, error: str, headers: Mapping[str, str] | None = None
) -> None:
    """Answer `{"error": …}` from a layer around the application."""
    body = json.dumps({"error": error}).encode()
    fields = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **(headers or {}),
    }
    raw = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _declared_length(scope: Scope) -> int:
    """Return the Content-Length header; 0 without one."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
    return 0


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that yields a body that was already read, then what follows it."""
    rest = [body]

    async def replay() -> Message:
        if rest:
            return {"type": "http.request", "body": rest.pop(), "more_body": False}
        return await receive()

    return replay
