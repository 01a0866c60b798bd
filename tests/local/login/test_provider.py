"""The provider of a local cloud, with the gateway and the command line as they are."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from gromit.bootstrap import login as logins
from gromit.config.load import load_settings
from gromit.config.schema import Settings
from gromit.core.time import Millis
from gromit.errors import ConfigError, InvalidInput, TrustError
from gromit.local.cloud.network import free_port
from gromit.local.login.grants import LocalClient
from gromit.local.login.made_up import DEFAULT, LoginSecrets, gateway_login, parse_people
from gromit.local.login.process import running
from gromit.local.login.spec import ProviderSpec
from gromit.web.clients.oauth import LoginWeb
from tests.fakes.provider import Provider
from tests.waiting import PATIENCE_S
from tests.web.fronting import fronting
from tests.web.gateway.browsing import URL, Browser, Door
from tests.web.serving import Clock, Serve, certificates, emulator, serve, shared_serve

__all__ = ["certificates", "emulator", "serve", "shared_serve"]


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProviderSpec]:
    secrets = tmp_path_factory.mktemp("login") / "secrets.json"
    LoginSecrets.make(secrets)
    port = free_port(None, taken=())
    made = ProviderSpec(port=port, gateway=URL, secrets=str(secrets), people=DEFAULT)
    found = ProviderSpec.from_json(made.command[-1])
    assert found == made
    with running(found):
        yield found


@pytest.fixture(scope="module")
def shared_door(
    shared_serve: Serve, spec: ProviderSpec, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    variables = gateway_login(spec.issuer, LoginSecrets.read(Path(spec.secrets)))
    clock = Clock()
    folder = tmp_path_factory.mktemp("door")
    with fronting(
        shared_serve, folder, {**variables, "GROMIT_GATEWAY_URL": URL}, clock=clock
    ) as front:
        yield Door(front, Provider(url=spec.issuer), shared_serve, clock)


@pytest.fixture
def door(shared_door: Door, serve: Serve) -> Door:
    assert serve.rows == {}
    return shared_door


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        {"HOME": str(tmp_path), "GROMIT_CLIENT_LOGIN": str(tmp_path / "login.json")}
    ).settings


def _post(url: str, **form: str) -> httpx2.Response:
    return httpx2.post(url, data=form, trust_env=False, timeout=PATIENCE_S)


def _choose(url: str, person: str) -> str:
    """Choose a person on the page of the provider; return where the browser goes on."""
    page = httpx2.get(url, trust_env=False, timeout=PATIENCE_S)
    assert page.status_code == 200, page.text
    assert f'value="{person}"' in page.text
    assert "no password" in page.text
    answer = _post(url, person=person)
    assert answer.is_redirect, answer.text
    return str(answer.headers["location"])


def _at_provider(browser: Browser) -> str:
    return str(browser.get("/login?next=/logout", follow=False).headers["location"])


def _visit(url: str) -> None:
    """Log alice in, as a browser that the command line opens."""
    target = lambda: httpx2.get(_choose(url, "alice"), trust_env=False, timeout=PATIENCE_S)  # noqa: E731
    threading.Thread(target=target).start()


class TestBrowsers:
    """Logins at the gateway."""

    @pytest.mark.parametrize(("person", "role"), DEFAULT.items())
    def test_each_person_has_its_role(self, door: Door, person: str, role: str) -> None:
        browser = door.browser()
        page = browser.get(_choose(_at_provider(browser), person))
        assert page.status_code == 200, page.text
        answer = browser.get("/v1/whoami")
        if role == "operator":
            # serve of this test believes the gateway up to the role developer.
            assert (answer.status_code, role in answer.text) == (403, True)
        else:
            found = answer.json()
            assert (found["name"], found["role"]) == (f"{person}@example.test", role)

    def test_a_code_is_good_once(self, door: Door) -> None:
        browser = door.browser()
        callback = _choose(_at_provider(browser), "alice")
        kept = dict(browser.cookies)
        assert browser.get(callback, follow=False).status_code == 303
        browser.cookies = kept
        page = browser.get(callback, follow=False)
        assert (page.status_code, "invalid_grant" in page.text) == (403, True)

    def test_a_code_goes_to_the_gateway_only(self, door: Door) -> None:
        url = _at_provider(door.browser())
        for other in (f"{URL}/other", "https://evil.example.com/login/callback"):
            wrong = re.sub(r"redirect_uri=[^&]*", f"redirect_uri={other}", url)
            answer = _post(wrong, person="alice")
            assert (answer.status_code, answer.is_redirect) == (400, False)

    def test_a_website_with_a_name_for_this_machine_is_refused(self, spec: ProviderSpec) -> None:
        headers = {"host": f"evil.example.com:{spec.port}"}
        answer = httpx2.get(
            f"{spec.issuer}/jwks", headers=headers, trust_env=False, timeout=PATIENCE_S
        )
        assert answer.status_code == 403

    def test_an_unknown_person_is_not_logged_in(self, door: Door) -> None:
        answer = _post(_at_provider(door.browser()), person="mallory")
        assert (answer.status_code, "made up" in answer.text) == (200, True)


class TestCommandLine:
    """Logins of `gromit login`."""

    def test_a_login_is_renewed_until_it_is_revoked(self, door: Door, settings: Settings) -> None:
        kept = logins.log_in(settings, door.front.url, _visit)
        assert kept.name == "alice@example.test"
        file = logins.login_file(settings)
        file.write(replace(kept, expires_ms=Millis(1)))
        token = logins.LoginTokens(file, LoginWeb(), door.clock).current()
        assert door.call(token, "GET", "/v1/whoami").json()["role"] == "developer"
        renewed = file.read()
        assert renewed is not None
        assert renewed.refresh_token != kept.refresh_token
        file.write(replace(kept, expires_ms=Millis(1)))
        with pytest.raises(TrustError, match="has ended"):
            logins.LoginTokens(file, LoginWeb(), door.clock).current()
        file.write(renewed)
        logins.log_out(settings)
        file.write(replace(renewed, expires_ms=Millis(1)))
        with pytest.raises(TrustError, match="has ended"):
            logins.LoginTokens(file, LoginWeb(), door.clock).current()

    def test_a_code_is_entered_on_another_device(self, door: Door, settings: Settings) -> None:
        shown: list[str] = []

        def pause(_seconds: float) -> None:
            url, code = shown
            page = url.partition("?")[0]
            assert "No device waits" in _post(page, person="bob", user_code="XXXX-XXXX").text
            assert (
                "logged in on the other device"
                in _post(page, person="bob", user_code=code.lower()).text
            )

        kept = logins.log_in_elsewhere(
            settings, door.front.url, lambda url, code: shown.extend((url, code)), pause
        )
        assert kept.name == "bob@example.test"

    def test_a_code_without_its_verifier_is_worth_nothing(
        self, door: Door, settings: Settings, spec: ProviderSpec
    ) -> None:
        refused: list[Any] = []

        def visit(url: str) -> None:
            query = parse_qs(urlsplit(_choose(url, "alice")).query)
            form = {
                "grant_type": "authorization_code",
                "client_id": "gromit-command",
                "code": query["code"][0],
                "redirect_uri": parse_qs(urlsplit(url).query)["redirect_uri"][0],
                "code_verifier": "v" * 43,
            }
            refused.append(_post(f"{spec.issuer}/token", **form).json()["error"])
            _visit(url)

        logins.log_in(settings, door.front.url, visit)
        assert refused == ["invalid_grant"]


def test_secrets_stay_once_they_are_made(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    LoginSecrets.make(path)
    first = LoginSecrets.read(path)
    LoginSecrets.make(path)
    assert LoginSecrets.read(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(json.dumps({"client": "x"}))
    with pytest.raises(ConfigError, match="key"):
        LoginSecrets.read(path)


@pytest.mark.parametrize(
    "text", ["alice", "alice=", "alice=root", "=viewer", "A b=viewer", "a=VIEWER"]
)
def test_a_person_has_a_name_and_a_role(text: str) -> None:
    with pytest.raises(InvalidInput, match="--person"):
        parse_people(["carol=developer", text])


def test_people_have_one_role_each() -> None:
    assert parse_people(["a=viewer", "b.c=operator"]) == {"a": "viewer", "b.c": "operator"}
    with pytest.raises(InvalidInput, match="twice"):
        parse_people(["a=viewer", "a=operator"])


@pytest.mark.parametrize(
    "uri", ["http://[/callback", "https://127.0.0.1/callback", "http://127.0.0.1.x/callback", ""]
)
def test_a_native_client_gets_its_answer_on_this_machine_only(uri: str) -> None:
    client = LocalClient(id="gromit-command")
    assert client.check_redirect_uri("http://127.0.0.1:7/callback")
    assert not client.check_redirect_uri(uri)
