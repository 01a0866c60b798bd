"""Connections to serve: kept, replaced and closed, over real sockets."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from gromit.errors import ConfigError, Temporary
from gromit.web.clients.connections import ClientRequest, HttpConnections
from tests.waiting import PATIENCE_S, wait_for

GET = ClientRequest("GET", "/loglevel")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
KEPT = HEAD + b"\r\n{}"
CLOSED = HEAD + b"Connection: close\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"


@dataclass
class Server:
    """Answers every request of every connection with the same bytes."""

    answer: bytes
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    connections: list[socket.socket] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections.append(connection)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_S)
        with suppress(OSError):
            while head := connection.recv(4096):
                self.heads.append(head)
                connection.sendall(self.answer)
                if self.answer in {CLOSED, HALF}:
                    connection.shutdown(socket.SHUT_RDWR)

    def hang_up(self) -> None:
        """End all connections."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def answering(answer: bytes) -> Iterator[Server]:
    server = Server(answer)
    thread = threading.Thread(target=server.accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.listener.shutdown(socket.SHUT_RDWR)
        server.listener.close()
        thread.join(PATIENCE_S)
        for connection in server.connections:
            connection.close()


def _get(http: HttpConnections) -> bytes:
    with http.send(GET) as answer:
        return answer.read()


@pytest.mark.parametrize(("answer", "connections"), [(KEPT, 1), (CHUNKED, 1), (CLOSED, 3)], ids=str)
def test_a_connection_is_kept_unless_the_server_closes_it(answer: bytes, connections: int) -> None:
    with answering(answer) as server, closing(HttpConnections(server.url)) as http:
        assert [_get(http) for _ in range(3)] == [b"{}"] * 3
        assert len(server.connections) == connections


def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    with answering(KEPT) as server, closing(HttpConnections(server.url)) as http:
        for number in range(1, 4):
            assert _get(http) == b"{}"
            assert len(server.connections) == number
            server.hang_up()
            wait_for("the end of the connection", lambda: _is_ended(http))


def _is_ended(http: HttpConnections) -> bool:
    ((connection, _),) = http._idle
    return connection.sock.recv(1, socket.MSG_PEEK) == b""


def test_a_response_that_was_not_read_whole_leaves_no_connection() -> None:
    with answering(KEPT) as server, closing(HttpConnections(server.url)) as http:
        with http.send(GET) as answer:
            assert answer.status_code == 200
        assert http._idle == []
        assert _get(http) == b"{}"
    with answering(HALF) as server, closing(HttpConnections(server.url)) as http:
        with pytest.raises(Temporary, match="broke: the response is not complete"):
            _get(http)
        assert http._idle == []


def test_threads_have_connections_of_their_own() -> None:
    with answering(KEPT) as server, closing(HttpConnections(server.url)) as http:
        meet = threading.Barrier(4, timeout=PATIENCE_S)

        def ask(_number: int) -> bytes:
            with http.send(GET) as answer:
                meet.wait()
                return answer.read()

        with ThreadPoolExecutor(4) as threads:
            assert [*threads.map(ask, range(4))] == [b"{}"] * 4
        assert len(server.connections) == 4
        assert _get(http) == b"{}"
        assert len(server.connections) == 4


def test_closing_ends_unused_connections_and_those_in_use_after_their_response() -> None:
    with answering(KEPT) as server:
        http = HttpConnections(server.url)
        with http.send(GET) as answer:
            http.close()
            assert answer.read() == b"{}"
        assert http._idle == []


@pytest.mark.parametrize(
    ("prefix", "path", "line"),
    [
        ("", "/v1/environments?limit=5", b"GET /v1/environments?limit=5 HTTP/1.1\r\n"),
        ("/", "/v1", b"GET /v1 HTTP/1.1\r\n"),
        ("/gromit/", "/v1", b"GET /gromit/v1 HTTP/1.1\r\n"),
        ("", "/env/a%2Fb", b"GET /env/a%2Fb HTTP/1.1\r\n"),
        ("", "/env/ä b\r\nX: 1", b"GET /env/%C3%A4%20b%0D%0AX:%201 HTTP/1.1\r\n"),
    ],
)
def test_a_path_is_sent_below_that_of_the_url_and_without_unsafe_characters(
    prefix: str, path: str, line: bytes
) -> None:
    with answering(KEPT) as server, closing(HttpConnections(server.url + prefix)) as http:
        with http.send(ClientRequest("GET", path)) as answer:
            answer.read()
        assert server.heads[0].startswith(line)
        assert b"\r\nX:" not in server.heads[0]


@pytest.mark.parametrize(
    "url", ["", "serve", "serve.internal:443", "ftp://serve", "https://", "https://a:b", "//serve"]
)
def test_a_url_that_is_none_is_an_error_of_the_settings(url: str) -> None:
    with pytest.raises(ConfigError, match="is not the URL of a server") as caught:
        HttpConnections(url)
    assert "GROMIT_SERVE_URL" in str(caught.value.hint)


def test_a_host_whose_name_cannot_exist_is_named() -> None:
    url = f"https://{'a' * 70}.invalid"
    with (
        closing(HttpConnections(url)) as http,
        pytest.raises(Temporary, match=f"could not connect to serve at {url}: "),
    ):
        _get(http)
