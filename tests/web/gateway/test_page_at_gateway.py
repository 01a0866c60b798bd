"""The page at the gateway, for people who are logged in."""

from urllib.parse import urlencode

import pytest

from tests.web.gateway.browsing import Browser, Door
from tests.web.serving import Serve

FORM = {"content_type": "application/x-www-form-urlencoded"}
REDEPLOY = "/environments/app-test/do/redeploy"


def test_the_page_sends_people_to_the_login_and_back(
    door: Door, browser: Browser, serve: Serve
) -> None:
    serve.build("tyk", "app-test", "sha")
    page = browser.get("/environments/app-test")
    assert page.status_code == 200
    assert "alice@example.com" in page.text
    assert browser.visited[-1] == "/environments/app-test"
    assert browser.visited[1].startswith("/login?next=/environments/app-test")
    assert "app-test" in browser.get("/").text
    assert dict(door.provider.asked)["authorize"]["client_id"]


@pytest.mark.parametrize(
    ("origin", "has_proof", "status"),
    [
        ("https://gateway.example.com", True, 303),
        ("https://gateway.example.com", False, 403),
        ("https://evil.example.com", True, 403),
        (None, True, 403),
    ],
)
def test_an_action_comes_from_the_page_itself(
    door: Door, browser: Browser, serve: Serve, origin: str | None, *, has_proof: bool, status: int
) -> None:
    serve.build("tyk", "app-test", "sha")
    door.provider.person["groups"] = ["developers"]
    browser.headers = {"host": "gateway.example.com"}
    browser.login()
    before = serve.rows
    form = urlencode({"csrf": browser.csrf if has_proof else "x"}).encode()
    answer = browser.send("POST", REDEPLOY, form, origin=origin, **FORM)
    assert answer.status_code == status, answer.text
    assert (serve.rows == before) == (status == 403)


def test_the_page_of_a_viewer_changes_nothing(browser: Browser, serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha")
    browser.headers = {"host": "gateway.example.com"}
    browser.login()
    before = serve.rows
    form = urlencode({"csrf": browser.csrf}).encode()
    assert browser.send("POST", REDEPLOY, form, **FORM).status_code == 403
    assert serve.rows == before


def test_nothing_of_the_page_is_shown_without_a_login(door: Door) -> None:
    for path in ("/", "/platform", "/environments/app-test", "/page/live"):
        answer = door.front.http.get(path)
        assert (answer.status_code, answer.headers["location"][:12]) == (303, "/login?next=")
