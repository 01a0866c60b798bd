"""Logins with a real OpenID Connect provider: `oidc-provider` from npm, in a process of its own.

It keeps the fake of the short tests honest: the same logins, and the same ways to get in without
right.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import httpx2
import pytest

from gromit.bootstrap import login as logins
from gromit.config.load import load_settings
from gromit.config.schema import Settings
from gromit.core.time import Millis
from gromit.errors import TrustError
from gromit.web.clients.oauth import LoginRequest, LoginWeb
from tests.fakes.issuer import unsigned
from tests.fakes.provider import ALICE, COMMAND, GATEWAY, SECRET, Provider, decoded
from tests.waiting import PATIENCE_S
from tests.web.gateway.browsing import URL, Browser, Door, opened
from tests.web.serving import Serve

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("oidc-provider")]

PACKAGE = "oidc-provider@9"
PROGRAM = Path(__file__).with_name("oidc_provider.mjs")
PERSON = {**ALICE, "groups": ["developers"]}
CLIENTS = [
    {
        "client_id": GATEWAY,
        "client_secret": SECRET,
        "redirect_uris": [f"{URL}/login/callback"],
        "post_logout_redirect_uris": [f"{URL}/logout"],
    },
    {
        "client_id": COMMAND,
        "application_type": "native",
        "token_endpoint_auth_method": "none",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "grant_types": [
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
    },
]


@dataclass(frozen=True, slots=True)
class RealProvider:
    """A running oidc-provider."""

    url: str

    def control(self, what: str, body: Any = None) -> None:
        httpx2.post(f"{self.url}/control/{what}", json=body, trust_env=False, timeout=PATIENCE_S)


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program in a folder with its packages."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there are no node and npm on the PATH, which run oidc-provider")
    folder = tmp_path_factory.mktemp("oidc-provider")
    shutil.copy(PROGRAM, folder)
    (folder / "package.json").write_text("{}", encoding="utf-8")
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--silent", PACKAGE],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(folder)},
    )
    if done.returncode:
        pytest.skip(f"npm could not install {PACKAGE}")
    return folder / PROGRAM.name


@contextmanager
def _running(program: Path) -> Iterator[RealProvider]:
    with subprocess.Popen(
        ["node", str(program), json.dumps({"person": PERSON, "clients": CLIENTS})],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        port = next(line.split()[1] for line in child.stdout if line.startswith("port "))
        try:
            yield RealProvider(f"http://127.0.0.1:{port}")
        finally:
            child.stdin.close()
            child.wait()


@pytest.fixture(scope="module")
def running(program: Path) -> Iterator[RealProvider]:
    with _running(program) as provider:
        yield provider


@pytest.fixture
def provider(running: RealProvider) -> RealProvider:
    running.control("person", PERSON)
    return running


@pytest.fixture
def door(serve: Serve, tmp_path: Path, provider: RealProvider) -> Iterator[Door]:
    with opened(serve, tmp_path, Provider(url=provider.url)) as door:
        yield door


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        {"HOME": str(tmp_path), "GROMIT_CLIENT_LOGIN": str(tmp_path / "state/login.json")}
    ).settings


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of the provider for one client."""

    id_token: str
    code: str


def _tokens(provider: RealProvider, client: str) -> Tokens:
    """Log in as the client does, without gromit."""
    redirect = f"{URL}/login/callback" if client == GATEWAY else "http://127.0.0.1:1/callback"
    request = LoginRequest.draw()
    query = {
        "client_id": client,
        "response_type": "code",
        "redirect_uri": redirect,
        "scope": "openid email profile",
        "state": request.state,
        "code_challenge": _challenge(request),
        "code_challenge_method": "S256",
    }
    code = _code(f"{provider.url}/auth?{urlencode(query)}", redirect)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect,
        "code_verifier": request.verifier,
        **({"client_id": client} if client == COMMAND else {}),
    }
    headers = _basic() if client == GATEWAY else {}
    answer = httpx2.post(
        f"{provider.url}/token", data=form, headers=headers, trust_env=False, timeout=PATIENCE_S
    )
    return Tokens(answer.json()["id_token"], code)


