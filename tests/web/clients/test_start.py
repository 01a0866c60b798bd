"""Modules that a client of serve loads: a command starts quickly if they are few."""

import json
import subprocess
import sys
from pathlib import Path

from gromit.core.security.roles import Role
from tests.fakes.authority import TestCa

_SCRIPT = """
import json, os, sys
from gromit.bootstrap.clients import serve_client
from gromit.config.load import load_settings

serve_client(load_settings(os.environ).settings).close()
print(json.dumps(sorted(sys.modules)))
"""
_FOR_SERVERS = {
    "boto3",
    "cryptography",
    "fastapi",
    "gromit.web.server",
    "prometheus_client",
    "starlette",
    "uvicorn",
}


def test_a_client_loads_nothing_that_only_servers_need(tmp_path: Path) -> None:
    files = TestCa(tmp_path).leaf("alice", Role.VIEWER)
    environ = {
        "HOME": "/nonexistent",
        "GROMIT_SERVE_URL": "https://127.0.0.1:9",
        "GROMIT_CA": files.ca or "",
        "GROMIT_CLIENT_CERT": files.cert,
        "GROMIT_CLIENT_KEY": files.key,
    }
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], env=environ, capture_output=True, text=True, check=True
    )
    assert _FOR_SERVERS & set(json.loads(done.stdout)) == set()
