"""Commands in processes of their own, before an installation that has next to nothing.

serve lists one environment and has no work, and the account of AWS is empty.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

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
PASS_MODULES = {"sow": 307, "reap": 307, "chitragupta": 339}
"""Modules of a pass with nothing to do, besides Python's own."""
PASS_MODELS = {"sow": ["s3"], "reap": ["s3"], "chitragupta": ["ec2", "route53"]}
"""AWS services of whose clients such a pass has one each: a client takes up to 0.1 s."""
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


@contextmanager
def empty_installation() -> Iterator[str]:
    """Yield the address of serve and of AWS."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Listing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def operator_variables(folder: Path) -> Mapping[str, str]:
    """Make a CA in a folder, and return variables that name an operator's certificate."""
    authority = build_pki(load_settings({"GROMIT_PKI_DIR": str(folder)}).settings)
    authority.init("test", 1)
    authority.issue(LeafRequest(name="alice", kind=Role.OPERATOR, days=1))
    return {
        "GROMIT_CA": str(folder / "ca.pem"),
        "GROMIT_CLIENT_CERT": str(folder / "alice.pem"),
        "GROMIT_CLIENT_KEY": str(folder / "alice-key.pem"),
    }


def pass_variables(url: str) -> Mapping[str, str]:
    """Return variables of a part that makes passes."""
    return {
        "GROMIT_SERVE_URL": url,
        "GROMIT_CLUSTER_DOMAIN": "dev.example.com",
        "GROMIT_CLUSTER_ZONEID": "Z1",
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def run_command(*arguments: str, home: Path, **variables: str) -> tuple[str, frozenset[str]]:
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


def besides_python(modules: frozenset[str]) -> frozenset[str]:
    """Return the modules that are not Python's own, whose number differs between its releases."""
    return frozenset(
        m
        for m in modules
        if m.partition(".")[0] not in sys.stdlib_module_names and not m.startswith(("model ", "_"))
    )
