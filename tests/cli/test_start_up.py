"""Imports of short commands: each module makes every call slower."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from gromit.bootstrap.pki import build_pki
from gromit.config.load import load_settings
from gromit.core.security.certificates import LeafRequest
from gromit.core.security.roles import Role

RUN = """
import sys
models = []
def opened(event, arguments):
    if event == "open" and "service-2.json" in str(arguments[0]):
        models.append("model " + str(arguments[0]).split("/")[-3])
sys.addaudithook(opened)
from gromit.cli import run
code = run(sys.argv[1:])
sys.stderr.write("|".join([*sys.modules, *models]))
sys.exit(code)
"""
"""Runs a command, and prints its modules and the models of AWS's services that it has read."""
SERVERS = ("prometheus_client", "fastapi", "starlette", "uvicorn", "uvloop", "httptools", "jwt")
AWS = ("boto3", "botocore", "gromit.adapters", "gromit.services")
LOCAL = ("moto", "flask", "dns", "gromit.local")
OUTPUT = ("structlog", "rich", "pygments", "attr")
"""Only a log line or a terminal needs them."""
NEVER = (
    *SERVERS,
    *AWS,
    *LOCAL,
    *OUTPUT,
    "cryptography",
    "jinja2",
    "pydantic",
    "httpx2",
    "httpcore2",
    "asyncio",
    "gromit.core.doctor",
    "gromit.core.dns",
    "gromit.core.environments.environment",
    "yaml",
)
NEVER_WITHOUT_WORK = (
    "pydantic",
    "yaml",
    "jinja2",
    "rich",
    "pygments",
    "attr",
    "cryptography",
    "gromit.adapters.catalogue",
    "gromit.adapters.terraform",
    "gromit.bootstrap.backends",
    "gromit.core.discrepancies",
    "gromit.core.dns",
    "gromit.core.environments.environment",
    "gromit.core.stack.catalogue",
    "gromit.bootstrap.sow",
    "gromit.bootstrap.reap",
    "gromit.bootstrap.chitragupta",
    "gromit.services.sowing",
    "gromit.services.reaping",
)
"""Work needs them, and so does a catalogue of a person."""
NEVER_WITHOUT_RECORDS = (
    "pydantic",
    "jinja2",
    "rich",
    "pygments",
    "attr",
    "cryptography",
    "httpx2",
    "gromit.adapters.aws.dynamodb",
    "gromit.adapters.catalogue.entry",
    "gromit.adapters.terraform",
    "gromit.bootstrap.backends",
    "gromit.services.sowing",
    "gromit.services.reaping",
)
"""A catalogue of a person needs them, or a component whose health is asked for."""
PASS_MODULES = {"sow": 576, "reap": 576, "chitragupta": 612}
"""Modules of a pass with nothing to do, Python's own included."""
PASS_MODELS = {"sow": ["s3"], "reap": ["s3"], "chitragupta": ["ec2", "route53"]}
"""AWS services of whose clients such a pass has one each: a client takes up to 0.1 s."""
SETTINGS = ("gromit.config",)
CLIENT = ("http", "ssl", "gromit.web", "gromit.bootstrap")
ENVIRONMENT: Mapping[str, Any] = {
    "name": "app",
    "phase": "ready",
    "versions": {"tyk": {"version": "sha-1", "source": "reported"}},
    "protected": False,
    "changed": "2026-11-24T18:33:43Z",
    "error": None,
}
NO_INTERFACES = b"""<DescribeNetworkInterfacesResponse>
  <networkInterfaceSet/>
</DescribeNetworkInterfacesResponse>
"""
NO_RECORDS = b"""<ListResourceRecordSetsResponse>
  <ResourceRecordSets/><IsTruncated>false</IsTruncated><MaxItems>300</MaxItems>
</ListResourceRecordSetsResponse>
"""


