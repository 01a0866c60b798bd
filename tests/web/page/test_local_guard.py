"""The door of `gromit ui`: a key that is good once, a cookie, and the Host header."""

from collections.abc import Iterator

import httpx2
import pytest

from gromit.web.page.local_guard import LocalGuard, session_csrf
from gromit.web.server.limits import Receive, Scope, Send
from gromit.web.server.server import Listener, Server
from tests.waiting import PATIENCE_S
from tests.web.applications import answer

KEY, SESSION = "k" * 43, "s" * 43


async def _inside(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await answer(send, 200, b"inside")


@pytest.fixture
def browser() -> Iterator[httpx2.Client]:
    """A browser that has not been let in."""
    server = Server(Listener(LocalGuard(_inside, KEY, SESSION), "127.0.0.1:0"), grace_s=1)
    with (
        server.running(),
        httpx2.Client(
            base_url=f"http://{server.address()}", timeout=PATIENCE_S, trust_env=False
        ) as http,
    ):
        yield http


def test_the_key_opens_the_page_for_one_browser_and_once(browser: httpx2.Client) -> None:
    entered = browser.get("/", params={"key": KEY})
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert KEY not in cookie
    assert browser.get("/").text == "inside"
    again = browser.get("/", params={"key": KEY})
    assert (again.status_code, again.headers["location"]) == (303, "/"), "the key leaves the bar"
    browser.cookies.clear()
    assert browser.get("/", params={"key": KEY}).status_code == 403


@pytest.mark.parametrize("query", ["", "?key=", "?key=wrong", f"?key={KEY[:-1]}", f"?KEY={KEY}"])
def test_without_the_key_no_one_gets_in(browser: httpx2.Client, query: str) -> None:
    for method in ("GET", "POST", "HEAD"):
        refused = browser.request(method, f"/{query}")
        assert refused.status_code == 403
        assert "default-src 'none'" in refused.headers["content-security-policy"]
    browser.cookies.set(f"gromit-ui-{browser.base_url.port}", "s" * 42)
    assert browser.get("/").status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost:1", ""])
def test_a_website_that_names_our_address_as_its_own_gets_nothing(
    browser: httpx2.Client, host: str
) -> None:
    refused = browser.get("/", params={"key": KEY}, headers={"host": host})
    assert refused.status_code in {400, 403}
    assert "set-cookie" not in refused.headers
    assert browser.get("/", params={"key": KEY}).status_code == 303, "the key is still good"
    assert browser.get("/", headers={"host": host}).status_code in {400, 403}


def test_a_session_has_one_token_for_its_forms() -> None:
    assert session_csrf(SESSION) == session_csrf(SESSION) != session_csrf(KEY)
    assert SESSION not in session_csrf(SESSION)
