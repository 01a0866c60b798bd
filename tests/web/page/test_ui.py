"""`gromit ui` as a process: the printed address, the browser, and the certificate of the caller."""

import os
import shlex
import signal
import stat
import subprocess
import sys
from pathlib import Path

import httpx2

from gromit.core.security.roles import Role
from tests.waiting import PATIENCE_S
from tests.web.page.looking import parse_html
from tests.web.page.ui_process import run_ui
from tests.web.serving import Serve, eventually

_BROWSER = """#!/bin/sh
printf '%s' "$1" > "$0.part" && mv "$0.part" "$0.seen"
"""


def _variables(serve: Serve, role: Role) -> dict[str, str]:
    own = serve.certificates.of(role)
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("GROMIT_")},
        "GROMIT_CA": serve.certificates.ca,
        "GROMIT_CLIENT_CERT": own.cert,
        "GROMIT_CLIENT_KEY": own.key,
        "GROMIT_SERVE_URL": serve.url,
    }


def test_the_printed_address_shows_the_page_with_the_callers_role(serve: Serve) -> None:
    serve.build("tyk", "app-test", "sha-1")
    with run_ui(_variables(serve, Role.VIEWER)) as (process, address):
        assert address.host == "127.0.0.1"
        with httpx2.Client(timeout=PATIENCE_S, trust_env=False, follow_redirects=True) as browser:
            page = parse_html(browser.get(address).text)
            assert page.one("tr", id="env-app-test").text.startswith("app-test")
            assert page.one("p", class_="person").text.endswith(" viewer")
            assert "key" not in str(browser.get(address).url)
        with httpx2.Client(timeout=PATIENCE_S, trust_env=False) as other:
            assert other.get(address).status_code == 403
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130


def test_a_browser_gets_the_key_in_a_file_that_no_other_user_can_read(
    serve: Serve, tmp_path: Path
) -> None:
    browser = tmp_path / "browser"
    browser.write_text(_BROWSER)
    browser.chmod(0o700)
    variables = {**_variables(serve, Role.OPERATOR), "BROWSER": f"{shlex.quote(str(browser))} %s"}
    with run_ui(variables, "--open") as (process, address):
        seen = Path(f"{browser}.seen")
        eventually(seen.exists)
        target = seen.read_text()
        assert address.params["key"] not in target
        page = Path(target.removeprefix("file://"))
        assert str(address) in page.read_text()
        assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE_S)
    assert not page.exists()


def test_without_a_certificate_it_says_what_is_missing(serve: Serve) -> None:
    variables = _variables(serve, Role.VIEWER)
    del variables["GROMIT_CLIENT_CERT"]
    done = subprocess.run(
        [sys.executable, "-m", "gromit", "ui"],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "client.cert" in done.stderr
