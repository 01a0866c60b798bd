"""The page in a real Chromium: every page and action, keyboard, widths, schemes, live changes.

Screenshots go into the folder that GROMIT_TEST_SCREENSHOTS names; those of the documentation are in
`docs/images`.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from gromit.core.security.roles import Role
from tests.web.page.browser import SCHEMES, WIDTHS, Tab, axe_source, chromium, tab
from tests.web.page.looking import Look, look_as
from tests.web.page.test_list import HOSTILE
from tests.web.serving import Certificates, Emulator, Serve, serving

pytestmark = pytest.mark.long

REPORT = {
    "kind": "aws",
    "checked": 41,
    "wrong": 1,
    "lines": [
        {
            "check": "quota",
            "subject": "fargate.vcpu",
            "state": "wrong",
            "seen": "Fargate On-Demand vCPU: 92 % used",
            "remedy": "request an increase from AWS in time, or delete environments",
        }
    ],
    "quotas": [
        {"quota": "fargate.vcpu", "used": 92, "limit": 100, "percent": 92, "environments": 66}
    ],
}

PATHS = {
    "environments": "/",
    "empty": "/?search=nothing+like+this",
    "environment": "/environments/checkout-redesign",
    "failed": "/environments/broken-payment",
    "hostile": "/environments/hostile",
    "platform": "/platform",
    "missing": "/environments/none",
}


def _made(version: str) -> list[dict[str, object]]:
    return [
        {
            "name": "tyk",
            "repository": "tyk",
            "version": version,
            "digest": "sha256:1",
            "revision": "4f1c9a7be2d0",
            "port": 8181,
        },
        {
            "name": "tyk-analytics",
            "repository": "tyk-analytics",
            "version": "master",
            "digest": "sha256:2",
            "port": 3000,
        },
        {"name": "redis", "version": "7"},
    ]


def _populate(serve: Serve) -> None:
    """Fill a table with environments of many kinds."""
    for name in ("checkout-redesign", "search-relevance", "mobile-api-v2", "old-idea"):
        serve.build("tyk", name, "sha-4f1c9a7")
        claim = serve.claim("sow", holder="sow on 10.0.3.17")
        serve.clock.advance(s=100)
        assert serve.outcome(claim, "done", made=_made("sha-4f1c9a7")).status_code == 200
    serve.build("tyk", "broken-payment", "sha-90ab12c")
    reason = (
        "service tyk did not become steady: 0 of 1 tasks run, and the last one ended with exit "
        "code 1: cannot read /conf/tyk.conf"
    )
    serve.outcome(serve.claim("sow"), "fail", message=reason)
    serve.send("POST", "/v1/environments/search-relevance/protect")
    serve.send("POST", "/v1/environments/mobile-api-v2/park")
    serve.send("DELETE", "/env/old-idea")
    serve.send("POST", "/v1/reports", REPORT)
    serve.build("tyk-pump", "hostile", "sha-1")
    serve.clock.advance(s=5000)
    serve.build("tyk-pump", "queue-metrics", "sha-77e01d2")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def world(emulator: Emulator, certificates: Certificates) -> Iterator[Serve]:
    with serving(emulator, certificates) as serve:
        _populate(serve)
        yield serve


@pytest.fixture(scope="module")
def look(world: Serve) -> Iterator[Look]:
    with look_as(world) as page:
        yield page


@pytest.fixture(scope="module")
def address(look: Look) -> str:
    return str(look.http.base_url).rstrip("/")


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return axe_source(tmp_path_factory.mktemp("axe"))


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Tab]:
    with tab(browser, address, viewport={"width": 1280, "height": 800}) as one:
        yield one


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_fits_and_has_no_serious_fault_of_accessibility(
    browser: Browser, address: str, axe: str, width: int, scheme: str
) -> None:
    with tab(
        browser, address, viewport={"width": width, "height": 800}, color_scheme=scheme
    ) as one:
        for name, path in PATHS.items():
            one.page.goto(path)
            assert one.overflow() <= 0, f"{name} is wider than {width} pixels"
            assert one.faults(axe) == [], f"{name}, {width} pixels, {scheme}"
            assert one.shifts() == [], f"{name} moves while it loads"
            _keep(one, f"{name}-{scheme}-{width}")
        one.complaints[:] = [c for c in one.complaints if "404" not in c]  # the missing one


def _keep(one: Tab, name: str) -> None:
    if folder := os.environ.get("GROMIT_TEST_SCREENSHOTS"):
        one.page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_a_row_changes_in_its_place_and_nothing_moves(
    opened: Tab, world: Serve, look: Look
) -> None:
    page = opened.page
    page.goto("/")
    assert page.evaluate("typeof htmx") == "object"
    row = page.locator("#env-search-relevance")
    row.locator("a").focus()
    expect(row.get_by_text("protected")).to_be_visible()
    world.send("POST", "/v1/environments/search-relevance/unprotect")
    expect(row.get_by_text("protected")).to_have_count(0)
    expect(row.locator("a")).to_be_focused()
    world.send("POST", "/v1/environments/search-relevance/protect")
    expect(row.get_by_text("protected")).to_be_visible()
    assert opened.shifts() == []
    world.build("tyk", "a-new-one", "sha-1")
    link = page.locator("#news a")
    expect(link).to_have_text("1 more environment: show it")
    assert opened.shifts() == []
    link.click()
    expect(page.locator("#env-a-new-one")).to_be_visible()


def test_an_environment_is_followed_from_build_to_ready_without_loading_it_again(
    opened: Tab, world: Serve
) -> None:
    page = opened.page
    world.build("tyk", "followed", "sha-1")
    page.goto("/environments/followed")
    expect(page.locator("h1 .badge")).to_have_text("pending")
    page.get_by_label("Duration").fill("3d")
    page.evaluate("window.same = true")
    while (claim := world.claim("sow"))["name"] != "followed":
        world.outcome(claim, "fail")
    expect(page.locator("h1 .badge")).to_have_text("sowing")
    world.outcome(claim, "done", made=_made("sha-1"))
    expect(page.locator("h1 .badge")).to_have_text("ready")
    expect(page.locator("#components")).to_contain_text("tyk.followed.dev.example.com")
    expect(page.locator("#history li").first).to_contain_text("sown")
    assert page.evaluate("window.same")
    expect(page.get_by_label("Duration")).to_have_value("3d")


def test_every_action_by_its_button(opened: Tab, world: Serve) -> None:
    page, name = opened.page, "acted-on"
    world.build("tyk", name, "sha-1")
    while (claim := world.claim("sow"))["name"] != name:
        world.outcome(claim, "fail")
    world.outcome(claim, "fail")
    page.goto(f"/environments/{name}")

    def press(label: str, said: str) -> None:
        page.locator("#actions").get_by_role("button", name=label, exact=True).click()
        expect(page.locator(".done")).to_contain_text(said)

    world.clock.advance(s=30)
    press("Retry now", "retry was requested")
    page.get_by_label("Duration").fill("20d")
    press("Extend", "extended")
    press("Redeploy", "redeployment was requested")
    press("Park", "parked")
    press("Unpark", "will start")
    press("Protect", "is protected")
    press("Unprotect", "no longer protected")
    page.get_by_label(f"Type {name} to confirm").fill("something else")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("alert")).to_contain_text("the typed name is not the name")
    opened.complaints.clear()  # the browser's console names the status 400
    page.goto(f"/environments/{name}")
    page.get_by_label(f"Type {name} to confirm").fill(name)
    press("Delete", "will be destroyed")
    expect(page.locator("h1 .badge")).to_have_text("deleting")
    kinds = [e["kind"] for e in world.get(f"/v1/environments/{name}/events")["events"]]
    assert {"retry", "extended", "redeploy", "protected", "unprotected", "deleted"} <= set(kinds)


def test_the_keyboard_reaches_everything_and_the_focus_is_seen(opened: Tab) -> None:
    page = opened.page
    page.goto("/")
    focused = "document.activeElement"
    page.keyboard.press("Tab")
    assert page.evaluate(f"{focused}.textContent") == "Skip to the content"
    assert page.evaluate(f"{focused}.getBoundingClientRect().left") >= 0
    seen: list[str] = []
    for _ in range(80):
        page.keyboard.press("Tab")
        tag = page.evaluate(f"{focused}.tagName")
        if tag == "BODY":
            break
        outline = page.evaluate(f"getComputedStyle({focused}).outlineStyle")
        assert outline != "none", page.evaluate(f"{focused}.outerHTML")
        seen.append(page.evaluate(f"{focused}.id || {focused}.textContent.trim()"))
    assert {"gromit", "Platform", "Filter", "open-checkout-redesign"} <= set(seen)
    page.goto("/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{focused}.id") == "main"
    page.get_by_label("Search").focus()
    page.keyboard.type("search-rel")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("#open-search-relevance").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("search-relevance")


def test_without_a_script_one_reads_filters_and_acts(browser: Browser, address: str) -> None:
    with tab(browser, address, java_script_enabled=False) as one:
        page = one.page
        page.goto("/")
        page.get_by_label("Name begins with").fill("checkout")
        page.get_by_role("button", name="Filter").click()
        expect(page.locator("tbody tr")).to_have_count(1)
        page.get_by_role("link", name="checkout-redesign").click()
        expect(page.locator("#components")).to_contain_text("sha-4f1c9a7")
        page.get_by_role("button", name="Redeploy").click()
        expect(page.locator(".done")).to_contain_text("requested")
        page.get_by_role("link", name="Platform").click()
        expect(page.locator("h1")).to_have_text("Platform")


def test_hostile_texts_stay_texts_also_when_they_arrive_live(opened: Tab, world: Serve) -> None:
    page = opened.page
    page.goto("/")
    world.send("PATCH", "/env/hostile", {"tyk": "sha-hostile"})
    while (claim := world.claim("sow"))["name"] != "hostile":
        world.outcome(claim, "fail")
    world.outcome(claim, "fail", message=HOSTILE[:1900])
    trouble = page.locator("#env-hostile .trouble")
    expect(trouble).to_contain_text("<script>alert('1')</script>")
    page.goto("/environments/hostile")
    expect(page.locator("#summary pre")).to_contain_text("<script>alert('1')</script>")
    assert page.locator("main script, main img").count() == 0
    assert opened.overflow() <= 0


def test_reduced_motion_has_none(browser: Browser, address: str) -> None:
    moving = "getComputedStyle(document.querySelector('button')).transitionDuration"
    for choice, duration in (("reduce", "0s"), ("no-preference", "0.12s")):
        with tab(browser, address, reduced_motion=choice) as one:
            one.page.goto("/")
            assert one.page.evaluate(moving) == duration


def test_a_suspension_appears_and_goes_live(opened: Tab, world: Serve) -> None:
    page = opened.page
    page.goto("/")
    world.send("POST", "/v1/suspensions", {"scope": "all", "reason": "an incident in eu-central-1"})
    expect(page.locator("#suspensions")).to_contain_text("an incident in eu-central-1")
    _keep(opened, "suspended")
    world.send("POST", "/v1/suspensions/resume", {"scope": "all"})
    expect(page.locator("#suspensions p")).to_have_count(0)


def test_a_viewer_finds_no_button(browser: Browser, world: Serve) -> None:
    with look_as(world, Role.VIEWER) as look, tab(browser, str(look.http.base_url)) as one:
        one.page.goto("/environments/checkout-redesign")
        expect(one.page.locator("#actions")).to_contain_text("nothing that your role")
        assert one.page.locator("#actions button").count() == 0
