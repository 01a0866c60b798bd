"""The proxy for public names, with a real HTTP client, a real web server, and a real browser."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

from gromit.local.aws.dns_server import ZoneRecord
from gromit.local.aws.name_proxy import NameProxy
from gromit.local.cloud.network import free_port
from tests.fakes.clients import read_all, send_last
from tests.waiting import PATIENCE_S
from tests.web.page.browser import chromium

DOMAIN = "dev.gromit.test"


class Task(BaseHTTPRequestHandler):
    """A program that says what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the request, a redirect, or an agreement to another protocol."""
        if self.headers.get("Upgrade"):
            self.connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n")
            self.connection.sendall(self.rfile.readline().upper())
            self.close_connection = True
            return
        said = {"path": self.path, "host": self.headers["Host"], "body": self._body()}
        body = json.dumps(said).encode()
        self.send_response(302 if self.path == "/moved" else 200)
        if self.path == "/moved":
            self.send_header("Location", f"http://pump.app-test.{DOMAIN}:99/next?a=1")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that the base class calls

    def log_message(self, *_: object) -> None:
        """Requests are not logged."""

    def _body(self) -> str:
        return self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()


class Names:
    """Record sets of one environment."""

    def record_sets(self) -> list[ZoneRecord]:
        """Return them."""
        here = [f"{c}.app-test.{DOMAIN}" for c in ("tyk", "dead")]
        return [ZoneRecord(name, "A", 10, ("127.0.0.1",)) for name in here]


@pytest.fixture(scope="module")
def proxy() -> Iterator[NameProxy]:
    """Return a proxy before two tasks, one of which does not listen."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Task)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    ports = {"tyk": server.server_port, "pump": 99, "dead": free_port(None)}
    found = NameProxy(Names(), DOMAIN, ports).start()
    yield found
    found.stop()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def client(proxy: NameProxy) -> Iterator[httpx2.Client]:
    """Return a client of the proxy."""
    address = f"http://127.0.0.1:{proxy.port}"
    with httpx2.Client(base_url=address, trust_env=False, timeout=PATIENCE_S) as http:
        yield http


def _host(proxy: NameProxy, name: str) -> dict[str, str]:
    return {"Host": f"{name}.localhost:{proxy.port}"}


def test_a_name_leads_to_its_task_which_sees_the_public_name(
    client: httpx2.Client, proxy: NameProxy
) -> None:
    for _ in range(2):
        answer = client.get("/a?b=c", headers=_host(proxy, "tyk.app-test"))
        # Else the client would use a connection again that the proxy is about to close.
        assert answer.headers["Connection"] == "close"
        said = answer.json()
        assert said["path"] == "/a?b=c"
        assert said["host"].startswith(f"tyk.app-test.{DOMAIN}:")
    body = "x" * 300_000
    said = client.post("/", content=body, headers=_host(proxy, "TYK.App-Test")).json()
    assert said["body"] == body


def test_a_redirect_to_a_public_name_stays_behind_the_proxy(
    client: httpx2.Client, proxy: NameProxy
) -> None:
    answer = client.get("/moved", headers=_host(proxy, "tyk.app-test"))
    moved = f"http://pump.app-test.localhost:{proxy.port}/next?a=1"
    assert (answer.status_code, answer.headers["Location"]) == (302, moved)


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("pump.app-test", 404, "pump.app-test.dev.gromit.test has no DNS record"),
        ("dead.app-test", 502, "does not answer"),
        ("typo.app-test", 404, "public components are: dead, pump, tyk"),
        ("tyk", 404, "is not COMPONENT.ENVIRONMENT.localhost"),
        ("tyk.app-test.more", 404, "is not COMPONENT.ENVIRONMENT.localhost"),
    ],
)
def test_what_is_not_there_is_explained(
    client: httpx2.Client, proxy: NameProxy, name: str, status: int, said: str
) -> None:
    answer = client.get("/", headers=_host(proxy, name))
    assert answer.status_code == status
    assert said in answer.text


def test_a_name_of_another_website_is_refused(client: httpx2.Client) -> None:
    """Such a website could let its own name lead to a loopback address."""
    answer = client.get("/", headers={"Host": "tyk.app-test"})
    assert answer.status_code == 404
    assert "is not COMPONENT.ENVIRONMENT.localhost" in answer.text


def test_other_protocols_pass(proxy: NameProxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) as connection:
        head = f"GET / HTTP/1.1\r\nHost: tyk.app-test.localhost:{proxy.port}\r\n"
        connection.sendall(f"{head}Connection: Upgrade\r\nUpgrade: echo\r\n\r\nhello\n".encode())
        with connection.makefile("rb") as answer:
            assert answer.read().endswith(b"\r\n\r\nHELLO\n")


def test_an_answer_may_have_interim_ones(client: httpx2.Client, proxy: NameProxy) -> None:
    """`http.server` sends one itself."""
    headers = {**_host(proxy, "tyk.app-test"), "Expect": "100-continue"}
    answer = client.post("/", content="abc", headers=headers)
    assert answer.json()["body"] == "abc"
    assert answer.headers["Connection"] == "close"


def test_rubbish_closes_the_connection_and_nothing_else(
    client: httpx2.Client, proxy: NameProxy
) -> None:
    for rubbish in (b"\x16\x03\x01\x00", b"GET / HTTP/1.1\r\n" + b"A" * 200_000):
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_S) as connection:
            send_last(connection, rubbish)
            assert read_all(connection) == b""
    assert client.get("/", headers=_host(proxy, "tyk.app-test")).status_code == 200


@pytest.mark.long
def test_a_browser_needs_no_settings(proxy: NameProxy) -> None:
    with chromium() as browser:
        page = browser.new_page()
        answer = page.goto(f"http://tyk.app-test.localhost:{proxy.port}/from-a-browser")
        assert answer is not None
        assert answer.json()["host"].startswith(f"tyk.app-test.{DOMAIN}")
        moved = page.goto(f"http://tyk.app-test.localhost:{proxy.port}/moved")
        assert moved is not None
        assert "pump.app-test.dev.gromit.test has no DNS record" in page.content()
