"""Connections to one server that are kept for the next request.

A request is one write, and no layer copies its headers.
"""

import http.client
import select
import socket
import ssl
import weakref
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)

from gromit.adapters.aws.http_answers import RawAnswer, read_answer


@dataclass(frozen=True, slots=True)
class ConnectionTimes:
    """Longest waits, in seconds: for a connection, and for each read."""

    connect_s: float
    read_s: float


class KeptConnections:
    """Sends requests to a server. Thread-safe: each request has a connection of its own.

    There are as many connections as requests at once, and each is kept. Failures are those of the
    SDK, so that its rules for retries apply.
    """

    def __init__(self, url: str, times: ConnectionTimes, tls: ssl.SSLContext | None) -> None:
        parts = urlsplit(url)
        self._url = url
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._times = times
        self._tls = tls
        self._idle: deque[socket.socket] = deque()
        self.close = weakref.finalize(self, _close_all, self._idle)
        """Closes the connections that no request uses; the end of the object does so, too."""

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> RawAnswer:
        """Send a request, and return its answer. Raises the errors of the SDK."""
        lines = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in headers.items())
        head = f"POST {path} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        connection = self._taken() or self._connected()
        is_kept = False
        try:
            connection.sendall(head.encode("latin-1") + body)
            answer, is_kept = read_answer(connection)
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionClosedError(endpoint_url=self._url, error=error) from error
        finally:
            if is_kept:
                self._idle.append(connection)
            else:
                connection.close()
        return answer

    def _taken(self) -> socket.socket | None:
        """Return the connection that was used last and is still open; None if there is none."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not _is_readable(connection):
                return connection
            connection.close()  # the server has ended it, or sent what no request asked for

    def _connected(self) -> socket.socket:
        try:
            connection = socket.create_connection((self._host, self._port), self._times.connect_s)
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self._url, error=error) from error
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_hostname=self._host)
            connection.settimeout(self._times.read_s)
        except TimeoutError as error:
            connection.close()
            raise ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except ssl.SSLError as error:
            connection.close()
            raise SSLError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            connection.close()
            raise EndpointConnectionError(endpoint_url=self._url, error=error) from error
        return connection


def _close_all(connections: deque[socket.socket]) -> None:
    while connections:
        connections.pop().close()


def _is_readable(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


def _one_line(value: str) -> str:
    if "\r" in value or "\n" in value:
        raise ValueError("a header of a request to AWS has a line break")
    return value
