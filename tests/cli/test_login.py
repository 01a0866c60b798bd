"""`gromit login`, `logout` and `whoami`, and commands for environments without a certificate."""

import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from gromit.bootstrap import login as logins
from gromit.cli import run
from gromit.config.load import load_settings
from gromit.config.schema import Settings
from gromit.core.security.roles import Role
from gromit.errors import ConfigError, Temporary, TrustError
from tests.fakes.provider import COMMAND, Provider, decoded
from tests.waiting import PATIENCE_S
from tests.web.gateway.browsing import Door, opened
from tests.web.serving import Serve, certificates, emulator, serve, shared_serve

__all__ = ["certificates", "emulator", "serve", "shared_serve"]

_BROWSER = """
import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1]).read()
"""


@pytest.fixture(scope="module")
def shared_door(shared_serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with (
        Provider().running() as provider,
        opened(shared_serve, tmp_path_factory.mktemp("door"), provider) as door,
    ):
        yield door


@pytest.fixture
def door(shared_door: Door, serve: Serve) -> Door:
    """A gateway with logins before an empty serve."""
    assert serve.rows == {}
    provider, fresh = shared_door.provider, Provider()
    for name in ("person", "more", "refusal", "revoked", "approved", "asked", "document"):
        setattr(provider, name, getattr(fresh, name))
    provider.person["groups"] = ["developers"]
    return shared_door


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables of a laptop without any certificate."""
    variables = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "GROMIT_LOG_LEVEL": "error",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture
def settings(environ: dict[str, str]) -> Settings:
    return load_settings(environ).settings


def _visit(address: str) -> threading.Thread:
    """Open an address in a browser, which follows all redirects."""

    def target() -> None:
        with httpx2.Client(trust_env=False, follow_redirects=True, timeout=PATIENCE_S) as http:
            http.get(address)

    thread = threading.Thread(target=target)
    thread.start()
    return thread


def _login(settings: Settings, door: Door) -> None:
    threads: list[threading.Thread] = []
    logins.log_in(settings, door.front.url, lambda url: threads.append(_visit(url)))
    threads[0].join()


def _file(settings: Settings) -> Path:
    return logins.login_file(settings).path


class Shell:
    """Runs commands in this process."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured

    def run(self, *arguments: str, code: int = 0) -> str:
        """Return the output of a command, or its errors if it fails."""
        self._captured.readouterr()
        assert run(list(arguments)) == code, self._captured.readouterr().err
        found = self._captured.readouterr()
        return found.out if code == 0 else found.err

    def json(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "-o", "json"))


