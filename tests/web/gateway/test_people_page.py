"""The page at the gateway: logins, roles, and forms that other sites forge."""

from urllib.parse import urlencode

import pytest

from tests.web.gateway.browsing import URL, Browser, Door
from tests.web.page.looking import Element, parse_html, read_event
from tests.web.serving import Serve

FORM = {"content-type": "application/x-www-form-urlencoded"}
ADDRESS = "/environments/app-test"


def _page(browser: Browser, path: str) -> Element:
    answer = browser.get(path)
    assert answer.status_code == 200, answer.text
    return parse_html(answer.text)


def _submit(browser: Browser, action: str, origin: str | None = URL, **fields: str) -> int:
    body = urlencode(fields).encode()
    path = f"{ADDRESS}/do/{action}"
    answer = browser.send("POST", path, body, origin=origin, **FORM)
    return answer.status_code


@pytest.fixture
def ready(door: Door, serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-1")
    serve.work_off("sow")


def test_a_login_leads_to_the_page_that_was_asked_for(
    door: Door, browser: Browser, ready: None
) -> None:
    answer = browser.get(ADDRESS)
    assert answer.status_code == 200
    assert f"/login?next={ADDRESS}" in browser.visited
    page = parse_html(answer.text)
    assert page.one("p", class_="person").text == "alice@example.com viewer Log out"
    assert page.one("aside", id="actions").all("form") == []
    assert _page(browser, "/").one("tr", id="env-app-test").text.startswith("app-test")
    assert "Queue" in _page(browser, "/platform").text


def test_a_developer_acts_by_a_form_and_the_history_names_her(
    door: Door, browser: Browser, serve: Serve, ready: None
) -> None:
    door.provider.person |= {"groups": ["developers"]}
    browser.login("/")
    form = next(
        f for f in _page(browser, ADDRESS).all("form") if f.attributes["action"].endswith("/park")
    )
    csrf = form.one("input", name="csrf").attributes["value"]
    assert _submit(browser, "park", csrf=csrf) == 303
    assert serve.get("/v1/environments/app-test")["parked"]
    event = serve.get("/v1/environments/app-test/events")["events"][-1]
    assert event["actor"] == "developer:alice@example.com"


def test_a_forged_form_changes_nothing(
    door: Door, browser: Browser, serve: Serve, ready: None
) -> None:
    door.provider.person |= {"groups": ["developers"]}
    browser.login("/")
    right = _page(browser, ADDRESS).all("input", name="csrf")[0].attributes["value"]
    before = serve.rows
    assert _submit(browser, "park") == 403
    assert _submit(browser, "park", csrf="wrong") == 403
    assert _submit(browser, "park", origin="https://evil.example", csrf=right) == 403
    assert _submit(browser, "park", origin="null", csrf=right) == 403
    assert _submit(browser, "park", origin=None, csrf=right) == 403, "no browser says nothing"
    other = door.browser()
    other.login("/")
    assert _submit(other, "park", csrf=right) == 403, "it is the proof of another session"
    assert _submit(door.browser(), "park", csrf=right) == 401
    assert serve.rows == before


def test_a_viewer_who_sends_a_form_is_refused(
    door: Door, browser: Browser, serve: Serve, ready: None
) -> None:
    browser.login("/")
    before = serve.rows
    assert _submit(browser, "park", csrf=browser.csrf) == 403
    assert serve.rows == before


def test_a_role_that_serve_does_not_take_from_the_gateway_sees_nothing(
    door: Door, browser: Browser, ready: None
) -> None:
    door.provider.person |= {"groups": ["platform"]}
    browser.login("/logout")
    for path in ("/", "/platform", ADDRESS, "/page/live"):
        answer = browser.get(path)
        assert answer.status_code == 403
        assert "serve.people" in answer.text
        assert "sha-1" not in answer.text


def test_changes_reach_the_page_through_the_gateway(
    door: Door, browser: Browser, serve: Serve, ready: None
) -> None:
    browser.login("/")
    address = _page(browser, "/").one("div", hx_ext="sse").attributes["sse-connect"]
    cookie = {"cookie": f"__Host-gromit-session={browser.session}"}
    with door.front.http.stream("GET", address, headers=cookie) as live:
        lines = live.iter_lines()
        assert next(lines) == ": connected"
        serve.send("POST", "/v1/environments/app-test/protect")
        assert "protected" in read_event(lines)


def test_without_a_login_there_is_nothing_to_see(door: Door, ready: None) -> None:
    for path in ("/", "/platform", ADDRESS, f"{ADDRESS}/live", "/page/live"):
        answer = door.browser().get(path, follow=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=/")
        assert "app-test" not in answer.text
    assert door.browser().get("/page/style.css", follow=False).status_code == 200
