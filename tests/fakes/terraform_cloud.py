"""Terraform Cloud on loopback: the part of its API that the doctor uses, behind the token."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ORGANIZATION = "acme"


@dataclass
class TerraformCloudServer:
    """Workspaces, and the requests so far."""

    token: str
    url: str = ""
    workspaces: Mapping[str, int | None] = field(default_factory=dict)
    """Name to the number of its resources; None: it has no state."""
    execution_mode: str = "local"
    """Of all its workspaces. The default of an organisation is `remote`."""
    locked: bool = False
    reads_states: bool = False
    """Whether its token may download states."""
    status: int = 200
    """Another status is its answer to everything."""
    body: bytes | None = None
    """Another body is its answer to everything, with status 200."""
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, shown: str | None) -> tuple[int, Any]:
        """Status and JSON."""
        self.asked.append(path)
        if self.status != 200:
            return self.status, {"errors": [{"status": str(self.status)}]}
        if shown != f"Bearer {self.token}":
            return 401, {"errors": [{"status": "401", "title": "unauthorized"}]}
        parts = path.strip("/").split("/")
        match parts:
            case ["api", "v2", "organizations", organization, "workspaces", name] if (
                organization == ORGANIZATION
            ):
                return self._workspace(name)
            case _:
                return _MISSING

    def _workspace(self, name: str) -> tuple[int, Any]:
        if name not in self.workspaces:
            return _MISSING
        resources = self.workspaces[name]
        state = None if resources is None else {"id": "sv-1", "type": "state-versions"}
        attributes = {
            "name": name,
            "execution-mode": self.execution_mode,
            "locked": self.locked,
            "operations": self.execution_mode != "local",
            "permissions": {"can-read-state-versions": self.reads_states},
            "resource-count": resources or 0,
            "setting-overwrites": {"execution-mode": True, "agent-pool": True},
            "terraform-version": "1.11.4",
        }
        workspace = {
            "id": f"ws-{name}",
            "type": "workspaces",
            "attributes": attributes,
            "relationships": {"current-state-version": {"data": state}},
        }
        return 200, {"data": workspace}


_MISSING = 404, {"errors": [{"status": "404", "title": "not found"}]}


@contextmanager
def terraform_cloud(
    token: str, tls: ssl.SSLContext | None = None, **workspaces: int | None
) -> Iterator[TerraformCloudServer]:
    """A server for the time of the block; `_` in a workspace's name means `-`."""
    held = TerraformCloudServer(
        token, workspaces={name.replace("_", "-"): count for name, count in workspaces.items()}
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, tree = held.answer(self.path, self.headers.get("Authorization"))
            body = json.dumps(tree).encode() if held.body is None else held.body
            self.send_response(status if held.body is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    thread.start()
    scheme = "http" if tls is None else "https"
    held.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    try:
        yield held
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