@pytest.fixture
def shell(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> Shell:
    assert environ
    return Shell(capsys)


def test_a_login_opens_a_browser_and_commands_need_no_certificate_any_more(
    door: Door, environ: dict[str, str], tmp_path: Path, shell: Shell
) -> None:
    script = tmp_path / "browser.py"
    script.write_text(_BROWSER, encoding="utf-8")
    child = subprocess.run(
        [sys.executable, "-m", "gromit", "login", door.front.url],
        env={
            **os.environ,
            **environ,
            "BROWSER": f"{shlex.join([sys.executable, str(script)])} %s &",
        },
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE_S,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert child.stdout == f"logged in at {door.front.url} as alice@example.com\n"
    assert f"{door.provider.url}/authorize?" in child.stderr
    file = tmp_path / "state/gromit/login.json"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)

    door.serve.build("tyk", "app-test", "sha")
    assert [row["name"] for row in shell.json("env", "list")] == ["app-test"]
    assert "app-test" in shell.run("env", "redeploy", "app-test")
    assert "developer:alice@example.com" in shell.run("env", "history", "app-test", "-o", "json")
    found = shell.json("whoami")
    assert (found["name"], found["role"]) == ("alice@example.com", "developer")
    assert found["via"] == f"login at {door.front.url}"


def test_a_login_on_another_device_waits_for_the_person(door: Door, settings: Settings) -> None:
    shown: list[tuple[str, str]] = []
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        door.provider.approved = len(pauses) > 2

    kept = logins.log_in_elsewhere(
        settings, door.front.url, lambda url, code: shown.append((url, code)), pause
    )
    assert shown == [(f"{door.provider.url}/activate", "WDJB-MJHT")]
    assert pauses == [1.0, 1.0, 1.0]
    assert kept.name == "alice@example.com"
    assert logins.login_file(settings).read() == kept


def test_a_login_sends_its_own_random_values_and_no_secret(door: Door, settings: Settings) -> None:
    for _ in range(2):
        _login(settings, door)
    first, second = (query for name, query in door.provider.asked if name == "authorize")
    for name in ("state", "nonce", "code_challenge", "redirect_uri"):
        assert first[name] != second[name]
    assert first["client_id"] == COMMAND
    assert urlsplit(first["redirect_uri"]).hostname == "127.0.0.1"
    assert "offline_access" in first["scope"].split()


def test_only_the_answer_to_this_login_counts(door: Door, settings: Settings) -> None:
    statuses: list[int] = []

    def visit(address: str) -> None:
        def target() -> None:
            query = parse_qs(urlsplit(address).query)
            back = query["redirect_uri"][0]
            with httpx2.Client(trust_env=False, timeout=PATIENCE_S) as http:
                forged = ("?code=x&state=x", "?code=x", "?error=x", "x?state=", "")
                statuses.extend(http.get(f"{back}{text}").status_code for text in forged)
            _visit(address).join()

        threading.Thread(target=target).start()

    assert logins.log_in(settings, door.front.url, visit).name == "alice@example.com"
    assert statuses == [404] * 5


def test_an_expired_token_is_renewed_by_the_provider(
    door: Door, settings: Settings, shell: Shell
) -> None:
    _login(settings, door)
    file = _file(settings)
    before = json.loads(file.read_text())
    file.write_text(json.dumps({**before, "expires_ms": 1, "token": "old"}))
    door.provider.person["groups"] = ["nothing"]
    assert shell.json("whoami")["name"] == "alice@example.com"
    after = json.loads(file.read_text())
    assert after["refresh_token"] != before["refresh_token"]
    assert decoded(after["token"])["exp"] // 1000 == after["expires_ms"] // 1000
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("change", ["revoked", "no refresh token", "no role any more"])
def test_a_login_that_cannot_be_renewed_says_what_to_do(
    door: Door, settings: Settings, shell: Shell, change: str
) -> None:
    _login(settings, door)
    file = _file(settings)
    kept = json.loads(file.read_text()) | {"expires_ms": 1}
    if change == "no refresh token":
        kept["refresh_token"] = None
    file.write_text(json.dumps(kept))
    door.provider.revoked = change == "revoked"
    if change == "no role any more":
        door.provider.more = {"email": "alice@elsewhere.com", "groups": []}
    error = shell.run("env", "list", code=1)
    assert f"your login at {door.front.url} has ended" in error
    assert f"hint: run `gromit login {door.front.url}`" in error


def test_a_logout_forgets_the_login_here_and_at_the_provider(
    door: Door, settings: Settings, shell: Shell
) -> None:
    _login(settings, door)
    refresh = json.loads(_file(settings).read_text())["refresh_token"]
    assert shell.run("logout") == f"logged out of {door.front.url}\n"
    assert not _file(settings).exists()
    assert dict(door.provider.asked)["revoke"] == {"client_id": COMMAND, "token": refresh}
    assert shell.run("logout") == "you were not logged in\n"
    error = shell.run("env", "list", code=2)
    assert "serve.url is not set" in error
    assert "gromit login https://" in error


def test_a_certificate_comes_before_a_login(
    door: Door,
    settings: Settings,
    shell: Shell,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _login(settings, door)
    own = serve.certificates.of(Role.OPERATOR)
    for name, value in {
        "GROMIT_SERVE_URL": serve.url,
        "GROMIT_CA": str(own.ca),
        "GROMIT_CLIENT_CERT": own.cert,
        "GROMIT_CLIENT_KEY": own.key,
    }.items():
        monkeypatch.setenv(name, value)
    found = shell.json("whoami")
    assert (found["role"], found["via"]) == ("operator", "certificate")


def test_a_login_at_another_gateway_does_not_count(
    door: Door, settings: Settings, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    _login(settings, door)
    monkeypatch.setenv("GROMIT_GATEWAY_URL", "https://other.example.com")
    error = shell.run("env", "list", code=2)
    assert "you are not logged in at https://other.example.com" in error
    assert "run `gromit login https://other.example.com`" in error


@pytest.mark.parametrize(
    "url", ["http://gateway.example.com", "gateway", "https://x/y", "ftp://127.0.0.1", "https://"]
)
def test_a_gateway_is_reached_safely_or_not_at_all(settings: Settings, url: str) -> None:
    with pytest.raises(ConfigError, match="is not the URL of a gateway"):
        logins.log_in(settings, url, lambda _: None)


def test_without_a_gateway_the_error_says_how_to_name_one(shell: Shell) -> None:
    error = shell.run("login", "--no-browser", code=2)
    assert "there is no gateway to log in at" in error
    assert "gromit login https://gateway.example.com" in error


def test_a_server_that_is_no_gateway_is_not_logged_in_at(door: Door, settings: Settings) -> None:
    with pytest.raises(ConfigError, match="has no logins for the command line"):
        logins.log_in(settings, door.provider.url, lambda _: None)
    with pytest.raises(Temporary, match="could not ask"):
        logins.log_in(settings, "http://127.0.0.1:1", lambda _: None)


def test_a_refusal_of_the_provider_is_said(door: Door, settings: Settings) -> None:
    door.provider.refusal = "access_denied"
    with pytest.raises(TrustError, match="access_denied"):
        _login(settings, door)
    assert not _file(settings).exists()


def test_a_damaged_file_is_named(settings: Settings, shell: Shell) -> None:
    file = _file(settings)
    file.parent.mkdir(parents=True)
    file.write_text('{"gateway": 7}')
    error = shell.run("env", "list", code=2)
    assert f"{file} is not the file of a login" in error
    assert "hint: run `gromit logout`" in error
    assert shell.run("logout") == "you were not logged in\n"
    assert not file.exists()
