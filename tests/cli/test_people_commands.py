"""Every command that needs only what people may do works with a login, without a certificate."""

import asyncio
import json
import os
import ssl
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import click
import httpx2
import pytest

import gromit.cli
from gromit.cli import run
from gromit.core.security.roles import Role
from gromit.errors import Temporary, TrustError
from gromit.web.gateway.upstream import Upstream, UpstreamResponse, client_of_gateway
from gromit.web.page.backend import Visitor
from gromit.web.page.own_login import OwnLogin
from tests.fakes.provider import COMMAND, Provider
from tests.waiting import PATIENCE_S
from tests.web.gateway.browsing import Door, opened
from tests.web.page.looking import parse_html
from tests.web.page.ui_process import run_ui
from tests.web.serving import Certificates, Emulator, certificates, emulator, serving

__all__ = ["certificates", "emulator"]

FIRST, SECOND = "sha-of-people-1", "sha-of-people-2"
VIEWER, DEVELOPER, OPERATOR = "everybody", "developers", "platform"
"""Groups of the roles at the provider."""
WITH_A_LOGIN: Mapping[str, tuple[str, ...]] = {
    "env list": (VIEWER,),
    "env get": (VIEWER, "NAME"),
    "env explain": (VIEWER, "NAME"),
    "env history": (VIEWER, "NAME"),
    "env diff": (VIEWER, "NAME", "NAME"),
    "env logs": (VIEWER, "NAME"),
    "env open": (VIEWER, "NAME", "tyk", "--no-browser"),
    "env wait": (VIEWER, "NAME", "--no-dns"),
    "env watch": (VIEWER, "NAME"),
    "plan": (VIEWER, "--part", "sow"),
    "cost": (VIEWER,),
    "whoami": (VIEWER,),
    "env retry": (DEVELOPER, "NAME"),
    "env redeploy": (DEVELOPER, "NAME"),
    "env rollback": (DEVELOPER, "NAME"),
    "env extend": (DEVELOPER, "NAME", "3d"),
    "env park": (DEVELOPER, "NAME"),
    "env unpark": (DEVELOPER, "NAME"),
    "env wake": (DEVELOPER, "NAME"),
    "env protect": (DEVELOPER, "NAME"),
    "env unprotect": (DEVELOPER, "NAME"),
    "env delete": (DEVELOPER, "NAME"),
    "env create": (OPERATOR, "new-test", f"tyk={FIRST}"),
    "env replace": (OPERATOR, "NAME", f"tyk={FIRST}"),
    "env set": (OPERATOR, "NAME", f"tyk={FIRST}"),
    "audit": (OPERATOR, "--since", "1h"),
    "suspend": (OPERATOR, "--reason", "only a test"),
    "resume": (OPERATOR, "--reason", "it is over"),
}
"""Least group that may run each command, and its arguments."""
UNTIL_A_SIGNAL = {"ui"}
"""Commands with a login that end with a signal only: each has a test of its own."""
WITHOUT_ONE = {
    "serve", "gateway", "sow", "reap", "chitragupta",  # parts, with certificates of their own
    "cluster expose", "cluster list", "cluster show", "env exec", "env unlock",  # AWS
    "terraform", "migrate",  # AWS
    "doctor aws", "doctor environments", "secrets list", "secrets make", "secrets replace",  # AWS
    "catalogue check", "catalogue show", "config show", "completion", "root init",  # files
    "pki ensure", "pki init", "pki issue", "pki list", "pki renew", "pki revoke", "pki trust",
    "token list", "token new", "token revoke",  # files of the gateway
    "local age-images", "local demo", "local down", "local env", "local push",
    "local retire-tasks", "local status", "local up", "local urls",
    "login", "logout",
}  # fmt: skip


def _leaves(group: click.Group, context: click.Context, path: str = "") -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _leaves(command, click.Context(command, parent=context), f"{path}{name} ")
        else:
            yield path + name


