"""The image's health check with real processes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

import healthy
from gromit.config.load import load_settings
from gromit.web.server.health import health_app
from gromit.web.server.server import Listener, Server
from tests.cli.test_gateway import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Files, a token and settings of a gateway."""
    made = House(tmp_path)
    # Nothing listens on this proxy: a check that uses it fails.
    made.variables["http_proxy"] = made.variables["https_proxy"] = "http://127.0.0.1:9"
    return made


def check(pid: int, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the health check with the variables of the container."""
    command = [sys.executable, healthy.__file__, str(pid)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GROMIT_")}
    return subprocess.run(
        command, env=kept | variables, capture_output=True, text=True, check=False, timeout=60
    )


@contextmanager
def process(*words: str) -> Iterator[int]:
    """Run an idle process with these words on its command line; yield its id."""
    with subprocess.Popen(["sh", "-c", "read line", *words], stdin=subprocess.PIPE) as waiting:
        try:
            yield waiting.pid
        finally:
            waiting.kill()


def test_a_gateway_is_well_as_long_as_it_answers(house: House) -> None:
    with house.serve.running(), house.gateway() as (running, address):
        house.variables["GROMIT_GATEWAY_LISTEN"] = address
        assert check(running.pid, **house.variables).returncode == 0
    with process("gromit", "gateway") as pid:
        done = check(pid, **house.variables)
    assert done.returncode == 1
    assert "refused" in done.stderr


def test_a_gateway_with_a_certificate_of_its_public_name_is_asked_over_tls(house: House) -> None:
    front = house.ca.leaf("gateway.example.com", "server")
    tls = {"GROMIT_GATEWAY_CERT": front.cert, "GROMIT_GATEWAY_KEY": front.key}
    with house.serve.running(), house.gateway(**tls) as (running, address):
        assert (
            check(
                running.pid, **{**house.variables, **tls, "GROMIT_GATEWAY_LISTEN": address}
            ).returncode
            == 0
        )
        assert (
            check(running.pid, **{**house.variables, "GROMIT_GATEWAY_LISTEN": address}).returncode
            == 1
        )


def test_serve_is_asked_where_its_command_line_says() -> None:
    server = Server(
        Listener(
            health_app(CollectorRegistry(), lambda: "not ready, and yet it lives"), "127.0.0.1:0"
        )
    )
    with (
        server.running(),
        process(
            "init",
            "--",
            "/opt/gromit/bin/gromit",
            "serve",
            "--set",
            f"serve.health={server.address()}",
        ) as pid,
    ):
        assert check(pid).returncode == 0
        assert check(pid, GROMIT_LEASE_TTL="nonsense").returncode == 1


@pytest.mark.parametrize(
    "words",
    [("gromit", "sow", "--watch", "/config"), ("gromit", "--version"), ("sh",), ("gromit",)],
)
def test_what_does_not_serve_is_well_as_long_as_it_runs(words: tuple[str, ...]) -> None:
    with process(*words) as pid:
        assert check(pid).returncode == 0


def test_what_does_not_run_is_not_well() -> None:
    assert check(2**22 + 1).returncode == 1  # above the highest id that Linux gives


@pytest.mark.parametrize(
    ("variables", "name", "url"),
    [
        ({}, "serve", "http://127.0.0.1:8080/healthcheck"),
        ({"GROMIT_SERVE_HEALTH": "0.0.0.0:81"}, "serve", "http://127.0.0.1:81/healthcheck"),
        ({"GROMIT_SERVE_HEALTH": "10.0.0.7:81"}, "serve", "http://10.0.0.7:81/healthcheck"),
        ({}, "gateway", "http://127.0.0.1:8443/healthcheck"),
        (
            {"GROMIT_GATEWAY_LISTEN": "[::]:8443", "GROMIT_GATEWAY_CERT": "a.pem"},
            "gateway",
            "https://[::1]:8443/healthcheck",
        ),
        ({}, "reap", None),
    ],
)
def test_the_address_is_that_of_the_settings(
    variables: dict[str, str], name: str, url: str | None
) -> None:
    assert (
        healthy.address(name, load_settings({"HOME": "/nonexistent", **variables}).settings) == url
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["/opt/gromit/bin/python", "/opt/gromit/bin/gromit", "serve"], ["serve"]),
        (["/sbin/docker-init", "--", "gromit", "sow", "/config"], ["sow", "/config"]),
        (["python", "-m", "gromit", "gateway"], ["gateway"]),
        (["sleep", "1"], None),
        ([], None),
    ],
)
def test_the_command_is_found_whatever_starts_it(line: list[str], words: list[str] | None) -> None:
    assert healthy.arguments(line) == words
