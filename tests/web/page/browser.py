"""A real Chromium for tests of the page, and axe-core for its accessibility."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = shutil.which("chromium")
NPM = shutil.which("npm")
AXE = "axe-core@4.14.1"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTHS = (1280, 800, 390)
SCHEMES = ("light", "dark")
_SERIOUS = {"serious", "critical"}
_SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) {
    for (const source of entry.sources) {
      const [node, was, is] = [source.node, source.previousRect, source.currentRect];
      const name = node && (node.outerHTML || node.textContent).slice(0, 80);
      window.shifts.push(`${name}: ${JSON.stringify([was, is])}`);
    }
  }
}).observe({type: "layout-shift", buffered: true});
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the Chromium of the machine."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the PATH")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def axe_source(folder: Path) -> str:
    """Return axe-core's script, installed into a folder."""
    if NPM is None:
        pytest.skip("there is no npm on the PATH, which installs axe-core")
    done = subprocess.run(
        [NPM, "install", "--no-audit", "--no-fund", "--prefix", str(folder), AXE],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(folder)},
    )
    if done.returncode:
        pytest.skip(f"npm cannot install {AXE}: {done.stderr[-200:]}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@dataclass
class Tab:
    """A tab, and what its page has complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def shifts(self) -> list[str]:
        """Return what has moved without a wish of the reader, from where and to where."""
        found: list[str] = self.page.evaluate("window.shifts")
        return found

    def overflow(self) -> int:
        """Return the pixels by which the page is wider than the window."""
        found: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return found

    def faults(self, axe: str) -> list[str]:
        """Return what axe-core finds serious."""
        self.page.evaluate(axe)
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [_fault(v) for v in found["violations"] if v["impact"] in _SERIOUS]


def _fault(violation: Any) -> str:
    places = [node["target"] for node in violation["nodes"][:3]]
    return f"{violation['id']}: {violation['help']} {json.dumps(places)}"


@contextmanager
def tab(browser: Browser, address: str, **options: Any) -> Iterator[Tab]:
    """Open a tab, which must not complain of anything."""
    context = browser.new_context(base_url=address, **options)
    opened = Tab(context.new_page())
    page = opened.page
    page.add_init_script(_SHIFTS)
    page.on("console", lambda message: opened.complaints.append(message.text))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("dialog", lambda dialog: opened.complaints.append(f"dialog {dialog.message}"))
    page.on("requestfailed", lambda r: opened.complaints.append(f"{r.url} {r.failure}"))
    try:
        yield opened
        assert [c for c in opened.complaints if "ERR_ABORTED" not in c] == []
    finally:
        context.close()
