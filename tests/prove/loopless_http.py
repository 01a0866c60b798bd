"""A client of serve's API in the same process: the real client and the real routes, no network."""

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
from fastapi import FastAPI, Request

from gromit.core.security.roles import Role
from gromit.web.api.admission import Caller
from gromit.web.clients.connections import ClientRequest, ClientResponse
from gromit.web.clients.serve import ServeClient
from tests.fakes.retries import AT_ONCE

_ROLE = "x-role"
_URL = "http://serve"


def caller_from_header(request: Request) -> Caller:
    """Return the caller that a client of this module names."""
    role = Role(request.headers[_ROLE])
    return Caller(str(role), role)


class InProcess:
    """Passes requests to an application, in a thread with an event loop."""

    def __init__(self, app: FastAPI) -> None:
        self._http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url=_URL, trust_env=False
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def send(self, role: Role, request: ClientRequest) -> httpx2.Response:
        """Return the response to a caller of a role, read whole."""
        headers = {_ROLE: str(role), "Content-Type": "application/json"}
        asked = self._http.request(
            request.method, request.path, content=request.body, headers=headers
        )
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result()

    def close(self) -> None:
        """End the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(frozen=True, slots=True)
class _Caller:
    """The transport of a client with a role."""

    server: InProcess
    role: Role
    url: str = _URL

    @contextmanager
    def send(self, request: ClientRequest) -> Iterator[ClientResponse]:
        answer = self.server.send(self.role, request)
        yield ClientResponse(
            str(answer.url), answer.status_code, answer.headers, io.BytesIO(answer.content)
        )

    def close(self) -> None:
        """Keep the server, which others use."""


def client(server: InProcess, role: Role) -> ServeClient:
    """Return a client with the certificate of a role."""
    return ServeClient(_Caller(server, role), AT_ONCE)
