"""The emulator's HTTP server, with requests as they are on the wire."""

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest

from gromit.local.aws.http_server import HttpServer
from tests.waiting import PATIENCE_S


class Application:
    """An application that keeps its requests, and answers as a test wants."""

    def __init__(self) -> None:
        self.environs: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.status, self.content = "200 OK", b"done"

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request."""
        if environ["PATH_INFO"] == "/fault":
            raise RuntimeError("a fault of the application")
        self.environs.append(environ)
        self.bodies.append(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH", 0))))
        start_response(self.status, [("X-Test", "yes")])
        return [self.content]


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def server(application: Application) -> Iterator[HttpServer]:
    running = HttpServer("127.0.0.1", 0, application).start()
    yield running
    running.stop()


@pytest.fixture
def client(server: HttpServer) -> Iterator[HTTPConnection]:
    with closing(HTTPConnection(server.host, server.port, timeout=PATIENCE_S)) as connection:
        yield connection


def _raw(server: HttpServer, *parts: bytes) -> bytes:
    """Send parts of requests, and return all that the server sends until it closes."""
    received = b""
    with socket.create_connection((server.host, server.port), timeout=PATIENCE_S) as connection:
        for part in parts:
            connection.sendall(part)
        while data := connection.recv(65_536):
            received += data
    return received


def test_a_request_reaches_the_application(
    client: HTTPConnection, application: Application, server: HttpServer
) -> None:
    headers = {"X-Amz-Target": "Logs.Get", "Content-Type": "a/b", "x-amz-meta-a_b": "1", "c_d": "2"}
    client.request("PUT", "/a%20b/%C3%A4?q=%20&r", b"body", headers)
    answer = client.getresponse()
    assert (answer.status, answer.reason, answer.read()) == (200, "OK", b"done")
    assert answer.headers["X-Test"] == "yes"
    assert answer.headers["Content-Length"] == "4"
    assert "Date" in answer.headers
    environ = application.environs[0]
    expected = {
        "REQUEST_METHOD": "PUT",
        "PATH_INFO": "/a b/ä".encode().decode("latin-1"),
        "QUERY_STRING": "q=%20&r",
        "RAW_URI": "/a%20b/%C3%A4?q=%20&r",
        "CONTENT_TYPE": "a/b",
        "CONTENT_LENGTH": "4",
        "HTTP_HOST": f"127.0.0.1:{server.port}",
        "HTTP_X_AMZ_TARGET": "Logs.Get",
        "HTTP_X_AMZ_META_A_B": "1",
        "moto.preserved_header_names": {"HTTP_X_AMZ_META_A_B": "x-amz-meta-a_b"},
    }
    assert {name: environ.get(name) for name in expected} == expected
    assert "HTTP_C_D" not in environ
    assert application.bodies == [b"body"]


def test_a_connection_serves_many_requests(
    client: HTTPConnection, application: Application
) -> None:
    for number in range(3):
        client.request("POST", "/", str(number))
        assert client.getresponse().read() == b"done"
    assert application.bodies == [b"0", b"1", b"2"]
    assert len({environ["REMOTE_PORT"] for environ in application.environs}) == 1


def test_a_body_may_be_large_both_ways(client: HTTPConnection, application: Application) -> None:
    application.content = bytes(range(256)) * 20_000
    client.request("POST", "/", application.content)
    assert client.getresponse().read() == application.content
    assert application.bodies == [application.content]


def test_a_body_may_come_in_chunks(client: HTTPConnection, application: Application) -> None:
    client.request("PUT", "/", iter([b"one", b"two"]), encode_chunked=True)
    assert client.getresponse().read() == b"done"
    assert application.bodies == [b"onetwo"]


def test_a_client_that_waits_may_send_its_body(
    server: HttpServer, application: Application
) -> None:
    head = b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n"
    with socket.create_connection((server.host, server.port), timeout=PATIENCE_S) as connection:
        connection.sendall(head + b"Connection: close\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"body")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    assert application.bodies == [b"body"]
    assert "HTTP_EXPECT" not in application.environs[0]


def test_requests_may_follow_each_other_at_once(
    server: HttpServer, application: Application
) -> None:
    first = b"POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na"
    second = b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\nb"
    received = _raw(server, first + second[:30], second[30:])
    assert received.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert received.endswith(b"Connection: close\r\n\r\ndone")
    assert application.bodies == [b"a", b"b"]


def test_an_answer_without_a_body_has_none(
    client: HTTPConnection, application: Application
) -> None:
    client.request("HEAD", "/")
    answer = client.getresponse()
    assert (answer.read(), answer.headers["Content-Length"]) == (b"", "4")
    application.status, application.content = "204 No Content", b""
    client.request("DELETE", "/")
    answer = client.getresponse()
    assert (answer.status, answer.read(), answer.headers["Content-Length"]) == (204, b"", None)
    client.request("GET", "/")
    assert client.getresponse().status == 204


def test_a_fault_of_the_application_ends_one_request(client: HTTPConnection) -> None:
    client.request("GET", "/fault")
    answer = client.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert b"Internal Server Error" in answer.read()
    client.request("GET", "/")
    assert client.getresponse().status == 200


def test_no_request_of_http_is_refused(server: HttpServer) -> None:
    assert _raw(server, b"\x16\x03\x01 no HTTP\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request")


def test_a_port_in_use_is_an_error(server: HttpServer, application: Application) -> None:
    with pytest.raises(OSError, match="in use"):
        HttpServer(server.host, server.port, application)


def test_a_stopped_server_closes_its_connections(application: Application) -> None:
    server = HttpServer("127.0.0.1", 0, application).start()
    with closing(HTTPConnection(server.host, server.port, timeout=PATIENCE_S)) as connection:
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"done"
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((server.host, server.port), timeout=PATIENCE_S)
        HttpServer(server.host, server.port, application).start().stop()


def test_a_server_stops_also_if_it_does_not_listen_yet(application: Application) -> None:
    for _ in range(100):
        HttpServer("127.0.0.1", 0, application).start().stop()
