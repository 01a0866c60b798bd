"""`gromit gateway` as a process."""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from gromit.adapters.security.token_file import TokenFile
from gromit.core.security.roles import Role
from gromit.core.security.tokens import TokenPermission, make_grant
from gromit.core.time import Millis
from gromit.services.tokens import TokenInputs, Tokens
from tests.commands import run_gromit
from tests.fakes.authority import TestCa
from tests.fakes.upstream import StandIn
from tests.waiting import PATIENCE_S

BUILD = {"repo": "tyk", "ref": "refs/heads/app-test", "sha": "sha-1"}


class House:
    """Files and a token of a gateway, and a fake serve."""

    def __init__(self, folder: Path) -> None:
        self.ca = TestCa(folder / "ca")
        self.serve = StandIn(self.ca)
        client = self.ca.leaf("gateway", Role.GATEWAY)
        book = folder / "tokens.json"
        sources = TokenInputs(lambda: Millis(1_770_000_000_000), lambda: b"s" * 32, lambda: "id0")
        self.token, _ = Tokens(TokenFile(book), sources).new(
            make_grant(["tyk"], list(TokenPermission)), life=timedelta(days=3650)
        )
        self.variables = {
            **{k: v for k, v in os.environ.items() if not k.startswith("GROMIT_")},
            "HOME": str(folder),
            "GROMIT_GATEWAY_LISTEN": "127.0.0.1:0",
            "GROMIT_GATEWAY_TOKENS": str(book),
            "GROMIT_CA": client.ca,
            "GROMIT_CLIENT_CERT": client.cert,
            "GROMIT_CLIENT_KEY": Path(client.key).read_text(),
            "GROMIT_SERVE_URL": "https://127.0.0.1:9",
        }

    @contextmanager
    def gateway(self, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """Run a gateway. Yield it with its address."""
        environ = {**self.variables, "GROMIT_SERVE_URL": self.serve.url, **variables}
        command = [sys.executable, "-m", "gromit", "gateway"]
        with subprocess.Popen(
            command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stderr is not None
                started = json.loads(process.stderr.readline())
                assert started["event"] == "server.started", started
                yield process, started["addresses"][0]
            finally:
                process.kill()

    def fails(self, **variables: str) -> str:
        """Return the error of a gateway that does not start with its settings."""
        environ = {k: v for k, v in {**self.variables, **variables}.items() if v}
        done = run_gromit("gateway", environ=environ)
        assert done.returncode == 2, done.stderr
        return done.stderr


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_it_passes_builds_on_until_a_stop_signal(house: House) -> None:
    with house.serve.running(), house.gateway() as (process, address):
        with httpx2.Client(trust_env=False, timeout=PATIENCE_S) as http:
            answer = http.post(
                f"http://{address}/gromit/newbuild",
                json=BUILD,
                headers={"Authorization": house.token},
            )
            assert (
                http.get(
                    f"http://{address}/gromit/newbuild/{house.token}?token={house.token}"
                ).status_code
                == 404
            )
        assert (answer.status_code, answer.json()) == (200, {"name": "app-test", "state": "new"})
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, out) == (0, "")
    request, misplaced = [
        line for line in map(json.loads, err.splitlines()) if line["event"] == "gateway.request"
    ]
    assert (request["token"], request["repository"], request["status"]) == ("id0", "tyk", 200)
    assert (misplaced["path"], misplaced["status"]) == ("/gromit/newbuild/***", 404)
    assert house.token not in err
    assert [(seen.repository, seen.role) for seen in house.serve.seen] == [("tyk", Role.GATEWAY)]


def test_its_front_speaks_tls_if_it_has_a_certificate_and_asks_for_none(house: House) -> None:
    front = house.ca.leaf("front", "server")
    with (
        house.serve.running(),
        house.gateway(GROMIT_GATEWAY_CERT=front.cert, GROMIT_GATEWAY_KEY=front.key) as (_, address),
    ):
        context = ssl.create_default_context(cafile=front.ca)
        with httpx2.Client(verify=context, trust_env=False, timeout=PATIENCE_S) as http:
            answer = http.request(
                "DELETE",
                f"https://{address}/gromit/env/app-test",
                headers={"Authorization": house.token},
            )
        assert (answer.status_code, answer.text) == (202, "ok")


def test_what_is_missing_is_named(house: House, tmp_path: Path) -> None:
    assert "GROMIT_SERVE_URL" in house.fails(GROMIT_SERVE_URL="")
    assert "GROMIT_CLIENT_CERT" in house.fails(GROMIT_CLIENT_CERT="")
    assert "GROMIT_CA" in house.fails(GROMIT_CA="")
    assert "none.json" in house.fails(GROMIT_GATEWAY_TOKENS=str(tmp_path / "none.json"))
    assert "GROMIT_GATEWAY_KEY" in house.fails(
        GROMIT_GATEWAY_CERT=house.variables["GROMIT_CLIENT_CERT"]
    )
    assert "https" in house.fails(GROMIT_SERVE_URL="http://serve.internal")


def test_it_takes_no_tokens_in_clear_from_other_machines_unless_set_so(house: House) -> None:
    said = house.fails(GROMIT_GATEWAY_LISTEN="0.0.0.0:0")
    assert "tokens in clear on 0.0.0.0:0" in said
    assert "gateway.plain" in said
