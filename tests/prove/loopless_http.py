"""A client of serve's API in the same process: the real client and the real routes, no network."""

import asyncio
import threading
from typing import Any

import httpx2
from fastapi import FastAPI, Request

from gromit.core.security.roles import Role
from gromit.web.api.admission import Caller
from gromit.web.clients.serve import ServeClient

_ROLE = "x-role"


def caller_from_header(request: Request) -> Caller:
    """Return the caller that a client of this module names."""
    role = Role(request.headers[_ROLE])
    return Caller(str(role), role)


class InProcess(httpx2.BaseTransport):
    """Passes requests to an application, in a thread with an event loop."""

    def __init__(self, app: FastAPI) -> None:
        self._http = httpx2.ASGITransport(app)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the response, read whole."""
        return asyncio.run_coroutine_threadsafe(self._handle(request), self._loop).result()

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        body: Any = httpx2.ByteStream(request.read())
        asked = httpx2.Request(request.method, request.url, headers=request.headers, stream=body)
        answer = await self._http.handle_async_request(asked)
        return httpx2.Response(
            answer.status_code, headers=answer.headers, content=await answer.aread()
        )


def client(transport: InProcess, role: Role) -> ServeClient:
    """Return a client with the certificate of a role."""
    http = httpx2.Client(
        transport=transport, base_url="http://serve", headers={_ROLE: role}, trust_env=False
    )
    return ServeClient(http)
