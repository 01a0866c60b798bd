"""A newcomer's way through a local cloud, in a real Chromium and through a login.

Screenshots go into the folder that GROMIT_TEST_SCREENSHOTS names; those of the documentation are in
`docs/images`.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from gromit.local.cloud.layout import CloudPaths, require_state
from tests.docs.cloud import variables
from tests.waiting import PATIENCE_S
from tests.web.page.browser import CHROMIUM, chromium, tab

pytestmark = [
    pytest.mark.long,
    pytest.mark.cloud,
    pytest.mark.terraform,
    pytest.mark.xdist_group("newcomer"),
]

NAME = "newcomer"
FIRST, SECOND = "1a2b3c4", "2b3c4d5"
_RUN_MS = 4 * 60 * 1000
"""Milliseconds that a run of terraform may take on a machine that does other things, too."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """A local cloud with a login."""

    place: CloudPaths

    def run(self, *arguments: str) -> str:
        """Run a command of `gromit local`."""
        done = subprocess.run(
            [sys.executable, "-m", "gromit", "local", *arguments, "--dir", str(self.place.root)],
            env=variables(),
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S * 4,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def gateway(self) -> str:
        return require_state(self.place).url("gateway")

    def url(self, component: str) -> str:
        """The URL that `gromit env open` prints: below localhost, where a proxy forwards."""
        exports = json.loads(self.run("env", "-o", "json"))
        done = subprocess.run(
            [sys.executable, "-m", "gromit", "env", "open", NAME, component, "--no-browser"],
            env={**variables(), **exports},
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_S,
        )
        return done.stdout.strip()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the PATH")
    found = Cloud(CloudPaths(tmp_path / "cloud"))
    try:
        found.run("up", "--detach", "--login")
        yield found
    finally:
        found.run("down")


@pytest.fixture
def browser(cloud: Cloud) -> Iterator[Browser]:
    assert cloud.gateway
    with chromium() as running:
        yield running


def _keep(page: Page, name: str) -> None:
    if folder := os.environ.get("GROMIT_TEST_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def _log_in(page: Page) -> None:
    page.goto("/")
    expect(page.locator("h1")).to_have_text("Log in to the local cloud")
    _keep(page, "login-local")
    page.get_by_role("button", name="alice, developer").click()
    expect(page.locator(".person")).to_contain_text("alice@example.test developer")


def _see_a_build_arrive(page: Page, cloud: Cloud) -> None:
    expect(page.locator("main")).to_contain_text("There are no environments yet.")
    cloud.run("push", "tyk", NAME, "--sha", FIRST)
    page.locator("#news a").click()
    page.get_by_role("link", name=NAME).click()


def _watch_it_become_ready(page: Page) -> None:
    page.evaluate("window.same = true")
    expect(page.locator("h1 .badge")).to_have_text("sowing", timeout=_RUN_MS)
    expect(page.locator(".working progress")).to_be_visible(timeout=_RUN_MS)
    _keep(page, "newcomer-sowing")
    expect(page.locator("h1 .badge")).to_have_text("ready", timeout=_RUN_MS)
    assert page.evaluate("window.same"), "the page was loaded again"


def _open_its_url(page: Page, cloud: Cloud) -> None:
    link = page.locator("#components tr", has=page.locator("th", has_text="tyk")).first
    expect(link.locator(".badge").first).to_have_text("published", timeout=_RUN_MS)
    _keep(page, "newcomer-ready")
    expect(link.locator("a.url")).to_have_attribute("href", re.compile("^http://tyk[.]newcomer[.]"))
    with page.context.expect_page() as opened:
        page.evaluate("url => window.open(url)", cloud.url("tyk"))
    assert f'"environment": "{NAME}"' in opened.value.locator("body").inner_text()
    opened.value.close()


def _read_its_logs(page: Page) -> None:
    page.get_by_role("link", name=f"Output of {NAME}").click()
    page.get_by_label("Component").select_option("tyk")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("pre.output")).to_contain_text("dashboard: connected")
    _keep(page, "page-logs")
    page.get_by_role("link", name=NAME, exact=True).click()


def _see_a_build_fail(page: Page, cloud: Cloud) -> None:
    cloud.run("push", "tyk", NAME, "--sha", SECOND, "--exit", "3")
    alert = page.locator("#summary [role=alert]").first
    expect(alert).to_contain_text("exit code 3", timeout=_RUN_MS)
    expect(page.locator("#summary")).to_contain_text("The last run failed")
    _keep(page, "newcomer-failed")


def _roll_back(page: Page) -> None:
    page.locator("#actions").get_by_role("button", name="Roll back").click()
    expect(page.locator(".done")).to_be_visible()
    expect(page.locator("h1 .badge")).to_have_text("ready", timeout=_RUN_MS)
    components = page.locator("#components table.components")
    expect(components).to_contain_text(FIRST)
    expect(components).not_to_contain_text(SECOND)
    expect(page.locator("#components")).to_contain_text(f"rolled back from {SECOND}")
    expect(page.locator("#history")).to_contain_text("by developer:alice@example.test")
    _keep(page, "newcomer-rolled-back")


def test_a_newcomer_logs_in_and_follows_a_build_to_its_url_its_failure_and_back(
    cloud: Cloud, browser: Browser
) -> None:
    with tab(browser, cloud.gateway, viewport={"width": 1280, "height": 800}) as opened:
        page = opened.page
        page.set_default_timeout(PATIENCE_S * 1000)
        expect.set_options(timeout=PATIENCE_S * 1000)
        _log_in(page)
        _see_a_build_arrive(page, cloud)
        _watch_it_become_ready(page)
        _open_its_url(page, cloud)
        _read_its_logs(page)
        _see_a_build_fail(page, cloud)
        _roll_back(page)
        assert opened.overflow() <= 0