def _challenge(request: LoginRequest) -> str:
    digest = hashlib.sha256(request.verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _basic() -> dict[str, str]:
    pair = f"{quote_plus(GATEWAY)}:{quote_plus(SECRET)}"
    return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _code(url: str, redirect: str) -> str:
    with httpx2.Client(trust_env=False, timeout=PATIENCE_S) as http:
        while not url.startswith(redirect):
            answer = http.get(url)
            assert answer.is_redirect, answer.text
            url = str(answer.next_request.url) if answer.next_request else ""
    return parse_qs(urlsplit(url).query)["code"][0]


def _callback(browser: Browser) -> str:
    """The address at the gateway to which the provider sends a browser, not yet opened."""
    answer = browser.get("/login?next=/logout", follow=False)
    while not answer.headers["location"].startswith(URL):
        answer = browser.get(_next(answer), follow=False)
    return str(answer.headers["location"])


def _next(answer: httpx2.Response) -> str:
    return str(answer.url.join(answer.headers["location"]))


def _visit(address: str) -> None:
    def target() -> None:
        with httpx2.Client(trust_env=False, follow_redirects=True, timeout=PATIENCE_S) as http:
            http.get(address)

    threading.Thread(target=target).start()


class TestBrowsers:
    """Logins in a browser."""

    def test_a_person_logs_in_and_out(self, door: Door, provider: RealProvider) -> None:
        browser = door.browser()
        page = browser.login()
        assert "alice@example.com, in the role developer" in page.text
        form = urlencode({"csrf": browser.csrf}).encode()
        kind = {"content_type": "application/x-www-form-urlencoded"}
        answer = browser.send("POST", "/logout", form, **kind)
        assert answer.headers["location"].startswith(f"{provider.url}/session/end?")
        page = browser.get(answer.headers["location"])
        assert page.status_code == 200, page.text
        assert "logout" in page.text.lower()
        assert browser.session is None

    def test_a_code_is_good_for_one_login_and_one_browser(self, door: Door) -> None:
        browser = door.browser()
        callback = _callback(browser)
        kept = dict(browser.cookies)
        assert door.browser().get(callback, follow=False).status_code == 403
        assert browser.get(callback, follow=False).status_code == 303
        browser.cookies = kept
        page = browser.get(callback, follow=False)
        assert (page.status_code, "invalid_grant" in page.text) == (403, True)

    def test_an_answer_with_another_state_or_issuer_is_refused(self, door: Door) -> None:
        for name, value in (("state", "x"), ("iss", "https://evil.example.com")):
            browser = door.browser()
            callback = _callback(browser)
            query = {k: v[0] for k, v in parse_qs(urlsplit(callback).query).items()}
            page = browser.get(f"/login/callback?{urlencode({**query, name: value})}", follow=False)
            assert page.status_code == 403

    def test_new_keys_are_found(self, door: Door, provider: RealProvider) -> None:
        assert door.browser().login().status_code == 200
        provider.control("rotate")
        door.clock.advance(s=11)
        assert door.browser().login().status_code == 200

    def test_a_person_without_a_verified_address_has_no_role(
        self, door: Door, provider: RealProvider
    ) -> None:
        provider.control("person", {**PERSON, "email_verified": False, "groups": []})
        page = door.browser().login()
        assert (page.status_code, "has no role here" in page.text) == (403, True)

    def test_a_session_ends_and_its_cookie_is_worth_nothing_then(self, door: Door) -> None:
        browser = door.browser()
        browser.login()
        assert browser.get("/v1/whoami").json()["role"] == "developer"
        door.clock.advance(s=8 * 3600)
        assert browser.get("/v1/whoami").status_code == 401


class TestIdTokens:
    """ID tokens at the gateway."""

    def test_a_token_of_the_command_line_is_exchanged(
        self, door: Door, provider: RealProvider
    ) -> None:
        answer = door.exchange(_tokens(provider, COMMAND).id_token)
        assert answer.status_code == 200, answer.text
        found = door.call(answer.json()["token"], "GET", "/v1/whoami").json()
        assert (found["name"], found["role"]) == ("alice@example.com", "developer")

    def test_a_token_for_another_audience_is_refused(
        self, door: Door, provider: RealProvider
    ) -> None:
        answer = door.exchange(_tokens(provider, GATEWAY).id_token)
        assert (answer.status_code, "aud" in answer.json()["error"]) == (403, True)

    def test_an_expired_token_is_refused(self, door: Door, provider: RealProvider) -> None:
        token = _tokens(provider, COMMAND).id_token
        door.clock.advance(s=2 * 3600)
        answer = door.exchange(token)
        assert (answer.status_code, "expired" in answer.json()["error"]) == (403, True)

    def test_a_token_of_old_keys_is_refused_once_they_are_gone(
        self, door: Door, provider: RealProvider
    ) -> None:
        token = _tokens(provider, COMMAND).id_token
        provider.control("rotate")
        assert door.exchange(token).status_code == 403

    def test_a_changed_token_is_refused(self, door: Door, provider: RealProvider) -> None:
        token = _tokens(provider, COMMAND).id_token
        head, _, signature = token.split(".")
        claims = {**decoded(token), "groups": ["platform"]}
        body = unsigned({}, claims).split(".")[1]
        for forged in (f"{head}.{body}.{signature}", unsigned({"alg": "none"}, claims)):
            assert door.exchange(forged).status_code == 403


class TestCommandLine:
    """`gromit login` with the provider."""

    def test_a_browser_comes_back_and_the_login_is_renewed_until_it_is_revoked(
        self, door: Door, settings: Settings
    ) -> None:
        kept = logins.log_in(settings, door.front.url, _visit)
        assert kept.name == "alice@example.com"
        assert kept.refresh_token
        file = logins.login_file(settings)
        file.write(replace(kept, expires_ms=Millis(1)))
        tokens = logins.LoginTokens(file, LoginWeb(), door.clock)
        token = tokens.current()
        assert door.call(token, "GET", "/v1/whoami").json()["role"] == "developer"
        renewed = file.read()
        assert renewed is not None
        assert logins.log_out(settings) == renewed
        file.write(replace(renewed, expires_ms=Millis(1)))
        with pytest.raises(TrustError, match="has ended"):
            logins.LoginTokens(file, LoginWeb(), door.clock).current()

    def test_a_code_is_entered_on_another_device(self, door: Door, settings: Settings) -> None:
        shown: list[str] = []

        def pause(_seconds: float) -> None:
            if len(shown) == 1:
                _approve(shown[0])
                shown.append("approved")

        kept = logins.log_in_elsewhere(
            settings, door.front.url, lambda url, _code: shown.append(url), pause
        )
        assert kept.name == "alice@example.com"


def _approve(url: str) -> None:
    """Enter the code, confirm it and log in, as a person does."""
    with httpx2.Client(trust_env=False, follow_redirects=True, timeout=PATIENCE_S) as http:
        page = http.get(url)
        for more in ({}, {"confirm": "yes"}):
            fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
            page = http.post(
                f"{urlsplit(url).scheme}://{urlsplit(url).netloc}/device", data={**fields, **more}
            )