@pytest.fixture(scope="module")
def door(
    emulator: Emulator, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    more = {
        "GROMIT_GATEWAY_LOGIN_VIEWERS": f"groups={VIEWER}",
        "GROMIT_GATEWAY_LOGIN_REPOSITORIES": "*",
    }
    log = tmp_path_factory.mktemp("log") / "serve.log"
    log.touch()
    with (
        Provider().running() as provider,
        serving(
            emulator,
            certificates,
            GROMIT_SERVE_PEOPLE="operator",
            GROMIT_SERVE_AUDIT_FILE=str(log),
        ) as serve,
        opened(serve, tmp_path_factory.mktemp("door"), provider, **more) as door,
    ):
        serve.push("tyk", FIRST, SECOND)
        yield door


def test_every_command_is_listed() -> None:
    root = gromit.cli.root
    found = set(_leaves(root, click.Context(root)))
    assert found == WITH_A_LOGIN.keys() | WITHOUT_ONE | UNTIL_A_SIGNAL
    assert not WITH_A_LOGIN.keys() & WITHOUT_ONE


def _kept_login(door: Door, group: str) -> str:
    """The file that `gromit login` would have written."""
    token = door.token(groups=[group])
    return json.dumps(
        {
            "gateway": door.front.url,
            "name": "alice@example.com",
            "client_id": COMMAND,
            "token": token,
            "expires_ms": door.clock.now + 3_600_000,
            "token_endpoint": f"{door.provider.url}/token",
            "refresh_token": None,
            "revocation_endpoint": None,
        }
    )


def _prepare(door: Door, command: str) -> str:
    """Make the environment that a command needs; return its name."""
    serve, name = door.serve, command.replace(" ", "-")
    serve.clear()
    serve.build("tyk", name, FIRST)
    made = {"name": "tyk", "repository": "tyk", "port": 8181}
    serve.outcome(serve.claim("sow"), "done", made=[{**made, "version": FIRST}])
    match command:
        case "env rollback":
            serve.build("tyk", name, SECOND)
            serve.outcome(serve.claim("sow"), "done", made=[{**made, "version": SECOND}])
        case "env retry":
            serve.build("tyk", name, SECOND)
            serve.outcome(serve.claim("sow"), "fail")
        case "env watch":
            serve.send("DELETE", f"/v1/environments/{name}")
            serve.clock.advance(s=3700)
            serve.outcome(serve.claim("reap"), "done")
        case _:
            pass
    return name


@pytest.mark.parametrize("command", WITH_A_LOGIN)
def test_a_command_works_with_a_login(
    door: Door,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    group, *arguments = WITH_A_LOGIN[command]
    name = _prepare(door, command)
    kept = tmp_path / "login.json"
    kept.write_text(_kept_login(door, group), encoding="utf-8")
    kept.chmod(0o600)
    for variable, value in {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "GROMIT_CLIENT_LOGIN": str(kept),
        "GROMIT_LOG_LEVEL": "error",
    }.items():
        monkeypatch.setenv(variable, value)
    words = [a.replace("NAME", name) for a in arguments]
    code = run([*command.split(), *words])
    assert code == 0, capsys.readouterr().err


def test_the_page_of_ui_shows_and_changes_what_the_login_may(door: Door, tmp_path: Path) -> None:
    name = _prepare(door, "env park")
    kept = tmp_path / "login.json"
    kept.write_text(_kept_login(door, DEVELOPER), encoding="utf-8")
    kept.chmod(0o600)
    variables = {
        **{k: v for k, v in os.environ.items() if not k.startswith("GROMIT_")},
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "GROMIT_CLIENT_LOGIN": str(kept),
    }
    with (
        run_ui(variables) as (_, address),
        httpx2.Client(timeout=PATIENCE_S, trust_env=False, follow_redirects=True) as browser,
    ):
        page = parse_html(browser.get(address).text)
        assert page.one("tr", id=f"env-{name}").text.startswith(name)
        assert page.one("p", class_="person").text.endswith(" developer")
        shown = browser.get(address.copy_with(path=f"/environments/{name}", query=None))
        assert "token" not in shown.text
        assert json.loads(kept.read_text())["token"] not in shown.text + str(shown.headers)
        csrf = parse_html(shown.text).all("input", name="csrf")[0].attributes["value"]
        target = address.copy_with(path=f"/environments/{name}/do/park", query=None)
        origin = {"Origin": f"http://{address.host}:{address.port}"}
        done = browser.post(target, data={"csrf": csrf}, headers=origin)
        assert done.status_code == 200
    assert door.serve.get(f"/v1/environments/{name}")["parked"]


def test_without_a_valid_login_the_page_says_what_to_do() -> None:
    def ended() -> str:
        raise TrustError("your login has ended", hint="run `gromit login URL`")

    person = Visitor(name="alice", role=Role.VIEWER, csrf="c")
    http = client_of_gateway("http://127.0.0.1:9", ssl.create_default_context())
    backend = OwnLogin(Upstream(http, timedelta(seconds=5)), person, ended)

    async def ask() -> UpstreamResponse:
        answer = await backend.send(None, "GET", "/v1/overview")
        with pytest.raises(Temporary, match="your login has ended"):
            await anext(aiter(backend.changes()))
        await backend.close()
        return answer

    answer = asyncio.run(ask())
    assert (answer.status, json.loads(answer.body)["hint"]) == (401, "run `gromit login URL`")