class _Listing(BaseHTTPRequestHandler):
    """Lists one environment, has no work, and is an AWS account without anything."""

    def do_GET(self) -> None:
        if "list-type=2" in self.path:
            return self._answer(b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>")
        if "/rrset" in self.path:
            return self._answer(NO_RECORDS)
        listed = [] if "/wanted" in self.path else [ENVIRONMENT]
        page = {"environments": listed, "next": None, "unreadable": [], "suspensions": []}
        return self._answer(json.dumps(page).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if b"Action=DescribeNetworkInterfaces" in body:
            return self._answer(NO_INTERFACES)
        self.send_response(204)
        return self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Write nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """Address of a server that lists one environment."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Listing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def credentials(tmp_path: Path) -> Mapping[str, str]:
    """Variables that name an operator's certificate."""
    folder = tmp_path / "pki"
    authority = build_pki(load_settings({"GROMIT_PKI_DIR": str(folder)}).settings)
    authority.init("test", 1)
    authority.issue(LeafRequest(name="alice", kind=Role.OPERATOR, days=1))
    return {
        "GROMIT_CA": str(folder / "ca.pem"),
        "GROMIT_CLIENT_CERT": str(folder / "alice.pem"),
        "GROMIT_CLIENT_KEY": str(folder / "alice-key.pem"),
    }


def _run(*arguments: str, home: Path, **variables: str) -> tuple[str, frozenset[str]]:
    """Output of a command, and the modules and models that its process has read."""
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("GROMIT_", "XDG_", "COV"))}
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        env={**ours, "HOME": str(home), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1000:]
    return done.stdout, frozenset(done.stderr.splitlines()[-1].split("|"))


def _found(modules: frozenset[str], unwanted: tuple[str, ...]) -> list[str]:
    return sorted(m for m in modules if any(m == u or m.startswith(f"{u}.") for u in unwanted))


@pytest.mark.parametrize(
    ("command", "shown"),
    [(["--help"], "catalogue"), (["env", "--help"], "unlock"), (["root", "--help"], "init")],
)
def test_help_imports_click_alone(tmp_path: Path, command: list[str], shown: str) -> None:
    output, modules = _run(*command, home=tmp_path)
    assert shown in output
    assert _found(modules, (*NEVER, *SETTINGS, *CLIENT)) == []


def test_config_show_imports_settings_and_no_client(tmp_path: Path) -> None:
    output, modules = _run("config", "show", home=tmp_path)
    assert "serve.url" in output
    assert _found(modules, (*NEVER, *CLIENT, "gromit.core.environments")) == []


@pytest.mark.parametrize("output", ["table", "json"])
def test_env_list_imports_a_client_and_no_server(
    url: str, credentials: Mapping[str, str], output: str, tmp_path: Path
) -> None:
    text, modules = _run(
        "env", "list", "-o", output, home=tmp_path, GROMIT_SERVE_URL=url, **credentials
    )
    assert "2026-11-24T18:33:43Z" in text
    assert _found(modules, NEVER) == []


def test_suspend_imports_the_config_tree_without_templates_and_services(
    url: str, credentials: Mapping[str, str], tmp_path: Path
) -> None:
    _, modules = _run("suspend", "list", home=tmp_path, GROMIT_SERVE_URL=url, **credentials)
    found = [m for m in _found(modules, NEVER) if not m.startswith("gromit.adapters")]
    assert found == []
    assert _found(modules, ("gromit.adapters",)) != []
    assert "gromit.adapters.aws" not in modules


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("sow", "nothing was due"),
        ("reap", "nothing was due"),
        ("chitragupta", "nothing to change"),
    ],
)
def test_a_pass_without_work_imports_nothing_of_work(
    url: str,
    credentials: Mapping[str, str],
    command: str,
    shown: str,
    tmp_path: Path,
) -> None:
    _run("root", "init", str(tmp_path / "root"), home=tmp_path)
    output, modules = _run(
        command,
        str(tmp_path / "root"),
        home=tmp_path,
        GROMIT_SERVE_URL=url,
        GROMIT_CLUSTER_DOMAIN="dev.example.com",
        GROMIT_CLUSTER_ZONEID="Z1",
        AWS_ENDPOINT_URL=url,
        AWS_REGION="eu-central-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        **credentials,
    )
    assert shown in output
    unwanted = NEVER_WITHOUT_RECORDS if command == "chitragupta" else NEVER_WITHOUT_WORK
    assert _found(modules, (*unwanted, *SERVERS, *LOCAL)) == []
    assert _found(modules, ("boto3",)) != []
    assert len(modules) <= PASS_MODULES[command]
    models = sorted(m.removeprefix("model ") for m in modules if m.startswith("model "))
    assert models == PASS_MODELS[command]


def test_a_command_on_aws_shows_that_these_modules_would_be_found(tmp_path: Path) -> None:
    _, modules = _run("cluster", "--help", home=tmp_path)
    assert _found(modules, ("boto3",)) != []
