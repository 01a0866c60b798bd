"""Many clients of serve at once: connections with mutual TLS, and requests over them.

The client is as lean as possible, because it shares the machine with what is measured.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from gromit.core.security.roles import Role
from gromit.web.tls import ClientTls
from tests.bench.served import MeasuredServe

_CLOSE_S = 5.0


def tls_context(serve: MeasuredServe, role: Role = Role.GATEWAY) -> ssl.SSLContext:
    """Return the TLS context of a client with a role."""
    return ClientTls(serve.certificates.of(role)).context


def build_of(number: int, environments: int) -> bytes:
    """Return a request that reports a build, each time another one of another environment."""
    ref = f"refs/heads/e{number % environments:05d}"
    body = json.dumps({"repo": "tyk", "ref": ref, "sha": f"{number:040x}"}).encode()
    return _request("POST", "/newbuild", body)


def get_of(path: str) -> bytes:
    """Return a request that reads a path."""
    return _request("GET", path, b"")


def post_of(path: str, body: Mapping[str, Any]) -> bytes:
    """Return a request with a JSON body."""
    return _request("POST", path, json.dumps(body).encode())


def _request(method: str, path: str, body: bytes) -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body."""

    status: int
    body: bytes


class Connection:
    """One connection, which is kept for all of its requests."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    async def send(self, request: bytes) -> Answer:
        """Send a request and wait for its answer."""
        self._writer.write(request)
        return await self._answer()

    async def open_stream(self, request: bytes) -> None:
        """Send a request whose answer does not end, and read the head of the answer."""
        self._writer.write(request)
        status, _ = await self._head()
        assert status == 200, status

    async def close(self) -> None:
        """Close it."""
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._writer.wait_closed()

    async def _answer(self) -> Answer:
        status, headers = await self._head()
        length = int(headers.get("content-length", 0))
        return Answer(status, await self.reader.readexactly(length) if length else b"")

    async def _head(self) -> tuple[int, Mapping[str, str]]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {key.lower(): value.strip() for key, _, value in pairs}
        return int(first.split()[1]), headers


async def connect(serve: MeasuredServe, context: ssl.SSLContext) -> Connection:
    """Open a connection."""
    host, _, port = serve.address.rpartition(":")
    return Connection(*await asyncio.open_connection(host, int(port), ssl=context))


@asynccontextmanager
async def connections(serve: MeasuredServe, count: int) -> AsyncIterator[Sequence[Connection]]:
    """Open a number of connections, one after another."""
    context = tls_context(serve)
    opened = [await connect(serve, context) for _ in range(count)]
    try:
        yield opened
    finally:
        for connection in opened:
            await connection.close()


async def send_all(opened: Sequence[Connection], requests: Sequence[bytes]) -> list[float]:
    """Send requests, each connection one after another; return the seconds that each took.

    Raises `AssertionError` for an answer that is no success.
    """
    waiting = iter(requests)
    took: list[float] = []

    async def work_off(connection: Connection) -> None:
        for request in waiting:
            began = perf_counter()
            answer = await connection.send(request)
            took.append(perf_counter() - began)
            assert answer.status == 200, answer

    await asyncio.gather(*map(work_off, opened))
    return took


async def send_at_rate(
    opened: Sequence[Connection], requests: Sequence[bytes], per_second: float
) -> list[float]:
    """Send requests at a steady rate, whether or not the ones before have been answered.

    Return the seconds from the instant of each until its answer, waiting for a connection included.
    """
    free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
    for connection in opened:
        free.put_nowait(connection)
    began, took = perf_counter(), list[float]()

    async def send_one(number: int, request: bytes) -> None:
        due = began + number / per_second
        await asyncio.sleep(max(0.0, due - perf_counter()))
        connection = await free.get()
        answer = await connection.send(request)
        took.append(perf_counter() - due)
        free.put_nowait(connection)
        assert answer.status == 200, answer

    await asyncio.gather(*(send_one(number, request) for number, request in enumerate(requests)))
    return took


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    place = max(0, min(len(ordered) - 1, -int(-share * len(ordered) // 1) - 1))
    return ordered[place]
